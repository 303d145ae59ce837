"""Which children there are, in which order they start and stop, and when all of it ends."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter

from openride_analytics.clock import Clock
from openride_analytics.errors import Fatal
from openride_analytics.supervisor.actor import ChildStatus, Spec
from openride_analytics.supervisor.life import Life, OnChange, Rules
from openride_analytics.supervisor.restarts import Backoff, Limit

log = logging.getLogger("openride.supervisor")


class Supervisor:
    """Keeps actors alive, each in its own task; one's crash touches no other.

    `grace` is how many seconds a whole stop may take before what is left is cancelled; `cancel_grace`, how
    many more a cancelled actor has before it is abandoned. `on_change` is called in the loop with a child's
    status, once when `run` begins and once for each change; it must not block.

    Raises Fatal if two actors have one name, or `after` names an unknown actor or goes round in a circle.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        *,
        clock: Clock,
        backoff: Backoff,
        limit: Limit,
        grace: float,
        rng: random.Random,
        cancel_grace: float = 1.0,
        on_change: OnChange | None = None,
    ) -> None:
        self._clock = clock
        self._grace = grace
        self._cancel_grace = cancel_grace
        self._end = asyncio.Event()
        self._started = False
        self._error: BaseException | None = None
        self._abandoned: tuple[str, ...] = ()
        rules = Rules(clock, rng, backoff, limit, on_change or _ignore)
        self._lives: dict[str, Life] = {}  # dependencies first
        for spec in _in_start_order(specs):
            self._lives[spec.actor.name] = Life(spec, [self._lives[name] for name in spec.after], rules)
        self._needed_by = _needed_by(self._lives)
        self._names = [spec.actor.name for spec in specs]

    def children(self) -> Sequence[ChildStatus]:
        """Every child as it is now, in the order they were given."""
        return [self._lives[name].status for name in self._names]

    @property
    def abandoned(self) -> tuple[str, ...]:
        """Actors that ignored their cancellation, known when `run` is over. Their tasks are still there, and
        `asyncio.run` would wait for them for ever: the process should end with `signals.exit_now`."""
        return self._abandoned

    def stop(self) -> None:
        """Begin a graceful stop; again, or before `run`, is fine too. Call it in the loop's thread."""
        self._end.set()

    async def run(self) -> None:
        """Start all in the order of their dependencies; return when all have ended, asked to or not.

        Raises Escalated, after stopping the others, if one passes the restart limit, raises Fatal, or can
        never become ready; whatever an actor raises that is no Exception comes out too. Cancelling this stops
        all as `stop` does; cancelling it again skips the rest of the grace period.
        """
        if self._started:
            raise Fatal("a supervisor runs once")
        self._started = True
        if not self._lives:
            return
        try:
            if not self._end.is_set():
                for life in self._lives.values():
                    life.launch(self._one_ended)
            await self._end.wait()
        finally:
            await self._stop_all()
        if self._error is not None:
            raise self._error

    def _one_ended(self, life: Life, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.critical(
                "actor cannot be kept alive; stopping everything", extra={"actor": life.name}, exc_info=error
            )
            if self._error is None:
                self._error = error
        if error is not None or not self._left():
            self._end.set()

    def _left(self) -> list[Life]:
        return [life for life in self._lives.values() if not life.ended]

    async def _stop_all(self) -> None:
        for life in self._lives.values():
            life.retire()
        try:
            await self._within(self._grace, self._ask_who_is_not_needed)
        finally:  # also when cancelled a second time
            await self._cancel_left()

    def _ask_who_is_not_needed(self, left: list[Life]) -> None:
        names = {life.name for life in left}
        for life in reversed(left):
            if names.isdisjoint(self._needed_by[life.name]):
                life.ask()

    async def _cancel_left(self) -> None:
        left = self._left()
        if not left:
            return
        names = [life.name for life in left]
        log.error("actors did not stop in time; cancelling them", extra={"actors": names})
        for life in left:
            life.cancel(f"did not stop within {self._grace:g} s; cancelled")
        await self._within(self._cancel_grace, lambda _: None)
        left = self._left()
        self._abandoned = tuple(life.name for life in left)
        for life in left:
            life.abandon("ignored its cancellation; abandoned")
        if left:
            log.critical("actors ignore cancellation; abandoning them", extra={"actors": self._abandoned})

    async def _within(self, seconds: float, each_time: Callable[[list[Life]], None]) -> None:
        """Until none is left, at most `seconds`; `each_time` sees who is left, at once and after each end."""
        timer = asyncio.create_task(self._clock.sleep(seconds), name="supervisor:timer")
        try:
            while (left := self._left()) and not timer.done():
                each_time(left)
                tasks = [life.task for life in left if life.task is not None]
                await asyncio.wait([*tasks, timer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()


def _in_start_order(specs: Sequence[Spec]) -> list[Spec]:
    """Dependencies before dependants, else as given."""
    by_name = {spec.actor.name: spec for spec in specs}
    if len(by_name) < len(specs):
        raise Fatal(f"two actors have one name: {sorted(spec.actor.name for spec in specs)}")
    for spec in specs:
        if unknown := set(spec.after) - by_name.keys():
            raise Fatal(f"actor {spec.actor.name} is to start after {sorted(unknown)}, which nobody runs")
    try:
        order = TopologicalSorter({name: spec.after for name, spec in by_name.items()}).static_order()
        return [by_name[name] for name in order]
    except CycleError as error:
        raise Fatal(f"actors wait for each other: {' -> '.join(error.args[1])}") from error


def _needed_by(lives: dict[str, Life]) -> dict[str, set[str]]:
    """Who needs each child, directly or through others."""
    needed_by: dict[str, set[str]] = {name: set() for name in lives}
    for name, life in reversed(lives.items()):
        for dependency in life.spec.after:
            needed_by[dependency] |= {name, *needed_by[name]}
    return needed_by


def _ignore(_status: ChildStatus) -> None: ...

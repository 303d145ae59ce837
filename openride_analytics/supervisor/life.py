"""One child's life, from waiting for its dependencies to its last end: one task, no polling."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from openride_analytics.clock import Clock
from openride_analytics.errors import Fatal
from openride_analytics.supervisor.actor import ChildStatus, Restart, Spec, State
from openride_analytics.supervisor.restarts import Backoff, Escalated, Limit, Window
from openride_analytics.telemetry.blame import message

log = logging.getLogger("openride.supervisor")

OnChange = Callable[[ChildStatus], None]
ENDED = frozenset({State.STOPPED, State.FAILED})
LOGGED = frozenset({State.RUNNING, State.STOPPED})
MAX_ERROR_LENGTH = 300


@dataclass(frozen=True)
class Rules:
    """What all lives under one supervisor share."""

    clock: Clock
    rng: random.Random
    backoff: Backoff
    limit: Limit
    on_change: OnChange


class UnexpectedEnd(Exception):  # noqa: N818 - the name says what happened
    """A run that neither raised nor was asked to end."""


class Run:
    """One run of an actor; satisfies `Child`."""

    def __init__(
        self, stopping: asyncio.Event, on_ready: Callable[[], None], on_unready: Callable[[], None]
    ) -> None:
        self._stopping = stopping
        self._on_ready = on_ready
        self._on_unready = on_unready
        self.ready_since: float | None = None
        self.over = False

    @property
    def stopping(self) -> asyncio.Event:
        return self._stopping

    def ready(self) -> None:
        # A task that an actor's last run left behind may still call this.
        if not self.over and self.ready_since is None:
            self._on_ready()

    def unready(self) -> None:
        if not self.over and self.ready_since is not None:
            self._on_unready()


class Life:
    """`live` is the child's task; the supervisor steers it with `launch`, `retire`, `ask` and `cancel`."""

    def __init__(self, spec: Spec, after: Sequence["Life"], rules: Rules) -> None:
        self.name = spec.actor.name
        self.spec = spec
        self.needed = False  # others depend on it
        self.task: asyncio.Task[None] | None = None
        self.up = asyncio.Event()  # ready, or done: dependants may start
        self._after = after
        self._rules = rules
        self._window = Window(rules.limit)
        self._stopping = asyncio.Event()
        self._retired = False
        self._run: Run | None = None
        self._crashes = 0  # in a row
        self._cancelled_because: str | None = None
        self._status = ChildStatus(self.name, State.WAITING, 0, None, rules.clock.time(), spec.restart)
        for other in after:
            other.needed = True

    @property
    def status(self) -> ChildStatus:
        return self._status

    @property
    def ended(self) -> bool:
        return self.task is None or self.task.done()

    def launch(self, on_end: Callable[["Life", asyncio.Task[None]], None]) -> None:
        """Begin; `on_end` is called once, when the task is over."""
        self._rules.on_change(self._status)
        self.task = asyncio.create_task(self._live(), name=f"actor:{self.name}")
        self.task.add_done_callback(self._settle)
        self.task.add_done_callback(lambda task: on_end(self, task))

    def retire(self) -> None:
        """No start from now on; a child that only waits for one ends at once."""
        self._retired = True
        if self.task is not None and self._status.state in (State.WAITING, State.BACKOFF):
            self.task.cancel()

    def ask(self) -> None:
        """Ask the actor to finish."""
        if not self._stopping.is_set():
            if self._status.state in (State.STARTING, State.RUNNING):
                self._move(State.STOPPING)
            self._stopping.set()

    def cancel(self, because: str) -> None:
        """Cancel the actor; `because` becomes its last error."""
        self.ask()
        self._cancelled_because = because
        if self.task is not None:
            self.task.cancel()

    def abandon(self, because: str) -> None:
        """Say that it is over, though the task is not."""
        self._move(State.FAILED, error=because)

    async def _live(self) -> None:
        while True:
            await self._dependencies_up()
            run = Run(self._stopping, self._became_ready, self._became_unready)
            error = await self._once(run)
            run.over = True
            if self._is_over(error):
                return
            crash = error or UnexpectedEnd("returned, though it should run until it is asked to stop")
            await self._pause(run, crash)

    async def _dependencies_up(self) -> None:
        """Return at a moment when all are up: one may crash while another is waited for."""
        while down := next((other for other in self._after if not other.up.is_set()), None):
            if self._status.state is not State.WAITING:
                self._move(State.WAITING)
            await down.up.wait()

    async def _once(self, run: Run) -> Exception | None:
        """Run the actor; what it raised."""
        self._run = run
        self._move(State.STARTING)
        try:
            await self.spec.actor.run(run)
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            # Something it awaited was cancelled, not the actor: that must not look like an orderly stop.
            return UnexpectedEnd("was cancelled from within")
        except Exception as error:  # noqa: BLE001 - the boundary: every crash is logged, counted and shown
            return error
        return None

    def _became_ready(self) -> None:
        if self._run is None:
            return
        self._run.ready_since = self._rules.clock.monotonic()
        self.up.set()
        if self._status.state is State.STARTING:
            self._move(State.RUNNING)

    def _became_unready(self) -> None:
        if self._run is None:
            return
        self._run.ready_since = None
        if self._status.state is State.RUNNING:
            self._move(State.STARTING)

    def _is_over(self, error: Exception | None) -> bool:
        """Whether this was the last run; raises Escalated if the process must not go on."""
        if isinstance(error, Fatal):
            self._escalate("cannot go on", error)
        if self._retired:
            if error is not None:
                log.error("actor crashed while stopping", extra={"actor": self.name}, exc_info=error)
            self._end(error)
            return True
        if error is None and self.spec.restart is not Restart.PERMANENT:
            self._end(None)
            self.up.set()  # what had to be done is done, whether or not it called ready()
            return True
        if error is not None and self.spec.restart is Restart.TEMPORARY:
            log.error("actor crashed, and is not restarted", extra={"actor": self.name}, exc_info=error)
            if self.needed and not self.up.is_set():
                self._escalate("ended before it was ready, and others wait for it", error)
            self._end(error)
            return True
        return False

    def _end(self, error: Exception | None) -> None:
        if error is None:
            self._move(State.STOPPED)
        else:
            self._move(State.FAILED, error=describe(error))

    async def _pause(self, run: Run, crash: Exception) -> None:
        """Back off before the next start; raises Escalated if there may be none."""
        rules = self._rules
        now = rules.clock.monotonic()
        self.up.clear()
        stable = run.ready_since is not None and now - run.ready_since >= rules.backoff.reset_after
        self._crashes = 1 if stable else self._crashes + 1
        if not self._window.grant(now):
            limit = rules.limit
            self._escalate(f"more than {limit.restarts} restarts within {limit.within:g} s", crash)
        delay = rules.backoff.delay(self._crashes, rules.rng)
        log.error(
            "actor crashed; it will be restarted",
            extra={"actor": self.name, "delay_seconds": round(delay, 3), "crashes": self._crashes},
            exc_info=crash,
        )
        self._move(State.BACKOFF, error=describe(crash))
        await rules.clock.sleep(delay)
        self._move(State.WAITING, restarts=self._status.restarts + 1)

    def _escalate(self, why: str, error: Exception) -> None:
        self._move(State.FAILED, error=describe(error))
        raise Escalated(self.name, why, describe(error)) from error

    def _settle(self, task: asyncio.Task[None]) -> None:
        """A task that was cancelled, or ended by KeyboardInterrupt, never came to its own last line."""
        if self._cancelled_because is not None:
            self._move(State.FAILED, error=self._cancelled_because)
        elif self._status.state not in ENDED:
            broken = not task.cancelled() and task.exception() is not None
            self._move(State.FAILED if broken else State.STOPPED)

    def _move(self, state: State, *, error: str | None = None, restarts: int | None = None) -> None:
        before = self._status
        self._status = replace(
            before,
            state=state,
            since=self._rules.clock.time(),
            last_error=before.last_error if error is None else error,
            restarts=before.restarts if restarts is None else restarts,
        )
        level = logging.INFO if state in LOGGED else logging.DEBUG
        log.log(level, "actor is %s", state, extra={"actor": self.name})
        self._rules.on_change(self._status)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def describe(error: BaseException) -> str:
    """One line, bounded: `Type: message`."""
    text = " ".join(message(error).split())
    return f"{type(error).__name__}: {text}"[:MAX_ERROR_LENGTH].removesuffix(": ")

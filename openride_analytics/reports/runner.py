"""The actor of scheduled reports: finds what is due, has each run worked on, and tells owners of failures.

Any number of replicas has one. What is due is computed here, from the schedules; APScheduler only ticks, since it
fires twice where clocks repeat an hour, not at all on the 31st of a shorter month, and forgets what it slept through.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from openride_analytics.clock import Clock, utc_now
from openride_analytics.errors import Invalid, Retryable
from openride_analytics.reports.notices import Notices
from openride_analytics.reports.terms import upcoming
from openride_analytics.reports.work import Work
from openride_analytics.store.report_runs import Occurrence, Run, Runs
from openride_analytics.store.reports import Schedules, StoredSchedule, Turn
from openride_analytics.supervisor import Child
from openride_analytics.telemetry import Metrics, Traces, spans

log = logging.getLogger("openride.reports")

TICK_SECONDS: Final = 5.0
AT_ONCE: Final = 3  # runs in hand: one slow mail server keeps no other report waiting


class Runner:
    """Actor `reports`."""

    name = "reports"

    def __init__(
        self,
        schedules: Schedules,
        runs: Runs,
        work: Work,
        notices: Notices,
        metrics: Metrics,
        clock: Clock,
        *,
        history: timedelta,
        tick_seconds: float = TICK_SECONDS,
        traces: Traces,
    ) -> None:
        """`history`: how long runs are remembered."""
        self._schedules = schedules
        self._runs = runs
        self._work = work
        self._notices = notices
        self._metrics = metrics
        self._clock = clock
        self._history = history
        self._tick_seconds = tick_seconds
        self._traces = traces

    async def run(self, child: Child) -> None:
        """Until told to stop: a mail in hand is finished then, and the rest handed back. Ready once the database is."""
        wake, in_hand = asyncio.Event(), set[asyncio.Task[None]]()
        ticker = _ticker(wake, self._tick_seconds)
        stop = asyncio.create_task(child.stopping.wait())
        stop.add_done_callback(lambda _: wake.set())
        try:
            while not child.stopping.is_set():
                wake.clear()
                try:
                    await self._turn(in_hand, child.stopping, wake.set)
                    child.ready()
                except Retryable as error:
                    log.warning("reports wait", extra={"problem": str(error)})
                await wake.wait()
            if in_hand:
                await asyncio.wait(in_hand)
        finally:
            ticker.shutdown(wait=False)
            for task in (stop, *in_hand):
                task.cancel()
            await asyncio.gather(stop, *in_hand, return_exceptions=True)

    async def enqueue(self) -> None:
        """What is due becomes a run: of each schedule the latest period; those before it were missed.

        Some schedules at a time. Those that cannot be followed stay due: they must not be all that is looked at.
        Raises Retryable.
        """
        now, unfollowed = utc_now(self._clock), list[UUID]()
        while schedules := await self._schedules.due(now, unfollowed):
            cannot = [one.id for one in schedules if not await self._follow(one, now)]
            if len(cannot) < len(schedules):
                return
            unfollowed += cannot

    async def _follow(self, schedule: StoredSchedule, now: datetime) -> bool:
        """Whether it can be. Raises Retryable."""
        try:
            turn, occurrences = _occurrences(schedule, now)
        except Invalid as error:  # a zone that this system knows no more
            log.warning(
                "a schedule cannot be followed",
                extra={"schedule_id": str(schedule.id), "problem": str(error)},
            )
            return False
        made = await self._runs.enqueue(schedule, turn, occurrences, now)
        for _ in range(made.count("missed")):
            self._metrics.report_runs_total.labels(str(schedule.terms.report_type), "missed").inc()
        return True

    async def call_off(self) -> None:
        """End runs that wait for a schedule that is paused or gone. Raises Retryable."""
        ended = await self._runs.call_off(None, utc_now(self._clock))
        if ended:
            log.info("runs that waited were called off", extra={"count": ended})

    async def forget(self) -> None:
        """Remove what is old. Raises Retryable."""
        now = utc_now(self._clock)
        await self._runs.forget(now, now - self._history)

    async def work(self, run: Run, stopping: asyncio.Event) -> str:
        """From the claim to its end; how it went."""
        begun = self._clock.monotonic()
        if run.due_at is not None and run.attempts == 1:
            self._metrics.report_lateness_seconds.observe(
                max(0.0, self._clock.time() - run.due_at.timestamp())
            )
        about = {spans.REPORT_TYPE: run.report_type, spans.TRIGGER: run.trigger}
        with self._traces.root(spans.REPORT, spans.SpanKind.INTERNAL, about) as span:
            outcome = await self._work.perform(run, stopping)
            span.set_attribute(spans.OUTCOME, outcome)
            if outcome in ("failed", "lost"):
                spans.failed(span, outcome)
            log.info("report", extra={"execution_id": str(run.id), "outcome": outcome})
        self._metrics.report_runs_total.labels(run.report_type, outcome).inc()
        self._metrics.report_run_seconds.labels(run.report_type).observe(self._clock.monotonic() - begun)
        return outcome

    async def _turn(
        self, in_hand: "set[asyncio.Task[None]]", stopping: asyncio.Event, wake: Callable[[], None]
    ) -> None:
        await self.enqueue()
        await self.call_off()
        while len(in_hand) < AT_ONCE and not stopping.is_set():
            run = await self._runs.claim(utc_now(self._clock))
            if run is None:
                break
            _begin(self._guarded(run, stopping), in_hand, wake)
        if not any(task.get_name() == "notices" for task in in_hand):
            _begin(self._tell(), in_hand, None, name="notices")
        await self.forget()  # last: that it takes too long must not keep runs from being claimed

    async def _guarded(self, run: Run, stopping: asyncio.Event) -> None:
        try:
            await self.work(run, stopping)
        except Exception:
            # A defect: its lease ends, and it is taken up again, so often and no more.
            log.exception("a run was given up", extra={"execution_id": str(run.id)})

    async def _tell(self) -> None:
        try:
            while await self._notices.send():
                pass
        except Retryable:
            return  # the next turn says so
        except Exception:
            log.exception("an owner was not told of a failure")  # one that is marked is not told of again


def _occurrences(schedule: StoredSchedule, now: datetime) -> tuple[Turn, list[Occurrence]]:
    """What is due by now, and when the schedule is due after that."""
    due = []
    for one in upcoming(schedule.terms, schedule.turn.covered_until):
        if one.at > now:
            break
        due.append(one)
    found = [
        Occurrence(given.at, given.period.since, given.period.until, missed=given is not due[-1])
        for given in due
    ]
    return Turn(one.at, one.period.since), found


def _ticker(wake: asyncio.Event, seconds: float) -> AsyncIOScheduler:
    """Sets `wake` again and again. It keeps nothing, and has nothing to catch up with."""

    async def tick() -> None:
        wake.set()

    ticker = AsyncIOScheduler(timezone=UTC)
    ticker.add_job(tick, "interval", seconds=seconds, coalesce=True, misfire_grace_time=None)
    ticker.start()
    return ticker


def _begin(
    work: Coroutine[Any, Any, None],
    in_hand: "set[asyncio.Task[None]]",
    then: Callable[[], None] | None,
    name: str | None = None,
) -> None:
    task = asyncio.create_task(work, name=name)
    in_hand.add(task)
    task.add_done_callback(in_hand.discard)
    if then is not None:
        task.add_done_callback(lambda _: then())

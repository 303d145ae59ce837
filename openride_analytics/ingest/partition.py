"""One topic-partition while this process owns it: recovered first, then stored batch by batch."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from aiokafka import ConsumerRecord, TopicPartition

from openride_analytics.clock import Clock, wait
from openride_analytics.errors import Reason, Rejected, Retryable
from openride_analytics.ingest.batch import Batch, Draft, Place, build
from openride_analytics.ingest.crash import CrashPoints, Point
from openride_analytics.ingest.dead_letters import DeadLetter, DeadLetters, Limits, reasons
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.ingest.intake import Inflight, Intake
from openride_analytics.ingest.intent import Intent, token
from openride_analytics.ingest.offsets import Offsets, PartitionLost
from openride_analytics.ingest.warehouse import Warehouse
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import DataRefused
from openride_analytics.telemetry import Metrics

log = logging.getLogger("openride.ingest")

T = TypeVar("T")

BACKOFF_FIRST, BACKOFF_MOST = 0.2, 10.0

# Up to here a batch is built in about a millisecond; beyond, a thread keeps the loop free.
THREAD_ROWS = 200


class State(StrEnum):
    """What a partition is doing: the `state` label of its metric and the word in /health/ready."""

    RECOVERING = "recovering"
    RUNNING = "running"
    RETRYING = "retrying"
    HALTED = "halted"
    LOST = "lost"


class PartitionHalted(Exception):  # noqa: N818 - a state, not a defect
    """The partition cannot go on by itself: somebody has to look at it."""


@dataclass(frozen=True)
class Services:
    """What the partitions of one process share."""

    settings: Settings
    warehouse: Warehouse
    offsets: Offsets
    dead_letters: DeadLetters
    seek: Callable[[TopicPartition, int], None]
    inflight: Inflight
    metrics: Metrics
    clock: Clock
    crash: CrashPoints
    rng: random.Random


class Partition:
    """Takes records from the poll loop by `accept` and stores them in a task of its own.

    An object lives from one assignment to its revocation, so nothing that an earlier ownership left open
    can be committed under a later one.
    """

    def __init__(self, tp: TopicPartition, kind: str, services: Services) -> None:
        self.tp = tp
        self.state = State.RECOVERING
        self.problem: str | None = None
        self.committed: int | None = None
        settings = services.settings
        self._services = services
        self._place = Place(kind, tp.topic, tp.partition, settings.kafka.topic_epoch)
        self._intake = Intake(
            Decoder(kind, settings.ingest.max_message_bytes, settings.ingest.max_event_age_days),
            Limits(settings.ingest.dlq_max_ratio, settings.ingest.dlq_max_run),
            settings.ingest,
            services.clock,
            services.inflight,
        )
        self._window = DuplicateWindow(settings.ingest.dedup_window)
        self._stored_to = 0
        self._leaving = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"partition {tp.topic}/{tp.partition}")

    # -- the poll loop's side

    @property
    def wants(self) -> bool:
        """Whether the poll loop should fetch for this partition."""
        return self.committed is not None and not self._task.done() and self._intake.wants

    def accept(self, records: Sequence[ConsumerRecord], position: int) -> None:
        """Take what was fetched; `position` is the offset that the fetcher comes to next."""
        self._intake.accept(records, position)

    def hurry(self) -> None:
        """There is no room for more: store what is here."""
        self._intake.hurry()

    def check(self) -> None:
        """Raise what ended the task, if that was no outcome it knows."""
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    def halt(self, problem: str) -> None:
        """Stop this partition until an operator has looked at it. Its neighbors go on."""
        self.state, self.problem = State.HALTED, problem
        self._intake.close()
        self._leaving.set()
        log.error("partition halted", extra={**self._names, "problem": problem})

    async def leave(self, seconds: float) -> None:
        """Finish the batch in flight, for at most `seconds`; then drop it, its intent stays."""
        self._leaving.set()
        self._intake.close()
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=seconds)
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()) is not None:
            log.error("partition crashed", extra=self._names, exc_info=error)

    # -- its own task

    async def _run(self) -> None:
        try:
            await self._recover()
            while (draft := await self._intake.take()) is not None:
                await self._store(draft)
            await self._commit_stored()
            if self._intake.tripped:
                raise PartitionHalted(self._intake.tripped)
        except PartitionLost:
            self.state = State.LOST
            log.info("partition lost", extra=self._names)
        except PartitionHalted as reason:
            self.halt(str(reason))
        finally:
            self._intake.close()

    async def _recover(self) -> None:
        """Find out where the last owner stopped and finish what it had begun.

        The duplicate window is read with ids from before that place only: else a range that is to be
        repeated would be taken for its own duplicate.
        """
        offsets, warehouse = self._services.offsets, self._services.warehouse
        committed = (await self._retry(lambda: offsets.committed([self.tp])))[self.tp]
        start = committed.offset
        if start is None:
            start = await self._retry(lambda: offsets.earliest(self.tp))
        size = self._services.settings.ingest.dedup_window
        recent = await self._retry(lambda: warehouse.recent_ids(self._place, start, size))
        self._window = DuplicateWindow(size, recent)
        self._stored_to = start
        self._intake.begin(start, committed.intent)
        self._services.seek(self.tp, start)
        self.committed = start  # from here on the poll loop fetches
        if committed.intent is not None:
            await self._replay(committed.intent)
        self.state = State.RUNNING
        log.info("partition recovered", extra={**self._names, "offset": self._stored_to})

    async def _replay(self, intent: Intent) -> None:
        """Insert exactly the offsets of `intent` again, under the token they had."""
        draft = await self._intake.take()
        if draft is None:
            raise PartitionLost
        batch = await self._build(draft)
        log.info("repeating an open insert", extra={**self._names, "first": batch.first, "last": batch.last})
        if batch.rows != intent.rows:
            # If the insert had arrived, what arrived then stays; if not, these rows do.
            log.warning(
                "repeated rows differ", extra={**self._names, "rows": batch.rows, "then": intent.rows}
            )
        await self._insert(batch, intent)
        self._services.crash.reach(Point.INSERTED)
        await self._finish(draft, batch)

    async def _store(self, draft: Draft) -> None:
        """Dead letters, intent, insert, commit: nothing is lost or doubled by stopping in between."""
        batch = await self._build(draft)
        self._services.crash.reach(Point.DECODED)
        if batch.letters:
            await self._bury(batch.letters)
            self._services.crash.reach(Point.DEAD_LETTERED)
        if batch.rows:
            await self._insert_announced(batch, draft.at)
        await self._finish(draft, batch)

    async def _insert_announced(self, batch: Batch, at: int) -> None:
        intent = Intent(batch.last, at, batch.rows, self._place.epoch)
        await self._commit(batch.first, intent)
        self._services.crash.reach(Point.INTENT_COMMITTED)
        try:
            await self._insert(batch, intent)
        except DataRefused as error:
            await self._narrow_down(batch, at, error)
        self._services.crash.reach(Point.INSERTED)

    async def _narrow_down(self, batch: Batch, at: int, error: DataRefused) -> None:
        """Halve a refused batch until the row that ClickHouse refuses stands alone, and bury that."""
        if await self._retry(lambda: self._services.warehouse.holds(self._place, batch.first, batch.last)):
            raise PartitionHalted(f"ClickHouse refuses rows among offsets that are partly stored: {error}")
        if batch.rows == 1:
            rejected = Rejected(Reason.REJECTED_BY_CLICKHOUSE, str(error))
            await self._bury([DeadLetter(batch.records[0], rejected)])
            return
        for half in batch.halves():
            await self._insert_announced(half, at)

    async def _insert(self, batch: Batch, intent: Intent) -> None:
        if not batch.rows:
            return
        env = self._services.settings.app.env
        name = token(env, intent.epoch, self.tp.topic, self.tp.partition, batch.first, batch.last)
        begun = self._services.clock.monotonic()
        await self._retry(lambda: self._services.warehouse.insert(batch, name))
        self._window.remember(batch.folds)
        self._measure(batch, self._services.clock.monotonic() - begun)

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        await self._retry(lambda: self._services.dead_letters.send(letters, self._services.clock.time()))
        self._count("dead_lettered", len(letters))
        for reason, count in reasons(letters).items():
            self._services.metrics.ingest_dead_letters_total.labels(self.tp.topic, reason).inc(count)

    async def _finish(self, draft: Draft, batch: Batch) -> None:
        """The draft is done with; its commit may ride on the next intent if that is about to be written."""
        self._stored_to = batch.last + 1
        self._intake.release(draft)
        if batch.duplicates:
            self._count("duplicate", batch.duplicates)
        if not self._intake.due:
            await self._commit_stored()

    async def _commit_stored(self) -> None:
        if self.committed != self._stored_to:
            await self._commit(self._stored_to, None)
            self._services.crash.reach(Point.COMMITTED)

    async def _commit(self, offset: int, intent: Intent | None) -> None:
        await self._retry(lambda: self._services.offsets.commit(self.tp, offset, intent))
        self.committed = offset

    async def _build(self, draft: Draft) -> Batch:
        if len(draft.records) <= THREAD_ROWS:
            return build(self._place, draft, self._window)
        return await asyncio.to_thread(build, self._place, draft, self._window)

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Until it succeeds or the partition is to be left; an outage is no reason to drop anything."""
        before, pause = self.state, BACKOFF_FIRST
        while True:
            try:
                result = await attempt()
            except Retryable as error:
                if self._leaving.is_set():
                    raise PartitionLost from error
                if self.state is not State.RETRYING:
                    self.state, self.problem = State.RETRYING, str(error)
                    log.warning("retrying", extra={**self._names, "problem": str(error)})
                await wait(self._leaving, pause * self._services.rng.uniform(0.5, 1))
                pause = min(2 * pause, BACKOFF_MOST)
            else:
                if self.state is State.RETRYING:
                    self.state, self.problem = before, None
                return result

    def _measure(self, batch: Batch, seconds: float) -> None:
        metrics, topic = self._services.metrics, self.tp.topic
        self._count("stored", batch.rows)
        metrics.ingest_batch_events.labels(topic).observe(batch.rows)
        metrics.ingest_insert_seconds.labels(topic).observe(seconds)
        oldest = batch.records[0].timestamp / 1000
        metrics.ingest_delay_seconds.labels(topic).observe(max(0, self._services.clock.time() - oldest))

    def _count(self, outcome: str, events: int) -> None:
        self._services.metrics.ingest_events_total.labels(self.tp.topic, outcome).inc(events)

    @property
    def _names(self) -> dict[str, object]:
        return {"topic": self.tp.topic, "partition": self.tp.partition}

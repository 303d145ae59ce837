"""One topic's partitions while this process owns them: recovered first, then stored batch by batch."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TypeVar

from aiokafka import TopicPartition

from openride_analytics.clock import wait
from openride_analytics.errors import Reason, Rejected, Retryable
from openride_analytics.ingest.batch import Batch, Share, Source, Span
from openride_analytics.ingest.builder import Builder
from openride_analytics.ingest.crash import Point
from openride_analytics.ingest.dead_letters import DeadLetter, reasons
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.followed import burying, settling
from openride_analytics.ingest.intake import Intake
from openride_analytics.ingest.intent import Intent
from openride_analytics.ingest.offsets import PartitionLost
from openride_analytics.ingest.partition import Partition, State
from openride_analytics.ingest.recovery import Begun, Recovery
from openride_analytics.ingest.services import Services
from openride_analytics.ingest.supply import Supply
from openride_analytics.store.clickhouse import DataRefused

log = logging.getLogger("openride.ingest")

T = TypeVar("T")

BACKOFF_FIRST, BACKOFF_MOST = 0.2, 10.0


class _Anew(Exception):  # noqa: N818 - no defect
    """What lies behind the committed offsets has to be read again."""


class Topic:
    """Stores what its partitions have accepted, in a task of its own, from one assignment to its revocation.

    A batch takes the drafts of all its partitions: with many partitions and little traffic the inserts
    themselves, some 80 ms of ClickHouse's time each, would else be most of the work.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        numbers: Collection[int],
        phase: float,
        services: Services,
        before: "Topic | None" = None,
    ) -> None:
        """`phase`: the part of the flush interval, from 0 to 1, at which its batches are due. `before`: the same, which
        has ended because it was to begin anew."""
        settings = services.settings
        ingest = settings.ingest
        self._services = services
        self._phase = phase
        self._source = Source(kind, name, settings.kafka.topic_epoch)
        self._held = services.inflight.of(name)
        decode = Decoder(kind, ingest.max_message_bytes, ingest.max_event_age_days)
        self._builder = Builder(decode, services.metrics)
        self.partitions: Mapping[int, Partition] = {
            number: before.partitions[number].anew()
            if before
            else Partition(TopicPartition(name, number), ingest, services.clock, self._held)
            for number in sorted(numbers)
        }
        interval = ingest.flush_interval_ms / 1000
        self._intake = Intake(
            self.partitions.values(), interval, phase * interval, services.clock, self._held
        )
        self._supply = Supply(
            self._source, self._builder, self.partitions, self._intake, self._held, services
        )
        self._state = State.RECOVERING
        self.begins_anew = False
        self._leaving = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"topic {name}")

    # -- the poll loop's side

    def look(self) -> None:
        """A partition has accepted records, or there is no room for more."""
        self._intake.look()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more."""
        return not self._held.room()

    def anew(self) -> "Topic":
        """What goes on in place of this one, once it has said that it `begins_anew`: from what is committed."""
        return Topic(
            self._source.kind, self._source.topic, self.partitions, self._phase, self._services, before=self
        )

    def check(self) -> None:
        """Raise what ended the task, if that was no outcome it knows."""
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    async def leave(self, seconds: float) -> None:
        """Finish the batch in flight, for at most `seconds`; then drop it, its intent stays."""
        self._leaving.set()
        self._intake.close()
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=seconds)
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()) is not None:
            log.error("topic crashed", extra=self._names, exc_info=error)

    # -- its own task

    async def _run(self) -> None:
        try:
            await self._recover()
            async for batch in self._supply:
                with nullcontext() if batch.trace is None else batch.trace.to_its_end():
                    await self._store(batch)
                    await self._halt(batch.tripped)
            await self._commit()
        except PartitionLost:
            self._move(State.LOST)
            log.info("partitions lost", extra=self._names)
        except _Anew:
            self._move(State.RECOVERING)
            self.begins_anew = True
        finally:
            await self._supply.close()

    async def _recover(self) -> None:
        """Find out where the last owners stopped and finish what they had begun."""
        recovery = Recovery(self._source, self._builder, self._going(), self._services, self._retry)
        async for begun in recovery.begun():
            await self._repeat(begun)
        await self._commit()
        for partition in self._going().values():
            self._services.seek(partition.tp, partition.next)
        self._move(State.RUNNING)
        log.info("partitions recovered", extra=self._names)

    async def _repeat(self, begun: Begun) -> None:
        """Insert it under the token it had."""
        try:
            await self._insert(begun.batch, begun.intent)
        except DataRefused as error:
            parts = [await self._builder.again(begun.batch.source, begun.mine)]
            await self._narrow_down(begun.batch, parts, error)
        else:
            self._services.crash.reach(Point.INSERTED)
            self._advance(share.span for share in begun.mine)

    async def _store(self, built: Batch) -> None:
        """Dead letters, intent, insert, commit: nothing is lost or doubled by stopping in between."""
        batch = await self._of_those_going(built)
        if batch.letters:
            await self._bury(batch.letters)
            self._services.crash.reach(Point.DEAD_LETTERED)
        await self._announce(batch)
        self._count("duplicate", batch.duplicates)
        if not self._supply.more:  # else the commit rides on the next intent
            await self._commit()

    async def _halt(self, tripped: Mapping[int, str]) -> None:
        """What came before too many bad messages is stored, and is committed first."""
        if tripped:
            await self._commit()
        for number, limit in tripped.items():
            if self.partitions[number].state is not State.HALTED:
                self.partitions[number].halt(limit)

    async def _announce(self, batch: Batch) -> None:
        """Write the intent, then do as it says."""
        if not batch.rows.count:
            self._advance(batch.spans)
            return
        intent = Intent(batch.source.epoch, batch.rows.count, batch.spans)
        await self._commit(intent)
        self._services.crash.reach(Point.INTENT_COMMITTED)
        try:
            await self._insert(batch, intent)
        except DataRefused as error:
            await self._narrow_down(batch, await self._builder.halves(batch), error)
        else:
            self._services.crash.reach(Point.INSERTED)
            self._advance(batch.spans)
            for share in batch.shares:
                self.partitions[share.span.partition].refusals.count([False] * len(share.records))

    async def _narrow_down(self, refused: Batch, parts: Sequence[Batch], error: DataRefused) -> None:
        """Try our `parts` of a refused batch instead, until the row that ClickHouse refuses stands alone; bury that."""
        spans = [span for part in parts or [refused] for span in part.spans]
        if await self._retry(lambda: self._services.warehouse.holds_any(refused.source, spans)):
            for span in spans:
                self.partitions[span.partition].halt(
                    f"ClickHouse refuses rows among offsets that are partly stored: {error}"
                )
        elif not parts:
            await self._refuse(refused.shares[0], error)
        else:
            await self._commit(withdraw=[span.partition for span in spans])
            for part in parts:
                await self._announce(await self._of_those_going(part))

    async def _refuse(self, share: Share, error: DataRefused) -> None:
        """Bury a row that ClickHouse refuses, unless too many are refused. Raises _Anew if the same event, mended, has
        come already, and was taken for its duplicate."""
        number, record = share.span.partition, share.records[0]
        partition = self.partitions[number]
        _, limit = partition.refusals.count([True])
        if limit is not None:
            await self._commit(withdraw=[number])
            partition.halt(f"{limit}, refused by ClickHouse: {error}")
            return
        rejected = Rejected(Reason.REJECTED_BY_CLICKHOUSE, str(error))
        await self._bury([DeadLetter(record, rejected)])
        if partition.window.forget(share.folds):
            partition.advance(record.offset)
            await self._commit(withdraw=[number])
            raise _Anew
        partition.advance(share.span.last)

    def _going(self) -> dict[int, Partition]:
        """The partitions that are not halted."""
        return {n: each for n, each in self.partitions.items() if each.state is not State.HALTED}

    async def _of_those_going(self, batch: Batch) -> Batch:
        """What was built of a partition before it was halted must not be stored."""
        shares = batch.of(self._going())
        return batch if len(shares) == len(batch.shares) else await self._builder.again(batch.source, shares)

    async def _insert(self, batch: Batch, intent: Intent) -> None:
        if not batch.rows.count:
            return
        name = intent.token(self._services.settings.app.env, batch.source.topic)
        begun = self._services.clock.monotonic()
        await self._retry(lambda: self._services.warehouse.insert(batch, name))
        self._measure(batch, self._services.clock.monotonic() - begun)

    def _advance(self, spans: Iterable[Span]) -> None:
        """They are stored."""
        for span in spans:
            self.partitions[span.partition].advance(span.last)

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        with burying(len(letters)):
            await self._retry(lambda: self._services.dead_letters.send(letters, self._services.clock.time()))
        self._count("dead_lettered", len(letters))
        for reason, count in reasons(letters).items():
            self._services.metrics.ingest_dead_letters_total.labels(self._source.topic, reason).inc(count)

    async def _commit(self, intent: Intent | None = None, withdraw: Collection[int] = ()) -> None:
        """What is stored and not yet committed, and what is about to be stored, of all partitions in one request:
        an intent that only some of its partitions know would be worse than none. `withdraw`: partitions whose
        intent will not be carried out.
        """
        announced = {span.partition for span in intent.spans} if intent is not None else set()
        positions = {
            partition.tp: (partition.stored_to, intent if number in announced else None)
            for number, partition in self._going().items()
            if number in announced or number in withdraw or partition.stored_to != partition.committed
        }
        if not positions:
            return
        with settling():
            await self._retry(lambda: self._services.offsets.commit(positions))
        for tp, (offset, _) in positions.items():
            self.partitions[tp.partition].committed = offset
        if intent is None:
            self._services.crash.reach(Point.COMMITTED)

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Until it succeeds or the topic is to be left; an outage is no reason to drop anything."""
        before, pause = self._state, BACKOFF_FIRST
        while True:
            try:
                result = await attempt()
            except Retryable as error:
                if self._leaving.is_set():
                    raise PartitionLost from error
                if self._state is not State.RETRYING:
                    self._move(State.RETRYING, str(error))
                    log.warning("retrying", extra={**self._names, "problem": str(error)})
                await wait(self._leaving, pause * self._services.rng.uniform(0.5, 1))
                pause = min(2 * pause, BACKOFF_MOST)
            else:
                if self._state is State.RETRYING:
                    self._move(before)
                return result

    def _move(self, state: State, problem: str | None = None) -> None:
        self._state = state
        for partition in self.partitions.values():
            partition.move(state, problem)

    def _measure(self, batch: Batch, seconds: float) -> None:
        metrics, topic = self._services.metrics, self._source.topic
        self._count("stored", batch.rows.count)
        metrics.ingest_batch_events.labels(topic).observe(batch.rows.count)
        metrics.ingest_insert_seconds.labels(topic).observe(seconds)
        oldest = min(share.records[0].timestamp for share in batch.shares if share.records) / 1000
        metrics.ingest_delay_seconds.labels(topic).observe(max(0, self._services.clock.time() - oldest))

    def _count(self, outcome: str, events: int) -> None:
        if events:
            self._services.metrics.ingest_events_total.labels(self._source.topic, outcome).inc(events)

    @property
    def _names(self) -> dict[str, object]:
        return {"topic": self._source.topic, "partitions": list(self.partitions)}

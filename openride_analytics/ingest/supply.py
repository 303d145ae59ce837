"""The batches of one topic, made in advance: while one is stored, which is mostly waiting, the next is built."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from openride_analytics.ingest.batch import Batch, Draft, Source
from openride_analytics.ingest.builder import Builder
from openride_analytics.ingest.crash import Point
from openride_analytics.ingest.followed import Followed
from openride_analytics.ingest.inflight import Held
from openride_analytics.ingest.intake import Intake
from openride_analytics.ingest.partition import Partition
from openride_analytics.ingest.services import Services
from openride_analytics.telemetry.spans import DECODE, span


@dataclass(frozen=True)
class _Made:
    batch: Batch
    size: int  # bytes in memory


class Supply:
    """`async for batch in supply`: each is done with when the next is asked for; it ends when the intake is closed.

    Before `close` nothing that it took is lost sight of: its bytes count as in flight until they are stored.
    """

    def __init__(
        self,
        source: Source,
        builder: Builder,
        partitions: Mapping[int, Partition],
        intake: Intake,
        held: Held,
        services: Services,
    ) -> None:
        self._source = source
        self._builder = builder
        self._partitions = partitions
        self._intake = intake
        self._held = held
        self._services = services
        self._taken = 0  # bytes in memory of all that was taken and is not done with
        self._out = 0  # of the batch that is being stored
        self._building = False
        self._ahead: asyncio.Task[_Made | None] | None = None

    def __aiter__(self) -> "Supply":
        return self

    async def __anext__(self) -> Batch:
        self._release(self._out)
        self._out = 0
        made = await (self._ahead or self._make())
        if made is None:
            raise StopAsyncIteration
        self._out = made.size
        self._ahead = asyncio.create_task(self._make(), name=f"next batch of {self._source.topic}")
        return made.batch

    @property
    def more(self) -> bool:
        """Whether there is another batch at hand, or soon: then what is to be committed can go with its intent."""
        return self._intake.due or self._building or (self._ahead is not None and self._ahead.done())

    async def close(self) -> None:
        """Drop what was taken and not stored."""
        self._intake.close()
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait([self._ahead])
        self._release(self._taken)

    async def _make(self) -> _Made | None:
        drafts = await self._intake.take()
        if drafts is None:
            return None
        self._building = True
        size = sum(draft.size for draft in drafts)
        self._taken += size
        batch = await self._build(drafts)
        self._services.crash.reach(Point.DECODED)
        self._building = False
        return _Made(batch, size)

    async def _build(self, drafts: Sequence[Draft]) -> Batch:
        traces, group = self._services.traces, self._services.settings.kafka.group_id
        trace = Followed.begin(traces, self._source.topic, group, [draft.records for draft in drafts])
        with nullcontext() if trace is None else trace.inside(), span(DECODE):
            batch = await self._builder.build(
                self._source,
                {draft.span: draft.records for draft in drafts},
                {number: partition.window for number, partition in self._partitions.items()},
                {number: partition.limits for number, partition in self._partitions.items()},
            )
        if trace is None:
            return batch
        letters = {
            (letter.record.partition, letter.record.offset): str(letter.why.reason)
            for letter in batch.letters
        }
        trace.became(batch.rows.count, batch.duplicates, letters)
        return replace(batch, trace=trace)

    def _release(self, size: int) -> None:
        self._taken -= size
        self._held.bytes -= size

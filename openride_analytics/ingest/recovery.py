"""Where the last owners of a topic's partitions stopped, and what they may have left half done."""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from openride_analytics.ingest.batch import Batch, Share, Source
from openride_analytics.ingest.builder import Builder
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.ingest.intent import Intent
from openride_analytics.ingest.offsets import Committed
from openride_analytics.ingest.partition import Partition
from openride_analytics.ingest.services import Services
from openride_analytics.ingest.spans import read_spans

log = logging.getLogger("openride.ingest")

T = TypeVar("T")


class Retry(Protocol):
    """Until it succeeds, however often that is Retryable."""

    async def __call__(self, attempt: Callable[[], Awaitable[T]]) -> T: ...


@dataclass(frozen=True)
class Begun:
    """An insert that may have been carried out, built again: `mine` is what the partitions that are recovered have in
    its batch."""

    intent: Intent
    batch: Batch
    mine: Sequence[Share]


class Recovery:
    """Of partitions that are not halted."""

    def __init__(
        self,
        source: Source,
        builder: Builder,
        partitions: Mapping[int, Partition],
        services: Services,
        retry: Retry,
    ) -> None:
        self._source = source
        self._builder = builder
        self._partitions = partitions
        self._services = services
        self._retry = retry

    async def begun(self) -> AsyncIterator[Begun]:
        """Have each partition stand where its group does; what has to be inserted again before they go on."""
        committed = await self._retry(
            lambda: self._services.offsets.committed([p.tp for p in self._partitions.values()])
        )
        open_inserts: dict[Intent, list[int]] = defaultdict(list)
        for number, partition in self._partitions.items():
            found = committed[partition.tp]
            await self._start(partition, found)
            if found.intent is not None:
                open_inserts[found.intent].append(number)
        for intent, numbers in open_inserts.items():
            begun = await self._again(intent, numbers)
            if begun is not None:
                yield begun

    async def _start(self, partition: Partition, committed: Committed) -> None:
        """Where a partition stands. What its group does not know to be stored would be stored a second time."""
        offsets, warehouse, number = self._services.offsets, self._services.warehouse, partition.number
        start = committed.offset
        if start is None:
            start = await self._retry(lambda: offsets.earliest(partition.tp))
        partition.start(start, await self._window(self._source, number, start))
        newest = await self._retry(lambda: warehouse.newest(self._source, number))
        if newest >= start and (committed.intent is None or newest > committed.intent.end(number)):
            partition.halt(
                f"stored up to offset {newest} of epoch {self._source.epoch}, and the group stands at {start}: "
                "if the topic was made again, set another KAFKA_TOPIC_EPOCH; if the group's offsets were lost "
                f"or set back, set them to {newest + 1}"
            )

    async def _window(self, source: Source, number: int, before: int) -> DuplicateWindow:
        """As it was when everything below `before` was stored: whoever builds a range again drops the same
        duplicates, and does not take the range for its own."""
        size = self._services.settings.ingest.dedup_window
        recent = await self._retry(lambda: self._services.warehouse.recent_ids(source, number, before, size))
        return DuplicateWindow(size, recent)

    async def _again(self, intent: Intent, numbers: Collection[int]) -> Begun | None:
        """Exactly the offsets of `intent`, not only those of the partitions `numbers`, whose commits have it: the
        others' owners insert the same under the same token, and ClickHouse takes one."""
        source = Source(self._source.kind, self._source.topic, intent.epoch)
        found = await self._retry(lambda: read_spans(self._services.settings, source.topic, intent.spans))
        windows = {
            span.partition: await self._window(source, span.partition, span.first) for span in intent.spans
        }
        batch = await self._builder.build(source, found, windows)
        count = batch.rows.count
        names = {"topic": source.topic, "partitions": list(numbers), "rows": count}
        log.info("repeating an open insert", extra=names)
        if count != intent.rows:
            # If the insert had arrived, what arrived then stays; if not, these rows do.
            log.warning("repeated rows differ", extra={**names, "then": intent.rows})
        is_stored = self._services.warehouse.holds_any
        if count < intent.rows and not await self._retry(lambda: is_stored(source, batch.spans)):
            for number in numbers:
                self._partitions[number].halt(
                    f"an insert up to offset {intent.end(number)} was begun, nothing of it is stored, and of its "
                    f"{intent.rows} rows Kafka has {count}: if the others are given up, set the group's "
                    f"offset to {intent.end(number) + 1}"
                )
            return None
        for number in numbers:
            self._partitions[number].window = windows[number]
        return Begun(intent, batch, batch.of(numbers))

"""From the poll loop to the next batch: what was fetched and not yet stored, and when a batch of it is due."""

import asyncio
import math
from collections.abc import Collection, Sequence

from openride_analytics.clock import Clock
from openride_analytics.ingest.batch import MAX_BATCH_BYTES, Draft
from openride_analytics.ingest.inflight import Held
from openride_analytics.ingest.intent import MAX_SPANS
from openride_analytics.ingest.partition import Partition


class Intake:
    """The open drafts of one topic's partitions, one each: they fill while the batch before is stored."""

    def __init__(
        self,
        partitions: Collection[Partition],
        interval: float,
        phase: float,
        clock: Clock,
        held: Held,
    ) -> None:
        """`interval`: seconds that a message may wait for others. A batch is due once an interval, `phase` seconds
        into it: topics of different phases do not make ClickHouse work all at the same moment."""
        self._partitions = partitions
        self._interval = interval
        self._phase = phase
        self._clock = clock
        self._held = held
        self._closed = False
        self._changed = asyncio.Event()

    def look(self) -> None:
        """Something has changed: a draft has grown, or there is no room for more."""
        self._changed.set()

    def close(self) -> None:
        """Hand out nothing more, and drop what is here: whoever owns the partitions next will fetch it again."""
        self._closed = True
        for partition in self._partitions:
            partition.drop()
        self._changed.set()

    @property
    def due(self) -> bool:
        """Whether `take` would return drafts at once."""
        left = self._until_due()
        return left is not None and left <= 0

    async def take(self) -> Sequence[Draft] | None:
        """The drafts of the next batch once one of them is full or its time has come; None when closed."""
        while not self._closed:
            self._changed.clear()
            left = self._until_due()
            if left is not None and left <= 0:
                return self._oldest()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return None

    def _until_due(self) -> float | None:
        """Seconds until the oldest draft is due; None while there is none."""
        waiting = [partition for partition in self._partitions if partition.draft is not None]
        if not waiting:
            return None
        if not self._held.room() or any(partition.full for partition in waiting):
            return 0  # nothing more can come before something is stored
        passed = (min(map(_opened, waiting)) - self._phase) // self._interval
        return (passed + 1) * self._interval + self._phase - self._clock.monotonic()

    def _oldest(self) -> Sequence[Draft]:
        """As many drafts as one batch may have, those that have waited longest first."""
        waiting = [partition for partition in self._partitions if partition.draft is not None]
        taken: list[Draft] = []
        for partition in sorted(waiting, key=_opened)[:MAX_SPANS]:
            size = sum(draft.size for draft in taken)
            if taken and partition.draft is not None and size + partition.draft.size > MAX_BATCH_BYTES:
                break
            taken.append(partition.take())
        return taken


def _opened(partition: Partition) -> float:
    return partition.draft.opened if partition.draft is not None else math.inf

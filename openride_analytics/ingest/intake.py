"""From the poll loop to the next batch: decoding, the limits of a queue, and when a batch is due."""

import asyncio
from collections import deque
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from openride_analytics.clock import Clock
from openride_analytics.errors import Rejected
from openride_analytics.ingest.batch import Draft
from openride_analytics.ingest.dead_letters import Limits
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.intent import Intent
from openride_analytics.schema.events import Event
from openride_analytics.settings import Ingest

# What a record takes in memory beside its value until it is stored: 300 bytes itself, 840 its event (measured).
RECORD_OVERHEAD = 1_200

# One is being filled while another waits and a third is stored.
QUEUED_DRAFTS = 2


class Inflight:
    """Bytes fetched and not yet stored, of all partitions together."""

    def __init__(self) -> None:
        self.bytes = 0
        self._most = 0

    def limit(self, most: int) -> None:
        """From now on at most so many bytes; one batch may always be filled."""
        self._most = max(most, 1)

    def room(self) -> bool:
        """Whether another fetch may be taken in."""
        return self.bytes < self._most


class Intake:
    """The queue of one partition: drafts in offset order, the last of them still open."""

    def __init__(
        self, decode: Decoder, limits: Limits, ingest: Ingest, clock: Clock, inflight: Inflight
    ) -> None:
        self.tripped: str | None = None
        self._decode = decode
        self._limits = limits
        self._ingest = ingest
        self._clock = clock
        self._inflight = inflight
        self._drafts: deque[Draft] = deque()
        self._next = 0
        self._replaying = False
        self._closed = False
        self._changed = asyncio.Event()

    def begin(self, first: int, intent: Intent | None) -> None:
        """Expect records from `first` on; with an intent, the first batch is exactly its range."""
        self._next = first
        self._replaying = intent is not None
        if intent is not None:
            opened = self._clock.monotonic()
            self._drafts.append(Draft(first, intent.at, opened, self._ingest.batch_size, end=intent.end))

    @property
    def wants(self) -> bool:
        """Whether more should be fetched. A range to repeat is always wanted: nothing moves before it is done."""
        if self._closed or self.tripped:
            return False
        if self._replaying:
            return True
        waiting = len(self._drafts)
        return (waiting < QUEUED_DRAFTS or not self._drafts[-1].full) and self._inflight.room()

    def accept(self, records: Sequence[ConsumerRecord], position: int) -> None:
        """Decode and queue what was fetched; `position` is the offset that the fetcher comes to next."""
        if not records and not self._replaying:
            return
        for record in records:
            if self._closed:
                break
            draft = self._draft_for(record.offset)
            outcome = self._judge(record, draft)
            if self.tripped:
                break
            size = len(record.value or b"") + RECORD_OVERHEAD
            draft.add(record, outcome, size)
            self._inflight.bytes += size
            self._next = record.offset + 1
        else:
            # Beyond the last record there may be offsets that hold none: compacted ones, transaction markers.
            if self._replaying and self._drafts[0].last < position:
                self._replaying = False
        self._changed.set()

    def hurry(self) -> None:
        """There is no room for more: what is here is due now."""
        self._changed.set()

    async def take(self) -> Draft | None:
        """The next draft once it is full or its time has come; None when there will be no more."""
        while True:
            self._changed.clear()
            if self._closed or (self.tripped and not self._drafts):
                return None
            left = self._until_due()
            if left is not None and left <= 0:
                return self._drafts.popleft()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue

    @property
    def due(self) -> bool:
        """Whether `take` would return a draft at once."""
        left = self._until_due()
        return left is not None and left <= 0

    def release(self, draft: Draft) -> None:
        """`draft` is stored: its bytes are no longer in flight."""
        self._inflight.bytes -= draft.size
        draft.size = 0

    def close(self) -> None:
        """Take nothing more and drop what is queued: whoever owns the partition next will fetch it again."""
        self._closed = True
        while self._drafts:
            self.release(self._drafts.popleft())
        self._changed.set()

    def _until_due(self) -> float | None:
        """Seconds until the oldest draft is due; None while that depends on records to come."""
        if not self._drafts or (self._replaying and self._drafts[0].end is not None):
            return None
        draft = self._drafts[0]
        if draft.full or draft.end is not None or self.tripped or len(self._drafts) > 1:
            return 0
        if not self._inflight.room():
            return 0  # nothing more can come before something is stored
        return draft.opened + self._ingest.flush_interval_ms / 1000 - self._clock.monotonic()

    def _draft_for(self, offset: int) -> Draft:
        newest = self._drafts[-1] if self._drafts else None
        if newest is not None and newest.end is not None and offset <= newest.end:
            return newest
        if newest is None or newest.full or newest.end is not None:
            self._replaying = False
            first = newest.last + 1 if newest is not None else self._next
            newest = Draft(
                first, int(self._clock.time() * 1000), self._clock.monotonic(), self._ingest.batch_size
            )
            self._drafts.append(newest)
        return newest

    def _judge(self, record: ConsumerRecord, draft: Draft) -> Event | Rejected:
        outcome: Event | Rejected
        try:
            outcome = self._decode(record.value, draft.at / 1000)
        except Rejected as rejected:
            outcome = rejected
        if draft.end is None:  # what is repeated was within the limits the first time
            self.tripped = self._limits.exceeded_by(bad=isinstance(outcome, Rejected))
        return outcome

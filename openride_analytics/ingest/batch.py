"""Records of one topic-partition, and the rows they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord

from openride_analytics.errors import Rejected
from openride_analytics.ingest.dead_letters import DeadLetter
from openride_analytics.ingest.duplicates import DuplicateWindow, Folds, fold
from openride_analytics.schema.columns import columns_of
from openride_analytics.schema.events import Event

# A message without an event_id gets one derived from where it lies, so that it always gets the same one.
DERIVED_IDS = UUID("6f1c2f0e-5c53-4f0e-9d6b-0c5f7d1f4a9e")

MAX_BATCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A topic-partition and what else decides what its rows look like."""

    kind: str
    topic: str
    partition: int
    epoch: str


@dataclass
class Draft:
    """Records in offset order, each decoded, not yet a batch.

    `first` is the offset where the one before ended, so that gaps in Kafka's offsets are covered too; `at` is
    the time (epoch ms) at which the ages of its messages are judged; `opened` is on the monotonic clock;
    `end` is set where the range is given: an insert to be repeated ends where its intent says.
    """

    first: int
    at: int
    opened: float
    max_rows: int
    end: int | None = None
    records: list[ConsumerRecord] = field(default_factory=list)
    outcomes: list[Event | Rejected] = field(default_factory=list)
    size: int = 0

    def add(self, record: ConsumerRecord, outcome: Event | Rejected, size: int) -> None:
        """Take the next record, `size` bytes large."""
        self.records.append(record)
        self.outcomes.append(outcome)
        self.size += size

    @property
    def full(self) -> bool:
        """One batch is one block of one insert, so it has a limit in rows and in bytes; a given range has none."""
        return self.end is None and (len(self.records) >= self.max_rows or self.size >= MAX_BATCH_BYTES)

    @property
    def last(self) -> int:
        """The last offset covered; the one before `first` while there is no record."""
        if self.end is not None:
            return self.end
        return int(self.records[-1].offset) if self.records else self.first - 1


@dataclass(frozen=True)
class Batch:
    """What a contiguous range of offsets becomes: rows, dead letters, dropped duplicates.

    `records`, `events`, `ids` and `folds` are parallel and in offset order.
    """

    place: Place
    first: int
    last: int
    records: Sequence[ConsumerRecord]
    events: Sequence[Event]
    ids: Sequence[UUID]
    folds: Folds
    letters: Sequence[DeadLetter] = ()
    duplicates: int = 0

    @property
    def rows(self) -> int:
        """How many rows the insert has."""
        return len(self.events)

    def columns(self) -> Mapping[str, Sequence[object]]:
        """The rows as columns of `landing_<kind>`, always the same for the same batch."""
        typed, order = columns_of(self.place.kind, self.events)
        n = len(order)
        return {
            "event_id": [self.ids[i] for i in order],
            "metadata": [self.records[i].value for i in order],
            "kafka_epoch": [self.place.epoch] * n,
            "kafka_topic": [self.place.topic] * n,
            "kafka_partition": [self.place.partition] * n,
            "kafka_offset": [self.records[i].offset for i in order],
            **typed,
        }

    def halves(self) -> "tuple[Batch, Batch]":
        """Two batches that together cover the same offsets; needs at least two rows."""
        middle = len(self.events) // 2
        cut = self.records[middle].offset

        def part(first: int, last: int, rows: slice) -> Batch:
            return Batch(
                self.place,
                first,
                last,
                self.records[rows],
                self.events[rows],
                self.ids[rows],
                self.folds[rows],
            )

        return part(self.first, cut - 1, slice(middle)), part(cut, self.last, slice(middle, None))


def build(place: Place, draft: Draft, window: DuplicateWindow) -> Batch:
    """Sort a draft into rows, dead letters and duplicates. Pure: the same draft and window, the same batch."""
    records: list[ConsumerRecord] = []
    events: list[Event] = []
    letters: list[DeadLetter] = []
    for record, outcome in zip(draft.records, draft.outcomes, strict=True):
        if isinstance(outcome, Rejected):
            letters.append(DeadLetter(record, outcome))
        else:
            records.append(record)
            events.append(outcome)
    ids = [
        event.event_id or _derived(place, record.offset)
        for event, record in zip(events, records, strict=True)
    ]
    folds = fold(ids)
    repeated = window.seen(folds)
    duplicates = int(repeated.sum())
    if duplicates:
        kept = [i for i, again in enumerate(repeated) if not again]
        records, events, ids = [records[i] for i in kept], [events[i] for i in kept], [ids[i] for i in kept]
        folds = folds[~repeated]
    return Batch(place, draft.first, draft.last, records, events, ids, folds, letters, duplicates)


def _derived(place: Place, offset: int) -> UUID:
    return uuid5(DERIVED_IDS, f"{place.epoch}/{place.topic}/{place.partition}/{offset}")

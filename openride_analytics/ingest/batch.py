"""Records of one topic's partitions, and the rows they become."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple
from uuid import UUID, uuid5

import numpy as np
from aiokafka import ConsumerRecord

from openride_analytics.errors import Rejected
from openride_analytics.ingest.dead_letters import ORIGIN_HEADER, DeadLetter
from openride_analytics.ingest.duplicates import DuplicateWindow, Folds, fold
from openride_analytics.schema.columns import columns_of
from openride_analytics.schema.events import Event

# A message without an event_id gets one derived from where it lies, so that it always gets the same one.
DERIVED_IDS = UUID("6f1c2f0e-5c53-4f0e-9d6b-0c5f7d1f4a9e")

# Of records with what they take in memory: 30,000 of usual size, whose block is then some 15 MB.
MAX_BATCH_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """A topic and what else decides, beside a record itself, what its row looks like."""

    kind: str
    topic: str
    epoch: str


class Span(NamedTuple):
    """Offsets `first`..`last` of a partition; `at` (epoch ms) is when the ages of its messages are judged."""

    partition: int
    first: int
    last: int
    at: int


@dataclass
class Draft:
    """Records of one partition in offset order, each decoded, not yet part of a batch.

    `first` is the offset where the one before ended, so that gaps in Kafka's offsets are covered too; `opened`
    is on the monotonic clock.
    """

    partition: int
    first: int
    at: int
    opened: float
    records: list[ConsumerRecord] = field(default_factory=list)
    outcomes: list[Event | Rejected] = field(default_factory=list)
    size: int = 0

    def add(self, records: Sequence[ConsumerRecord], outcomes: Sequence[Event | Rejected], size: int) -> None:
        """Take the next records, `size` bytes in memory, and what each of them is."""
        self.records.extend(records)
        self.outcomes.extend(outcomes)
        self.size += size

    @property
    def span(self) -> Span:
        """The offsets it covers; it has at least one record."""
        return Span(self.partition, self.first, int(self.records[-1].offset), self.at)


@dataclass(frozen=True)
class Share:
    """What one partition has in a batch: its rows in offset order, as parallel sequences."""

    span: Span
    records: Sequence[ConsumerRecord]
    events: Sequence[Event]
    ids: Sequence[UUID]
    folds: Folds
    letters: Sequence[DeadLetter] = ()
    duplicates: int = 0

    def halves(self) -> "tuple[Share, Share]":
        """Two shares that together cover the same offsets; needs at least two rows."""
        middle = len(self.events) // 2
        cut = self.records[middle].offset

        def part(first: int, last: int, rows: slice) -> Share:
            span = self.span._replace(first=first, last=last)
            return Share(span, self.records[rows], self.events[rows], self.ids[rows], self.folds[rows])

        return (
            part(self.span.first, cut - 1, slice(middle)),
            part(cut, self.span.last, slice(middle, None)),
        )


@dataclass(frozen=True)
class Batch:
    """What contiguous offsets of some partitions of one topic become. `shares`: one a partition, in their order."""

    source: Source
    shares: tuple[Share, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """The offsets it covers."""
        return tuple(share.span for share in self.shares)

    @property
    def rows(self) -> int:
        """How many rows the insert has."""
        return sum(len(share.events) for share in self.shares)

    @property
    def letters(self) -> Sequence[DeadLetter]:
        """What cannot be stored."""
        return [letter for share in self.shares for letter in share.letters]

    @property
    def duplicates(self) -> int:
        """How many messages were dropped because their event_id is stored already."""
        return sum(share.duplicates for share in self.shares)

    @cached_property
    def columns(self) -> Mapping[str, Sequence[object]]:
        """The rows as columns of `landing_<kind>`, always the same for the same batch."""
        events = [event for share in self.shares for event in share.events]
        records = [record for share in self.shares for record in share.records]
        ids = [found for share in self.shares for found in share.ids]
        typed, order = columns_of(self.source.kind, events)
        n = len(order)
        return {
            "event_id": [ids[i] for i in order],
            "metadata": [records[i].value for i in order],
            "kafka_epoch": [self.source.epoch] * n,
            "kafka_topic": [self.source.topic] * n,
            "kafka_partition": [records[i].partition for i in order],
            "kafka_offset": [records[i].offset for i in order],
            **typed,
        }

    def of(self, partitions: Collection[int]) -> "Batch":
        """Only the shares of these partitions."""
        return replace(self, shares=tuple(s for s in self.shares if s.span.partition in partitions))

    def halves(self) -> "Sequence[Batch]":
        """Two batches that together cover the same offsets; none where it is a single row."""
        if len(self.shares) > 1:
            middle = len(self.shares) // 2
            return [replace(self, shares=self.shares[:middle]), replace(self, shares=self.shares[middle:])]
        if self.rows > 1:
            return [replace(self, shares=(half,)) for half in self.shares[0].halves()]
        return []


def build(
    source: Source,
    drafts: Sequence[tuple[Span, Draft]],
    windows: Mapping[int, DuplicateWindow],
) -> Batch:
    """Sort drafts into rows, dead letters and duplicates.

    Pure: the same drafts, spans and windows, by partition, make the same batch.
    """
    in_order = sorted(drafts, key=lambda pair: pair[0].partition)
    return Batch(
        source, tuple(_share(source, span, draft, windows[span.partition]) for span, draft in in_order)
    )


def _share(source: Source, span: Span, draft: Draft, window: DuplicateWindow) -> Share:
    records: list[ConsumerRecord] = []
    events: list[Event] = []
    letters: list[DeadLetter] = []
    for record, outcome in zip(draft.records, draft.outcomes, strict=True):
        if isinstance(outcome, Rejected):
            letters.append(DeadLetter(record, outcome))
        else:
            records.append(record)
            events.append(outcome)
    ids = [event.event_id or _derived(source, record) for event, record in zip(events, records, strict=True)]
    folds = fold(ids)
    repeated = window.seen(folds)
    duplicates = int(repeated.sum())
    if duplicates:
        kept = np.flatnonzero(~repeated).tolist()
        records, events, ids = [records[i] for i in kept], [events[i] for i in kept], [ids[i] for i in kept]
        folds = folds[~repeated]
    return Share(span, records, events, ids, folds, letters, duplicates)


def _derived(source: Source, record: ConsumerRecord) -> UUID:
    """A message that was sent back from the dead-letter topic keeps the id of the place it first lay at."""
    place = f"{record.topic}/{record.partition}/{record.offset}"
    for name, value in record.headers:
        if name == ORIGIN_HEADER:
            place = value.decode(errors="replace")
    return uuid5(DERIVED_IDS, f"{source.epoch}/{place}")

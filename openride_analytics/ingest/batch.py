"""Records of one topic's partitions, and the batch that is made of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import ConsumerRecord

from openride_analytics.ingest.dead_letters import DeadLetter
from openride_analytics.ingest.duplicates import Folds
from openride_analytics.ingest.followed import Followed
from openride_analytics.store.clickhouse import Rows

# Of records with what they take in memory: 30,000 of usual size, whose block is then some 15 MB.
MAX_BATCH_BYTES = 24 * 1024 * 1024


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
    """Records of one partition in offset order, not yet part of a batch, `size` bytes in memory.

    `first` is the offset where the one before ended, so that gaps in Kafka's offsets are covered too; `opened`
    is on the monotonic clock.
    """

    partition: int
    first: int
    at: int
    opened: float
    records: list[ConsumerRecord] = field(default_factory=list)
    size: int = 0

    @property
    def span(self) -> Span:
        """The offsets it covers; it has at least one record."""
        return Span(self.partition, self.first, int(self.records[-1].offset), self.at)


@dataclass(frozen=True)
class Share:
    """What one partition has in a batch: the records of its rows in offset order, and the folds of their ids."""

    span: Span
    records: Sequence[ConsumerRecord]
    folds: Folds
    letters: Sequence[DeadLetter] = ()
    duplicates: int = 0

    def halves(self) -> "list[list[Share]]":
        """Two shares that together cover the same offsets; none where it is a single row."""
        if len(self.records) < 2:
            return []
        middle = len(self.records) // 2
        cut = int(self.records[middle].offset)
        return [
            [Share(self.span._replace(last=cut - 1), self.records[:middle], self.folds[:middle])],
            [Share(self.span._replace(first=cut), self.records[middle:], self.folds[middle:])],
        ]


@dataclass(frozen=True)
class Batch:
    """What contiguous offsets of some partitions of one topic become. `shares`: one a partition, in their order.

    `rows` are columns of `landing_<kind>`, always the same for the same offsets. `tripped`: by partition, the limit
    that the message after the batch exceeds.
    """

    source: Source
    shares: tuple[Share, ...]
    rows: Rows
    tripped: Mapping[int, str] = field(default_factory=dict)
    trace: Followed | None = None  # where the batch is traced

    @property
    def spans(self) -> tuple[Span, ...]:
        """The offsets it covers."""
        return tuple(share.span for share in self.shares)

    @property
    def letters(self) -> Sequence[DeadLetter]:
        """What cannot be stored."""
        return [letter for share in self.shares for letter in share.letters]

    @property
    def duplicates(self) -> int:
        """How many messages were dropped because their event_id is stored already."""
        return sum(share.duplicates for share in self.shares)

    def of(self, partitions: Collection[int]) -> Sequence[Share]:
        """The shares of these partitions."""
        return [share for share in self.shares if share.span.partition in partitions]

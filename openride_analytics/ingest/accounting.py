"""What became of every offset that the group has committed: stored, dead-lettered, a duplicate, a gap, or lost.

It asks ClickHouse and Kafka, never the service's own counters. Where all is stored, two counts tell so; only what
events_raw lacks is fetched from Kafka again to see what it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from aiokafka import ConsumerRecord, TopicPartition

from openride_analytics.ingest.builder import derived_id
from openride_analytics.ingest.check import Check
from openride_analytics.ingest.dead_letter_topic import read
from openride_analytics.ingest.topic_log import Stretch, TopicLog
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import Block, ClickHouse
from openride_analytics.store.sql import statement

QUERY_SECONDS: Final = 300.0
# Offsets looked at together where some are missing: what is held in memory of them, at most.
WINDOW: Final = 100_000

STORED_ONCE: Final = "offsets stored once"
ACCOUNTED_FOR: Final = "offsets accounted for"

# By the place that a dead letter came from: the offset and a hash of the value, which must be what lies there. Topics
# that were made anew have had other messages at the same offsets.
Letters = Mapping[TopicPartition, Set[tuple[int, int]]]


@dataclass
class Account:
    """What became of the offsets of `stretch`; each is counted once. `first_lost`: the first of the lost ones."""

    tp: TopicPartition
    stretch: Stretch
    stored: int = 0
    dead_lettered: int = 0
    duplicates: int = 0
    gaps: int = 0
    lost: int = 0
    first_lost: int | None = None

    @property
    def check(self) -> Check:
        """Whether none is lost."""
        place = f"{self.tp.topic}/{self.tp.partition}"
        group = place if self.first_lost is None else f"{place} from offset {self.first_lost} on"
        found = self.stored + self.dead_lettered + self.duplicates + self.gaps
        return Check(ACCOUNTED_FOR, group, self.stretch.end - self.stretch.low, found)


@dataclass(frozen=True)
class Window:
    """The offsets `first`..`last` of a partition, some of which are not in events_raw."""

    account: Account
    first: int
    last: int


class Accounting:
    """Accounts for `stretches` of topic-partitions."""

    def __init__(self, settings: Settings, clickhouse: ClickHouse, log: TopicLog) -> None:
        self._settings = settings
        self._epoch = settings.kafka.topic_epoch
        self._clickhouse = clickhouse
        self._log = log
        self.accounts: list[Account] = []

    async def checks(self, stretches: Mapping[TopicPartition, Stretch]) -> list[Check]:
        """Each partition's account, and whether each offset in events_raw, of any epoch, is there once.

        Raises Retryable.
        """
        self.accounts = [Account(tp, stretch) for tp, stretch in sorted(stretches.items())]
        counted = await self._counted(stretches)
        rows: Counter[str] = Counter()
        offsets: Counter[str] = Counter()
        within: dict[tuple[TopicPartition, int], int] = {}
        for row in counted:
            tp = TopicPartition(row["topic"], row["partition"])
            place = f"{row['epoch']} {tp.topic}/{tp.partition}"
            rows[place] += row["rows"]
            offsets[place] += row["offsets"]
            if row["epoch"] == self._epoch:
                within[tp, row["window"]] = row["within"]
        await self._explain(list(self._not_full(within)))
        return [
            *(Check(STORED_ONCE, place, offsets[place], rows[place]) for place in sorted(rows)),
            *(account.check for account in self.accounts),
        ]

    async def _counted(self, stretches: Mapping[TopicPartition, Stretch]) -> list[dict[str, Any]]:
        parameters = {
            "window": WINDOW,
            "topics": [tp.topic for tp in stretches],
            "partitions": [tp.partition for tp in stretches],
            "lows": [stretch.low for stretch in stretches.values()],
            "ends": [stretch.end for stretch in stretches.values()],
        }
        block = await self._select("audit/offsets", parameters)
        return block.dicts()

    def _not_full(self, within: Mapping[tuple[TopicPartition, int], int]) -> Iterator[Window]:
        """Count what is stored; the windows in which something is not."""
        for account in self.accounts:
            low, end = account.stretch.low, account.stretch.end
            for number in range(low // WINDOW, -(-end // WINDOW)):
                first, last = max(low, number * WINDOW), min(end, (number + 1) * WINDOW) - 1
                stored = within.get((account.tp, number), 0)
                account.stored += stored
                if stored < last - first + 1:
                    yield Window(account, first, last)

    async def _explain(self, windows: Sequence[Window]) -> None:
        """What became of the offsets that events_raw lacks."""
        if not windows:
            return
        letters = await self._letters()
        for window in windows:
            account = window.account
            place = {**self._place(account.tp), "first": window.first, "last": window.last}
            ranges = list(zip(*(await self._select("audit/missing", place)).columns, strict=True))
            account.gaps += sum(last - first + 1 for first, last in ranges)
            async with aclosing(self._log.records(account.tp, ranges)) as found:
                async for records in found:
                    account.gaps -= len(records)
                    await self._judge(account, records, letters.get(account.tp, frozenset()))

    async def _judge(
        self, account: Account, records: Sequence[ConsumerRecord], letters: Set[tuple[int, int]]
    ) -> None:
        """Records that Kafka has and events_raw has not."""
        left = [record for record in records if (record.offset, hash(record.value)) not in letters]
        account.dead_lettered += len(records) - len(left)
        ids = {record.offset: self._event_id(record) for record in left}
        elsewhere = await self._elsewhere(account.tp, ids)
        lost = [offset for offset in ids if offset not in elsewhere]
        account.duplicates += len(elsewhere)
        account.lost += len(lost)
        if lost and account.first_lost is None:
            account.first_lost = lost[0]

    async def _elsewhere(self, tp: TopicPartition, ids: Mapping[int, UUID | None]) -> set[int]:
        """The offsets whose event is stored from another offset of the partition."""
        wanted = {event_id for event_id in ids.values() if event_id is not None}
        if not wanted:
            return set()
        found = await self._select("audit/ids", {**self._place(tp), "ids": wanted})
        stored: dict[UUID, set[int]] = {}
        for event_id, offset in zip(*found.columns, strict=True):
            stored.setdefault(event_id, set()).add(offset)
        return {
            offset for offset, event_id in ids.items() if event_id and stored.get(event_id, set()) - {offset}
        }

    async def _letters(self) -> Letters:
        letters: dict[TopicPartition, set[tuple[int, int]]] = {}
        async with aclosing(read(self._settings)) as topic:
            async for letter in topic:
                topic_name, partition, offset = (
                    letter.why.get(n, "") for n in ("topic", "partition", "offset")
                )
                if partition.isdecimal() and offset.isdecimal():
                    place = TopicPartition(topic_name, int(partition))
                    letters.setdefault(place, set()).add((int(offset), hash(letter.record.value)))
        return letters

    def _event_id(self, record: ConsumerRecord) -> UUID | None:
        """The id that a message has, if it can be read at all."""
        try:
            return _identified.decode(record.value or b"").event_id or derived_id(self._epoch, record)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None

    async def _select(self, name: str, parameters: Mapping[str, object]) -> Block:
        return await self._clickhouse.select(statement(name), parameters, timeout=QUERY_SECONDS, name="audit")

    def _place(self, tp: TopicPartition) -> dict[str, object]:
        return {"epoch": self._epoch, "topic": tp.topic, "partition": tp.partition}


class _Identified(msgspec.Struct):
    event_id: UUID | None = None


_identified = msgspec.json.Decoder(_Identified)

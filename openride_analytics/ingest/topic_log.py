"""What Kafka itself has of a topic-partition: from where to where the group has stored, and single records again."""

import asyncio
import bisect
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import OffsetOutOfRangeError

from openride_analytics import kafka
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.settings import Settings

REQUEST_SECONDS: Final = 30.0
# Kafka may be slow, but its answers must bring us on.
STALLED_SECONDS: Final = 30.0
POLL_MS: Final = 500
POLL_RECORDS: Final = 500
# Of what is fetched around a missing offset most is not wanted.
FETCH_BYTES: Final = 64 * 1024
# Reading on over so many offsets costs about as much as seeking and fetching anew.
NEAR: Final = 500
_PROBLEM: Final = "its log could not be read"

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Stretch:
    """The offsets that are to be accounted for: `low` up to `end`, which is the group's committed offset and not
    included. `opened`: since when (epoch ms) an intent at `end` is open."""

    low: int
    end: int
    opened: int | None = None


class TopicLog:
    """Reads without being a member of the group."""

    def __init__(self, settings: Settings, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._topics = list(settings.kafka.topics.events().values())
        self._consumer = consumer
        self._admin = admin
        self._offsets = Offsets(consumer, admin, settings.kafka.group_id)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["TopicLog"]:
        """Connected as long as the context lasts. Raises Retryable."""
        options = kafka.client_options(settings.kafka)
        async with AsyncExitStack() as stack:
            admin = AIOKafkaAdminClient(**options)
            stack.push_async_callback(admin.close)
            consumer = AIOKafkaConsumer(
                **options,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=FETCH_BYTES,
            )
            stack.push_async_callback(consumer.stop)
            with kafka.translated(_PROBLEM):
                async with asyncio.timeout(REQUEST_SECONDS):
                    await admin.start()
                    await consumer.start()
            yield cls(settings, consumer, admin)

    async def stretches(self, since: datetime | None) -> dict[TopicPartition, Stretch]:
        """What the group has stored of each partition and Kafka still has, of messages that Kafka got at or after
        `since`; nothing of partitions of which it has committed nothing. Raises Retryable."""
        with kafka.translated(_PROBLEM):
            async with asyncio.timeout(REQUEST_SECONDS):
                tps = await self._partitions()
                committed = await self._offsets.committed(tps)
                lows = dict(await self._consumer.beginning_offsets(tps))
                if since is not None:
                    at = int(since.timestamp() * 1000)
                    for tp, found in (await self._consumer.offsets_for_times(dict.fromkeys(tps, at))).items():
                        # None: there is no such message, or (the embedded broker) nobody knows.
                        lows[tp] = found.offset if found is not None else committed[tp].offset or 0
        return {
            tp: Stretch(min(lows[tp], said.offset), said.offset, said.intent.opened if said.intent else None)
            for tp, said in committed.items()
            if said.offset is not None
        }

    async def records(self, tp: TopicPartition, ranges: Ranges) -> AsyncGenerator[list[ConsumerRecord], None]:
        """The records that Kafka has at these offsets (first, last; in order), some at a time; an offset that is
        passed over holds none. Raises Retryable."""
        self._consumer.assign([tp])
        for group in near(ranges):
            position, last = group[0][0], group[-1][1]
            self._consumer.seek(tp, position)
            while position <= last:
                with kafka.translated(_PROBLEM):
                    async with asyncio.timeout(STALLED_SECONDS):
                        records, position = await further(self._consumer, tp, position)
                yield [record for record in records if _within(group, record.offset)]

    async def _partitions(self) -> list[TopicPartition]:
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in await self._admin.describe_topics(self._topics)
            for partition in topic["partitions"]
        ]


async def further(
    consumer: AIOKafkaConsumer, tp: TopicPartition, position: int
) -> tuple[list[ConsumerRecord], int]:
    """What lies from `position` on, where the consumer stands, and the position after it; the consumer resets none."""
    while True:
        try:
            fetched = await consumer.getmany(tp, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except OffsetOutOfRangeError:  # it was removed meanwhile
            consumer.seek(tp, (await consumer.beginning_offsets([tp]))[tp])
            fetched = {}
        # By position and not by record: compaction and transaction markers leave offsets that hold none.
        reached = int(await consumer.position(tp))
        if reached > position:
            return fetched.get(tp, []), reached


def near(ranges: Ranges) -> Iterator[Ranges]:
    """Ranges that lie so close together that they are better read in one go."""
    begin = 0
    for n in range(1, len(ranges) + 1):
        if n == len(ranges) or ranges[n][0] - ranges[n - 1][1] > NEAR:
            yield ranges[begin:n]
            begin = n


def _within(ranges: Ranges, offset: int) -> bool:
    place = bisect.bisect_right(ranges, offset, key=lambda bounds: bounds[0]) - 1
    return place >= 0 and offset <= ranges[place][1]

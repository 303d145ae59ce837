"""Sending in tests: settings for own topics and group, what arrived, a group that commits when told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec.structs import replace

from openride_analytics.settings import Kafka, Topics, load
from tests.support.kafka import read_all


def kafka_settings(bootstrap: str, topics: Topics, group_id: str, *, max_lag: int = 0) -> Kafka:
    """The defaults, but for where and what."""
    return replace(
        load({}).kafka, bootstrap_servers=bootstrap, topics=topics, group_id=group_id, max_lag=max_lag
    )


async def arrived(kafka: Kafka) -> list[tuple[str, bytes | None, bytes | None]]:
    """(kind, key, value) of all messages in the six topics."""
    return [
        (kind, record.key, record.value)
        for kind, topic in kafka.topics.events().items()
        for record in await read_all(kafka.bootstrap_servers, topic)
    ]


class SlowGroup:
    """A consumer group that reads nothing and only commits: `commit(n)` moves each partition on by at most n."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._committed = dict.fromkeys(partitions, 0)

    async def lags(self) -> list[int]:
        """Messages of each partition that are sent and not committed."""
        ends = await self._consumer.end_offsets(self._partitions)
        return [ends[partition] - self._committed[partition] for partition in self._partitions]

    async def commit(self, most: int) -> None:
        ends = await self._consumer.end_offsets(self._partitions)
        for partition in self._partitions:
            self._committed[partition] = min(ends[partition], self._committed[partition] + most)
        await self._consumer.commit(dict(self._committed))


@asynccontextmanager
async def slow_group(kafka: Kafka, partitions: dict[str, int]) -> AsyncIterator[SlowGroup]:
    """`partitions`: each topic's number of them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, group_id=kafka.group_id, enable_auto_commit=False
    )
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, n) for topic, count in partitions.items() for n in range(count)]
        consumer.assign(assigned)
        consumer.pause(*assigned)
        yield SlowGroup(consumer, assigned)
    finally:
        await consumer.stop()

"""The embedded Kafka broker as the service's client uses it, and its limits, so that a change is noticed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import OffsetOutOfRangeError

from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.embedded.process import ServerFailed, free_port

LIMIT_SECONDS = 20
SESSION_MS = 1_500
"""Short, because who joins a group after another waits that long, less a second."""


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid4().hex}"


@pytest.fixture
def group() -> str:
    return f"group-{uuid4().hex}"


@asynccontextmanager
async def producer(broker: EmbeddedKafka, **options: object) -> AsyncIterator[AIOKafkaProducer]:
    async with asyncio.timeout(LIMIT_SECONDS):
        client = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", **options)
        await client.start()
        try:
            yield client
        finally:
            await client.stop()


@asynccontextmanager
async def consumer(
    broker: EmbeddedKafka, *topics: str, group: str | None = None, **options: object
) -> AsyncIterator[AIOKafkaConsumer]:
    async with asyncio.timeout(LIMIT_SECONDS):
        client = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=broker.bootstrap,
            group_id=group,
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 5,
            **{"auto_offset_reset": "earliest"} | options,
        )
        await client.start()
        try:
            yield client
        finally:
            await client.stop()


async def send(broker: EmbeddedKafka, topic: str, count: int, size: int = 1) -> None:
    async with producer(broker, enable_idempotence=True) as client:
        sent = [await client.send(topic, b"%0*d" % (size, n), partition=0) for n in range(count)]
        await asyncio.gather(*sent)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_messages_come_back_unchanged(
    embedded_kafka: EmbeddedKafka, topic: str, idempotent: bool
) -> None:
    async with producer(embedded_kafka, enable_idempotence=idempotent) as client:
        await client.send_and_wait(topic, b"\xff\x00", b"key", headers=[("name", b"\x01")], partition=2)
    async with consumer(embedded_kafka, topic, isolation_level="read_committed") as client:
        record = await client.getone()
    assert (record.value, record.key, record.headers) == (b"\xff\x00", b"key", (("name", b"\x01"),))


async def test_a_tombstone_comes_back_as_none(embedded_kafka: EmbeddedKafka, topic: str) -> None:
    async with producer(embedded_kafka) as client:
        await client.send_and_wait(topic, None, b"key")
    async with consumer(embedded_kafka, topic) as client:
        assert (await client.getone()).value is None


async def test_commits_are_kept_with_their_metadata(
    embedded_kafka: EmbeddedKafka, topic: str, group: str
) -> None:
    await send(embedded_kafka, topic, 5)
    partition, intent = TopicPartition(topic, 0), "intent " * 500
    async with consumer(embedded_kafka, topic, group=group) as client:
        await client.getone()
        await client.commit({partition: OffsetAndMetadata(3, intent)})
    admin = AIOKafkaAdminClient(bootstrap_servers=embedded_kafka.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group, partitions=[partition])
    finally:
        await admin.close()
    assert offsets[partition] == OffsetAndMetadata(3, intent)


async def test_a_group_goes_on_where_it_committed(
    embedded_kafka: EmbeddedKafka, topic: str, group: str
) -> None:
    await send(embedded_kafka, topic, 5)
    async with consumer(embedded_kafka, topic, group=group) as client:
        await client.commit({TopicPartition(topic, 0): 3})
    async with consumer(embedded_kafka, topic, group=group) as client:
        assert (await client.getone()).offset == 3


async def test_seek_reads_again(embedded_kafka: EmbeddedKafka, topic: str) -> None:
    await send(embedded_kafka, topic, 5)
    async with consumer(embedded_kafka, topic) as client:
        await client.getmany(timeout_ms=2000)
        client.seek(TopicPartition(topic, 0), 1)
        assert (await client.getone()).offset == 1


async def test_a_paused_partition_gives_nothing(embedded_kafka: EmbeddedKafka, topic: str) -> None:
    await send(embedded_kafka, topic, 5)
    async with consumer(embedded_kafka, topic) as client:
        client.pause(TopicPartition(topic, 0))
        assert await client.getmany(timeout_ms=200) == {}


async def test_end_offsets_are_told(embedded_kafka: EmbeddedKafka, topic: str) -> None:
    await send(embedded_kafka, topic, 5)
    async with consumer(embedded_kafka, topic) as client:
        ends = await client.end_offsets([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    assert list(ends.values()) == [5, 0]


async def test_an_unknown_topic_is_made_with_four_partitions(
    embedded_kafka: EmbeddedKafka, topic: str
) -> None:
    async with consumer(embedded_kafka, topic) as client:
        assert client.partitions_for_topic(topic) == {0, 1, 2, 3}


async def test_topics_asked_for_have_their_partitions(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path, topics={"six": 6}) as broker, consumer(broker, "six") as client:
        assert client.partitions_for_topic("six") == set(range(6))


async def test_the_port_asked_for_is_where_clients_are_sent(tmp_path: Path, topic: str) -> None:
    port = free_port()
    async with EmbeddedKafka(tmp_path, port=port) as broker:
        await send(broker, topic, 1)
        assert broker.bootstrap == f"127.0.0.1:{port}"


async def test_only_the_newest_five_megabytes_of_a_partition_are_kept(
    embedded_kafka: EmbeddedKafka, topic: str
) -> None:
    await send(embedded_kafka, topic, 60, size=100_000)
    async with consumer(embedded_kafka, topic) as client:
        kept = 60 - (await client.beginning_offsets([TopicPartition(topic, 0)]))[TopicPartition(topic, 0)]
    assert 49 <= kept <= 53


async def test_who_asks_for_what_has_vanished_is_told(embedded_kafka: EmbeddedKafka, topic: str) -> None:
    await send(embedded_kafka, topic, 60, size=100_000)
    async with consumer(embedded_kafka, auto_offset_reset="none") as client:
        client.assign([TopicPartition(topic, 0)])
        client.seek(TopicPartition(topic, 0), 0)
        with pytest.raises(OffsetOutOfRangeError):
            await client.getone()


async def test_its_log_says_what_it_does_not_keep(embedded_kafka: EmbeddedKafka) -> None:
    assert embedded_kafka.process is not None
    assert "100,000 messages" in embedded_kafka.process.log_file.read_text()


async def test_kill_9_is_noticed(tmp_path: Path) -> None:
    async with EmbeddedKafka(tmp_path) as broker:
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises(ServerFailed, match="kafka killed by SIGKILL"):
            await asyncio.wait_for(broker.wait(), 5)

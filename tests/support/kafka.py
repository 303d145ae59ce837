"""Kafka for tests: fixtures `kafka_broker` (real), `broker` (real and embedded), `topics`; short helpers.

The helpers are coroutines, take any broker's bootstrap address and give up after LIMIT_SECONDS.
"""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from openride_analytics.settings import Topics
from tests.support.kafka_broker import KafkaBroker, Unavailable, temporary_broker

__all__ = ["Broker", "KafkaBroker", "Message", "create_topics", "produce", "read_all", "temporary_broker"]

LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Message:
    """What to produce; `value=None` is a tombstone."""

    value: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Broker:
    """What the tests that run against either broker may use of it. `name` is kafka or embedded."""

    name: str
    bootstrap: str
    real: KafkaBroker | None = None


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One Apache Kafka broker for the whole run. Skips where there is no Java or Maven; fails instead in CI.

    The log stays in pytest's folder of this run; the data goes.
    """
    try:
        broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run the tests against real Kafka: {missing}")
        pytest.skip(f"no real Kafka here: {missing}")
    with broker:
        yield broker
    shutil.rmtree(broker.folder / "data")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test that had a real broker shows the broker's last words."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            real = value.real if isinstance(value, Broker) else value
            if isinstance(real, KafkaBroker):
                report.sections.append((f"Kafka's log ({real.log})", real.log_tail()))
    return report


@pytest.fixture(params=[pytest.param("kafka", marks=pytest.mark.kafka), "embedded"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn, so that one suite proves the same things of both."""
    if request.param == "kafka":
        real: KafkaBroker = request.getfixturevalue("kafka_broker")
        return Broker("kafka", real.bootstrap, real)
    return Broker("embedded", request.getfixturevalue("embedded_kafka").bootstrap)


@pytest.fixture
def topics() -> Topics:
    """Topic names that no other test uses."""
    prefix = f"t{uuid.uuid4().hex[:10]}"
    kinds = ("user", "booking", "payment", "trip", "route", "location", "dlq")
    return Topics(**{kind: f"{prefix}.{kind}" for kind in kinds})


@pytest.fixture
def group_id() -> str:
    """A consumer group that no other test uses."""
    return f"g{uuid.uuid4().hex[:10]}"


async def create_topics(bootstrap: str, names: Iterable[str], partitions: int = 3) -> dict[str, int]:
    """Make the topics; how many partitions each has got (the embedded broker has its own number)."""
    wanted = list(names)
    async with asyncio.timeout(LIMIT_SECONDS):
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            if (await admin.describe_cluster())["controller_id"] >= 0:
                answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in wanted])
                for name, code, *_ in answer.topic_errors:
                    if code != 0:
                        raise for_code(code)(name)
            while True:
                described = await admin.describe_topics(wanted)
                if all(topic["error_code"] == 0 for topic in described):
                    return {topic["topic"]: len(topic["partitions"]) for topic in described}
                await asyncio.sleep(0.02)
        finally:
            await admin.close()


async def produce(
    bootstrap: str, topic: str, messages: Iterable[Message | bytes], partition: int | None = None
) -> list[tuple[int, int]]:
    """Send the messages in order; (partition, offset) of each, once the broker has them all."""
    async with asyncio.timeout(LIMIT_SECONDS), _producer(bootstrap) as producer:
        sent = []
        for message in messages:
            m = Message(message) if isinstance(message, bytes) else message
            sent.append(await producer.send(topic, m.value, m.key, partition=partition, headers=m.headers))
        return [(done.partition, done.offset) for done in await asyncio.gather(*sent)]


async def read_all(bootstrap: str, topic: str) -> list[ConsumerRecord]:
    """Every message that the topic holds now, by partition and offset."""
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(LIMIT_SECONDS), _consumer(bootstrap, topic) as consumer:
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
        ends = await consumer.end_offsets(partitions)
        while [p for p, end in ends.items() if await consumer.position(p) < end]:
            for fetched in (await consumer.getmany(timeout_ms=100)).values():
                records += fetched
    return sorted(records, key=lambda record: (record.partition, record.offset))


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=16 * 1024 * 1024)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _consumer(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()

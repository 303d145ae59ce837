"""Ingestion for tests: the actor itself in the test's own loop, against real servers."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition

from openride_analytics.clock import SystemClock
from openride_analytics.ingest.consumer import Ingestion
from openride_analytics.ingest.intent import Intent
from openride_analytics.settings import Settings, Topics, load
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.telemetry import Metrics
from tests.support.clickhouse import Database
from tests.support.events import example
from tests.support.kafka import Broker, Message, create_topics, produce
from tests.support.warehouse import ENTITY, kind_of

LIMIT_SECONDS = 40.0
TYPED = {kind: f"{kind}_events" for kind in ENTITY}


class Child:
    """What a supervisor would hand to the actor."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.is_ready = asyncio.Event()

    def ready(self) -> None:
        self.is_ready.set()

    def unready(self) -> None:
        self.is_ready.clear()


@dataclass(frozen=True)
class Rig:
    """A broker with topics and a warehouse, both this test's own."""

    bootstrap: str
    database: Database
    settings: Settings
    clickhouse: ClickHouse

    @property
    def topics(self) -> Topics:
        """The topics of this test."""
        return self.settings.kafka.topics

    async def send(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Each event to its topic, keyed by its entity."""
        by_topic: dict[str, list[Message]] = {}
        for event in events:
            kind = kind_of(event)
            key = str(event[ENTITY[kind]]).encode()
            value = json.dumps(event).encode()
            by_topic.setdefault(self.topics.events()[kind], []).append(Message(value, key))
        for topic, messages in by_topic.items():
            await produce(self.bootstrap, topic, messages)

    async def count(self, table: str, where: str = "1") -> int:
        """Rows of a table now."""
        found = await self.clickhouse.select(f"SELECT count() AS n FROM {table} WHERE {where}")
        return int(found.one()["n"])

    async def until_stored(self, rows: int, table: str = "events_raw") -> None:
        """Wait for so many rows, and fail if they do not come."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while await self.count(table) < rows:
                await asyncio.sleep(0.05)

    async def constrain(self, table: str, check: str) -> None:
        """Have ClickHouse refuse rows of a landing table; a Null table's constraints can only be made with it."""
        ddl = (await self.clickhouse.select(f"SHOW CREATE TABLE {table}")).one()["statement"]
        body, _, engine = ddl.rpartition(")\n")
        await self.clickhouse.execute(f"DROP TABLE {table} SYNC")
        await self.clickhouse.execute(f"{body}, CONSTRAINT refused CHECK {check})\n{engine}")

    @asynccontextmanager
    async def ingesting(
        self,
        settings: Settings | None = None,
        clickhouse: ClickHouse | None = None,
        metrics: Metrics | None = None,
    ) -> AsyncIterator[Ingestion]:
        """The actor at work; asked to stop at the end, as a supervisor does."""
        child = Child()
        actor = Ingestion(
            settings or self.settings, clickhouse or self.clickhouse, metrics or Metrics(), SystemClock()
        )
        task = asyncio.create_task(actor.run(child))
        try:
            yield actor
        finally:
            child.stopping.set()
            async with asyncio.timeout(LIMIT_SECONDS):
                await task


@pytest.fixture
def ingestion_environ(
    broker: Broker, migrated_database: Database, topics: Topics, group_id: str
) -> dict[str, str]:
    """The settings of a service on this test's own broker, topics, group and database."""
    names = {f"KAFKA_TOPIC_{kind.upper()}": name for kind, name in topics.events().items()}
    return {
        **migrated_database.env(),
        **names,
        "KAFKA_TOPIC_DLQ": topics.dlq,
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "KAFKA_CONSUMER_GROUP_ID": group_id,
        "KAFKA_TOPIC_EPOCH": "test",
        "INGEST_FLUSH_INTERVAL_MS": "100",
        # The least that a real broker grants; the embedded one makes new members wait as long.
        "KAFKA_SESSION_TIMEOUT_MS": "1000" if broker.real is None else "6000",
        "APP_ENV": "test",
    }


@pytest.fixture
async def rig(ingestion_environ: dict[str, str], migrated_database: Database) -> AsyncIterator[Rig]:
    """Topics made, schema migrated, nothing ingested yet."""
    settings = load(ingestion_environ)
    clickhouse = ClickHouse(settings.clickhouse)
    await clickhouse.open()
    kafka = settings.kafka
    await create_topics(kafka.bootstrap_servers, [*kafka.topics.events().values(), kafka.topics.dlq])
    yield Rig(kafka.bootstrap_servers, migrated_database, settings, clickhouse)
    await clickhouse.close()


def fresh(event_type: str, /, **changes: Any) -> dict[str, Any]:
    """A valid event of now: old ones would expire."""
    return example(event_type, **{"event_timestamp": datetime.now(UTC).isoformat(), **changes})


def examples(per_type: int, event_types: Iterable[str]) -> list[dict[str, Any]]:
    """So many valid events of each type."""
    return [fresh(event_type, seed=n) for event_type in event_types for n in range(per_type)]


async def commit(rig: Rig, partition: TopicPartition, offset: int, intent: Intent | None = None) -> None:
    """As a member of the group: the embedded broker takes commits from no one else."""
    kafka = rig.settings.kafka
    consumer = AIOKafkaConsumer(
        partition.topic,
        bootstrap_servers=rig.bootstrap,
        group_id=kafka.group_id,
        enable_auto_commit=False,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=300,
    )
    await consumer.start()
    try:
        await consumer.getmany(timeout_ms=100)
        metadata = intent.encode() if intent else ""
        await consumer.commit({partition: OffsetAndMetadata(offset, metadata)})
    finally:
        await consumer.stop()

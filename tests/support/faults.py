"""What the tests of faults share: ingestion behind proxies, and what can be seen of it from outside."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it says nowhere what it exports
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from openride_analytics.api import Health
from openride_analytics.api.health import Check
from openride_analytics.ingest.consumer import Ingestion
from openride_analytics.ingest.partition import Partition, State
from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.settings import Settings
from openride_analytics.store import inserts
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.supervisor import ChildStatus
from tests.support.api import resources
from tests.support.eventually import eventually, poll
from tests.support.ingestion import LIMIT_SECONDS, Rig, fresh
from tests.support.kafka import Message, produce, read_all
from tests.support.proxy import Proxy

# What `create_topics` makes.
PARTITIONS = 3

Hindrance = Callable[[Rig, pytest.MonkeyPatch], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Line:
    """Ingestion whose way to each server leads through a proxy; the rig itself goes around them."""

    rig: Rig
    kafka: Proxy
    proxy: Proxy
    settings: Settings
    clickhouse: ClickHouse

    @asynccontextmanager
    async def ingesting(self) -> AsyncIterator[Ingestion]:
        """The actor at work."""
        async with self.rig.ingesting(self.settings, self.clickhouse) as actor:
            yield actor


def booking_events(count: int) -> list[dict[str, Any]]:
    """Different bookings: of all kinds of events these fill most tables."""
    return [fresh("booking.created", seed=n, event_id=str(uuid4())) for n in range(count)]


async def send_bookings(rig: Rig, count: int, *, partition: int = 0) -> None:
    """Into one partition, so that they come in order."""
    values = [json.dumps(event).encode() for event in booking_events(count)]
    await produce(rig.bootstrap, rig.topics.booking, values, partition=partition)


async def send_everywhere(rig: Rig) -> None:
    """One message into each partition of each topic."""
    types = {kind: name for name, (kind, _) in EVENT_TYPES.items()}
    await asyncio.gather(
        *(
            produce(rig.bootstrap, topic, [json.dumps(fresh(types[kind], seed=number)).encode()], number)
            for kind, topic in rig.topics.events().items()
            for number in range(PARTITIONS)
        )
    )


async def send_bad(rig: Rig, count: int, *, partition: int = 0) -> None:
    """Messages that can never be stored, among the bookings."""
    await produce(rig.bootstrap, rig.topics.booking, [Message(b"not json")] * count, partition=partition)


def limited(name: str, value: int) -> Hindrance:
    """A setting that each insert gets, as if from its user's profile."""

    @asynccontextmanager
    async def hindrance(_: Rig, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(inserts, "ONE_BLOCK", {**inserts.ONE_BLOCK, name: value})
            yield

    return hindrance


async def trap(rig: Rig) -> None:
    """A view at the end of the bookings' chain, into the table `trapped`, that throws while it is set to."""
    await rig.clickhouse.execute("CREATE TABLE trap_set (n UInt8) ENGINE = Memory")
    await rig.clickhouse.execute(
        "CREATE TABLE trapped (booking_id UUID) ENGINE = MergeTree ORDER BY booking_id "
        "SETTINGS non_replicated_deduplication_window = 10000"
    )
    await rig.clickhouse.execute(
        "CREATE MATERIALIZED VIEW mv_trapped TO trapped AS "
        "SELECT booking_id FROM booking_events WHERE NOT throwIf((SELECT count() FROM trap_set) > 0)"
    )


async def set_trap(rig: Rig, throws: bool) -> None:
    """Whether the view throws from now on."""
    await rig.clickhouse.execute("INSERT INTO trap_set SELECT 1" if throws else "TRUNCATE TABLE trap_set")


async def partition_of(actor: Ingestion, topic: str, number: int = 0) -> Partition:
    """The partition, once the actor owns it."""

    def found() -> list[Partition]:
        return [p for p in actor.partitions if (p.tp.topic, p.tp.partition) == (topic, number)]

    await eventually(lambda: bool(found()), within=LIMIT_SECONDS)
    return found()[0]


async def until(partition: Partition, *states: State) -> None:
    """Wait for one of these states."""
    await eventually(lambda: partition.state in states, within=LIMIT_SECONDS)


@asynccontextmanager
async def administering(rig: Rig) -> AsyncIterator[AIOKafkaAdminClient]:
    """An operator's client of the broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def forbidden(rig: Rig, kind: ResourceType, name: str, operation: AclOperation) -> AsyncIterator[None]:
    """What nobody may do meanwhile to a topic or a group."""
    who = (kind, name, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*")
    rules = [
        AclBinding(*who, AclOperation.ALL, AclPermissionType.ALLOW),
        AclBinding(*who, operation, AclPermissionType.DENY),
    ]
    admin = AdminClient({"bootstrap.servers": rig.bootstrap})
    await asyncio.gather(*map(asyncio.wrap_future, admin.create_acls(rules).values()))
    try:
        yield
    finally:
        gone = AclBindingFilter(*who, AclOperation.ANY, AclPermissionType.ANY)
        await asyncio.gather(*map(asyncio.wrap_future, admin.delete_acls([gone]).values()))


async def dead_letters(rig: Rig, count: int = 0) -> list[ConsumerRecord]:
    """What lies in the dead-letter topic, once there are at least so many."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while len(found := await read_all(rig.bootstrap, rig.topics.dlq)) < count:
            await asyncio.sleep(0.05)
    return found


async def committed(rig: Rig, topic: str, number: int = 0) -> int | None:
    """The group's offset of a partition; None before its first commit."""
    async with administering(rig) as admin:
        try:
            offsets = await admin.list_consumer_group_offsets(rig.settings.kafka.group_id)
        except GroupCoordinatorNotAvailableError:  # no group has committed anything on this broker yet
            return None
    found = {(tp.topic, tp.partition): metadata.offset for tp, metadata in offsets.items()}
    return found.get((topic, number))


async def until_committed(rig: Rig, offset: int, topic: str, number: int = 0) -> None:
    """Wait until the group has come so far."""

    async def reached() -> bool:
        with suppress(KafkaError):  # it may be away
            return await committed(rig, topic, number) == offset
        return False

    await poll(reached, within=LIMIT_SECONDS)


async def readiness(
    line: Line, actor: Ingestion, children: Callable[[], Iterable[ChildStatus]] = list
) -> dict[str, Check]:
    """What /health/ready says of each thing that it looks at."""
    chosen = line.settings
    environ = {
        "CLICKHOUSE_PORT": str(chosen.clickhouse.port),
        "CLICKHOUSE_DATABASE": chosen.clickhouse.database,
        "KAFKA_BOOTSTRAP_SERVERS": chosen.kafka.bootstrap_servers,
    }
    async with resources(environ) as given:
        health = Health(given, children=children, partitions=lambda: actor.partitions)
        try:
            return {check.name: check for check in (await health.report()).checks}
        finally:
            await health.close()

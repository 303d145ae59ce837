"""What an owner that died has left open, finished by whoever owns its partitions now: once, all of it."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from openride_analytics import kafka
from openride_analytics.clock import SystemClock
from openride_analytics.ingest.batch import Span
from openride_analytics.ingest.crash import CrashPoints
from openride_analytics.ingest.dead_letters import DeadLetters
from openride_analytics.ingest.inflight import Inflight
from openride_analytics.ingest.intent import Intent
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.ingest.partition import State
from openride_analytics.ingest.services import Services
from openride_analytics.ingest.topic import Topic
from openride_analytics.ingest.warehouse import Warehouse
from openride_analytics.telemetry import Metrics
from tests.support.ingestion import LIMIT_SECONDS, Rig, fresh
from tests.support.kafka import produce

# The embedded broker makes new members wait for seconds.
pytestmark = pytest.mark.parametrize("broker", ["kafka"], indirect=True)

ROWS = 10


@asynccontextmanager
async def services(rig: Rig) -> AsyncIterator[Services]:
    """What topics need, on the only member of the group: it has every partition, whoever is to own them here."""
    options = kafka.client_options(rig.settings.kafka)
    group = rig.settings.kafka.group_id
    consumer = AIOKafkaConsumer(rig.topics.user, **options, group_id=group, enable_auto_commit=False)
    admin = AIOKafkaAdminClient(**options)
    letters, inflight = DeadLetters(rig.settings), Inflight()
    inflight.limit(1 << 26, topics=1)
    await consumer.start()
    await admin.start()
    async with asyncio.timeout(LIMIT_SECONDS):
        while len(consumer.assignment()) < 3:
            await consumer.getmany(timeout_ms=100)
    try:
        yield Services(
            rig.settings,
            Warehouse(rig.clickhouse),
            Offsets(consumer, admin, group),
            letters,
            consumer.seek,
            inflight,
            Metrics(),
            SystemClock(),
            CrashPoints(None),
            random.Random(1),
        )
    finally:
        await letters.close()
        await admin.close()
        await consumer.stop()


@asynccontextmanager
async def owners(rig: Rig, shared: Services, *parts: Collection[int]) -> AsyncIterator[list[Topic]]:
    """One owner for each part of the partitions of the user topic, all starting together; until recovered."""
    topics = [Topic("user", rig.topics.user, numbers, 0.0, shared) for numbers in parts]
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while any(p.state is State.RECOVERING for topic in topics for p in topic.partitions.values()):
                await asyncio.sleep(0.02)
        yield topics
    finally:
        await asyncio.gather(*(topic.leave(5) for topic in topics))


async def announce(rig: Rig, shared: Services) -> Intent:
    """Messages in two partitions, and what an owner writes before it inserts them."""
    for number in (0, 1):
        values = [
            json.dumps(fresh("user.registered", seed=100 * number + n, event_id=str(uuid4()))).encode()
            for n in range(ROWS)
        ]
        await produce(rig.bootstrap, rig.topics.user, values, partition=number)
    now = int(time.time() * 1000)
    intent = Intent(
        rig.settings.kafka.topic_epoch, 2 * ROWS, (Span(0, 0, ROWS - 1, now), Span(1, 0, ROWS - 1, now))
    )
    positions = {TopicPartition(rig.topics.user, number): (0, intent) for number in (0, 1)}
    await shared.offsets.commit(positions)
    return intent


async def test_two_owners_that_repeat_one_insert_store_it_once(rig: Rig) -> None:
    async with services(rig) as shared:
        await announce(rig, shared)
        async with owners(rig, shared, [0], [1, 2]):
            tables = ("events_raw", "user_events", "daily_user_metrics", "recent_event_ids")
            assert [await rig.count(table) for table in tables] == [2 * ROWS] * 4


async def test_one_owner_repeats_also_what_belongs_to_another_partition(rig: Rig) -> None:
    """Else the token would meet other rows when the other owner comes."""
    async with services(rig) as shared:
        await announce(rig, shared)
        async with owners(rig, shared, [1]):
            assert await rig.count("events_raw") == 2 * ROWS


async def test_each_owner_commits_only_its_own_partitions(rig: Rig) -> None:
    async with services(rig) as shared:
        intent = await announce(rig, shared)
        async with owners(rig, shared, [1]):
            tps = [TopicPartition(rig.topics.user, number) for number in (0, 1)]
            found = await shared.offsets.committed(tps)
            assert [(one.offset, one.intent) for one in found.values()] == [(0, intent), (ROWS, None)]


async def test_an_owner_finishes_all_inserts_that_its_partitions_had_a_share_in(rig: Rig) -> None:
    """One partition's last owner has moved on with a third partition, while the other's still stood."""
    async with services(rig) as shared:
        first = await announce(rig, shared)
        async with owners(rig, shared, [1]):
            pass
        values = [json.dumps(fresh("user.registered", seed=900 + n)).encode() for n in range(4)]
        for number in (1, 2):
            await produce(rig.bootstrap, rig.topics.user, values, partition=number)
        now = int(time.time() * 1000)
        second = Intent(first.epoch, 8, (Span(1, ROWS, ROWS + 3, now), Span(2, 0, 3, now)))
        await shared.offsets.commit(
            {
                TopicPartition(rig.topics.user, 1): (ROWS, second),
                TopicPartition(rig.topics.user, 2): (0, second),
            }
        )
        async with owners(rig, shared, [0, 1, 2]) as (topic,):
            assert [p.committed for p in topic.partitions.values()] == [ROWS, ROWS + 4, 4]
    assert await rig.count("events_raw") == 2 * ROWS + 8


async def test_a_refused_row_of_an_open_insert_is_found_by_each_owner_among_its_own(rig: Rig) -> None:
    await rig.constrain("landing_user", "ifNull(city, '') != 'Nowhere'")
    async with services(rig) as shared:
        bad = json.dumps(fresh("user.registered", city="Nowhere")).encode()
        await produce(rig.bootstrap, rig.topics.user, [bad], partition=0)
        await produce(
            rig.bootstrap, rig.topics.user, [json.dumps(fresh("user.registered")).encode()], partition=1
        )
        now = int(time.time() * 1000)
        intent = Intent(rig.settings.kafka.topic_epoch, 2, (Span(0, 0, 0, now), Span(1, 0, 0, now)))
        await shared.offsets.commit(
            {TopicPartition(rig.topics.user, number): (0, intent) for number in (0, 1)}
        )
        async with owners(rig, shared, [0], [1]) as topics:
            committed = [p.committed for topic in topics for p in topic.partitions.values()]
    assert (committed, await rig.count("events_raw")) == ([1, 1], 1)


@pytest.mark.parametrize("stands", [3, 9], ids=["several messages more", "one message more"])
async def test_a_partition_of_which_more_is_stored_than_its_group_knows_is_halted(
    rig: Rig, stands: int
) -> None:
    async with services(rig) as shared:
        await announce(rig, shared)
        async with owners(rig, shared, [0, 1]):
            pass
        await shared.offsets.commit({TopicPartition(rig.topics.user, 1): (stands, None)})
        async with owners(rig, shared, [0, 1]) as (topic,):
            states = [partition.state for partition in topic.partitions.values()]
            problem = topic.partitions[1].problem or ""
    assert states == [State.RUNNING, State.HALTED] and "KAFKA_TOPIC_EPOCH" in problem and "10" in problem

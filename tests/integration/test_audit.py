"""The audit finds what is lost, doubled or changed, says where, and finds nothing else."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from openride_analytics.clock import SystemClock
from openride_analytics.errors import Retryable
from openride_analytics.ingest.accounting import ACCOUNTED_FOR, STORED_ONCE, Account
from openride_analytics.ingest.audit import Report, audit
from openride_analytics.ingest.batch import Span
from openride_analytics.ingest.check import Check
from openride_analytics.ingest.intent import Intent
from openride_analytics.schema.events import EVENT_TYPES
from tests.support.auditing import differences
from tests.support.ingestion import Rig, commit, examples, fresh
from tests.support.kafka import Message, produce
from tests.support.warehouse import ENTITY, columns, store

one_broker = pytest.mark.parametrize("broker", ["embedded"], indirect=True)
real_broker = pytest.mark.parametrize(
    "broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True
)


def message(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def identified(event_type: str, seed: int, **changes: Any) -> dict[str, Any]:
    """A valid event of now with an id of its own, as producers send them."""
    return fresh(event_type, seed=seed, event_id=str(uuid4()), **changes)


async def ingested(rig: Rig, rows: int) -> None:
    """Let ingestion store so many rows and commit."""
    async with rig.ingesting():
        await rig.until_stored(rows)


class Ahead(SystemClock):
    """The machine's clock, some days ahead."""

    def __init__(self, days: float) -> None:
        self._ahead = days * 86_400

    def time(self) -> float:
        return super().time() + self._ahead


async def report(rig: Rig, **options: Any) -> Report:
    return await audit(rig.settings, rig.clickhouse, SystemClock(), **options)


async def account(rig: Rig, topic: str, partition: int = 0) -> Account:
    """What became of a partition's messages."""
    (found,) = [a for a in (await report(rig)).accounts if a.tp == TopicPartition(topic, partition)]
    return found


def names(checks: Sequence[Check]) -> set[str]:
    return {check.name for check in checks}


async def lost(rig: Rig, stored: int, more: list[bytes]) -> None:
    """Messages of a partition stored, and `more` that were committed and never stored."""
    topic = rig.topics.user
    good = [message(identified("user.registered", n)) for n in range(stored)]
    await produce(rig.bootstrap, topic, good, partition=0)
    await ingested(rig, stored)
    await produce(rig.bootstrap, topic, more, partition=0)
    await commit(rig, TopicPartition(topic, 0), stored + len(more))


async def made(rig: Rig, per_type: int = 3, **changes: Any) -> list[dict[str, Any]]:
    """Some of every event type in every table, without Kafka."""
    events = [identified(name, n, **changes) for name in EVENT_TYPES for n in range(per_type)]
    await store(rig.clickhouse, events)
    return events


def execute(rig: Rig, *statements: str) -> None:
    with rig.database.client() as client:
        for statement in statements:
            client.execute(statement, settings={"mutations_sync": 2})


def delete_one(rig: Rig, *tables: str) -> None:
    """Take one row out of each table."""
    execute(rig, *(f"ALTER TABLE {table} DELETE WHERE rowNumberInAllBlocks() = 0" for table in tables))


@one_broker
async def test_what_is_whole_has_no_differences(rig: Rig) -> None:
    await rig.send(examples(3, EVENT_TYPES))
    await ingested(rig, 3 * len(EVENT_TYPES))
    assert await differences(rig.settings, rig.clickhouse) == []


async def test_every_message_is_accounted_for(rig: Rig) -> None:
    events = [message(identified("user.registered", n)) for n in range(20)]
    mixed = [*events[:10], b"not json", *events[5:15], b"", events[0], *events[15:]]
    await produce(rig.bootstrap, rig.topics.user, mixed, partition=0)
    await ingested(rig, 20)
    found = await account(rig, rig.topics.user)
    assert (found.stored, found.dead_lettered, found.duplicates, found.gaps, found.lost) == (20, 2, 6, 0, 0)


@real_broker
async def test_what_transactions_leave_in_the_log_are_gaps(rig: Rig) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=rig.bootstrap, transactional_id=rig.topics.user)
    await producer.start()
    try:
        for n in range(5):
            await producer.begin_transaction()
            for m in range(4):
                value = message(identified("user.registered", 10 * n + m))
                await producer.send_and_wait(rig.topics.user, value, partition=0)
            await (producer.abort_transaction() if n % 2 else producer.commit_transaction())
    finally:
        await producer.stop()
    await ingested(rig, 12)
    found = await account(rig, rig.topics.user)
    # Two aborted transactions of four messages, and the markers of the four that have another one after them.
    assert (found.stored, found.gaps, found.lost) == (12, 12, 0)


@one_broker
async def test_nothing_is_asked_of_a_group_that_has_committed_nothing(rig: Rig) -> None:
    await produce(rig.bootstrap, rig.topics.user, [b"x"], partition=0)
    assert (await report(rig)).accounts == []


@one_broker
async def test_a_message_that_was_committed_and_not_stored_is_found(rig: Rig) -> None:
    await lost(rig, 5, [message(identified("user.registered", 10 + n)) for n in range(3)])
    place = f"{rig.topics.user}/0 from offset 5 on"
    assert await differences(rig.settings, rig.clickhouse) == [Check(ACCOUNTED_FOR, place, 8, 5)]


@one_broker
async def test_what_became_of_another_message_explains_nothing(rig: Rig) -> None:
    """Neither the same event stored from another partition, nor a dead letter of other bytes."""
    event = message(identified("user.registered", 99))
    await produce(rig.bootstrap, rig.topics.user, [event], partition=1)
    await ingested(rig, 1)
    await produce(rig.bootstrap, rig.topics.user, [event, b"not json"], partition=0)
    places = [("dlq.topic", rig.topics.user.encode()), ("dlq.partition", b"0"), ("dlq.offset", b"1")]
    await produce(rig.bootstrap, rig.topics.dlq, [Message(b"not JSON", headers=places)])
    await commit(rig, TopicPartition(rig.topics.user, 0), 2)
    assert (await account(rig, rig.topics.user)).lost == 2


@one_broker
async def test_many_lost_messages_among_stored_ones_are_all_counted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More windows than one, and missing offsets too far apart to be read in one go."""
    monkeypatch.setattr("openride_analytics.ingest.accounting.WINDOW", 1_000)
    events = [message(identified("user.registered", n)) for n in range(3_000)]
    await produce(rig.bootstrap, rig.topics.user, events, partition=0)
    await ingested(rig, 3_000)
    execute(rig, "ALTER TABLE events_raw DELETE WHERE kafka_offset IN (0, 1, 2, 900, 999, 1000, 2999)")
    found = await account(rig, rig.topics.user)
    assert (found.stored, found.lost, found.first_lost) == (2_993, 7, 0)


@one_broker
async def test_rows_stored_a_second_time_are_found(rig: Rig) -> None:
    event = identified("booking.created", 1)
    await store(rig.clickhouse, [event], token="once")
    await store(rig.clickhouse, [event], token="twice")
    found = await differences(rig.settings, rig.clickhouse)
    assert found == [Check(STORED_ONCE, "test openride.events.booking/0", 1, 2)]


@one_broker
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_of_several_creations_of_a_booking_the_first_is_kept_and_expected(
    rig: Rig, order: tuple[int, ...]
) -> None:
    """Two of them in the same millisecond, the later by its id; each in a part of its own."""
    now = datetime.now(UTC)
    ids = ["00000000-0000-4000-8000-000000000001", "f0000000-0000-4000-8000-000000000000", str(uuid4())]
    creations = [
        fresh(
            "booking.created",
            event_id=ids[n],
            event_timestamp=(now + timedelta(minutes=n // 2)).isoformat(),
            pickup_lat=n,
        )
        for n in range(3)
    ]
    for n in order:
        values = columns("booking", [creations[n]], offset=n)
        await rig.clickhouse.insert("landing_booking", values, token=str(n), timeout=30)
    kept = (await rig.clickhouse.select("SELECT lat FROM agg_geographic_metrics FINAL")).columns[0]
    execute(rig, "OPTIMIZE TABLE agg_geographic_metrics FINAL")
    assert (list(kept), await differences(rig.settings, rig.clickhouse)) == ([0.0], [])


@one_broker
async def test_a_missing_row_is_found_in_each_typed_table(rig: Rig) -> None:
    """What was made of the missing rows is too much then: those tables differ as well."""
    await made(rig)
    typed = {f"{kind}_events" for kind in ENTITY}
    delete_one(rig, *typed)
    assert names(await differences(rig.settings, rig.clickhouse)) >= typed


@one_broker
async def test_a_missing_row_is_found_in_each_table_that_is_made_of_those(rig: Rig) -> None:
    await made(rig)
    derived = {
        *(f"daily_{kind}_metrics" for kind in ("user", "booking", "payment", "trip")),
        "route_history",
        "recent_event_ids",
        "actor_activity",
        "hourly_realtime_metrics",
        "agg_popular_routes",
        "agg_driver_earnings",
        "agg_geographic_metrics",
        "agg_booking_payments",
    }
    delete_one(rig, *derived)
    assert names(await differences(rig.settings, rig.clickhouse)) == derived


@one_broker
async def test_a_row_missing_in_events_raw_is_found_by_its_typed_table(rig: Rig) -> None:
    await made(rig)
    execute(rig, "ALTER TABLE events_raw DELETE WHERE event_type = 'trip.started' AND kafka_offset = 0")
    (found,) = await differences(rig.settings, rig.clickhouse)
    assert (found.name, found.expected, found.found, found.differing) == ("trip_events", 8, 9, 1)


@one_broker
@pytest.mark.parametrize(
    "changes",
    [
        {
            "daily_payment_metrics": "amount = amount + 1",
            # A row that has a NULL, which must not swallow what else there is.
            "route_history": "seats_total = seats_total + 1 WHERE isNull(base_price)",
            "agg_popular_routes": "seen = bitXor(seen, 4)",
            "agg_geographic_metrics": "lat = lat + 1",
            "agg_booking_payments": "amount = amount + 1",
            "actor_activity": "moments = arrayPushBack(moments, toUInt32(1))",
            "hourly_realtime_metrics": "events = events + 1",
        },
        {"route_history": "base_price = 0 WHERE isNull(base_price)"},
    ],
    ids=["values", "null"],
)
async def test_a_changed_value_is_found_in_its_table(rig: Rig, changes: dict[str, str]) -> None:
    await made(rig)
    for table, change in changes.items():
        execute(rig, f"ALTER TABLE {table} UPDATE {change if 'WHERE' in change else f'{change} WHERE 1'}")
    assert names(await differences(rig.settings, rig.clickhouse)) == changes.keys()


@one_broker
async def test_another_event_in_a_typed_table_is_found(rig: Rig) -> None:
    await made(rig)
    execute(rig, "ALTER TABLE booking_events UPDATE event_id = generateUUIDv4() WHERE 1")
    assert "booking_events" in names(await differences(rig.settings, rig.clickhouse))


@one_broker
async def test_events_of_one_entity_in_many_batches_make_one_row(rig: Rig) -> None:
    """The merging states of a table that no merge has brought together yet."""
    booking = {"booking_id": str(uuid4()), "route_id": str(uuid4()), "rider_id": str(uuid4())}
    names_ = [name for name in EVENT_TYPES if name.startswith("booking.")]
    for n, name in enumerate(2 * names_):
        event = identified(name, n, **booking)
        await rig.clickhouse.insert(
            "landing_booking", columns("booking", [event], offset=n), token=str(n), timeout=30
        )
    assert await differences(rig.settings, rig.clickhouse) == []


@one_broker
async def test_a_table_added_later_is_compared_too(rig: Rig) -> None:
    """One that uses what only events_raw has, and a function that takes parameters."""
    execute(
        rig,
        "CREATE TABLE later (booking_id UUID, actors AggregateFunction(uniqExact, Nullable(String)), "
        "size AggregateFunction(quantileExact(0.5), UInt64), seats SimpleAggregateFunction(sum, UInt64)) "
        "ENGINE = AggregatingMergeTree ORDER BY booking_id",
        "CREATE MATERIALIZED VIEW mv_later TO later AS SELECT booking_id, uniqExactState(actor_id) AS actors, "
        "quantileExactState(0.5)(length(metadata)) AS size, sum(ifNull(seats_booked, 0)) AS seats "
        "FROM landing_booking GROUP BY booking_id",
    )
    await made(rig)
    execute(rig, "ALTER TABLE later UPDATE seats = seats + 1 WHERE 1")
    assert names(await differences(rig.settings, rig.clickhouse)) == {"later"}


@one_broker
async def test_a_difference_says_where_it_is(rig: Rig) -> None:
    at = datetime.now(UTC).replace(minute=30) - timedelta(days=2)
    await made(rig, event_timestamp=at.isoformat())
    present = columns("booking", [identified("booking.created", 7)], offset=100)
    await rig.clickhouse.insert("landing_booking", present, token="present", timeout=30)
    execute(rig, "ALTER TABLE daily_booking_metrics DELETE WHERE event_timestamp < now() - toIntervalDay(1)")
    (found,) = await differences(rig.settings, rig.clickhouse)
    assert found.group == f"{at:%Y-%m-%dT%H} to {at:%Y-%m-%dT%H} UTC"


@one_broker
async def test_since_looks_at_what_happened_after_it_and_at_nothing_else(rig: Rig) -> None:
    now = datetime.now(UTC)
    await made(rig, event_timestamp=(now - timedelta(days=2)).isoformat())
    broken = ("daily_booking_metrics", "agg_popular_routes")
    execute(rig, *(f"TRUNCATE TABLE {table}" for table in broken))
    found = [names((await report(rig, since=now - timedelta(days=ago))).differences) for ago in (1, 3)]
    assert found == [set(), set(broken)]


@real_broker
async def test_since_leaves_out_messages_that_kafka_got_before(rig: Rig) -> None:
    now = datetime.now(UTC)
    producer = AIOKafkaProducer(bootstrap_servers=rig.bootstrap)
    await producer.start()
    for n in range(4):
        at = int((now - timedelta(hours=4 - n)).timestamp() * 1000)
        value = message(identified("user.registered", n))
        await producer.send_and_wait(rig.topics.user, value, partition=0, timestamp_ms=at)
    await producer.stop()
    await commit(rig, TopicPartition(rig.topics.user, 0), 4)
    (found,) = (await report(rig, since=now - timedelta(hours=2, minutes=30))).accounts
    assert (found.stretch.low, found.stretch.end, found.lost) == (2, 4, 2)


@one_broker
async def test_what_has_expired_in_one_table_only_is_no_difference(rig: Rig) -> None:
    """A booking that was created before the events that are left of it: no table of entities can be made again."""
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    old, young = ({"booking_id": str(uuid4()), "route_id": str(uuid4())} for _ in range(2))
    created = identified("booking.created", 1, **old)
    await store(
        rig.clickhouse,
        [
            created,
            identified("booking.confirmed", 2, **old, event_timestamp=later),
            identified("booking.created", 3, **young, event_timestamp=later),
        ],
    )
    for table in ("events_raw", "booking_events"):
        execute(rig, f"ALTER TABLE {table} DELETE WHERE event_id = '{created['event_id']}'")
    found = await audit(rig.settings, rig.clickhouse, Ahead(days=rig.settings.retention.metrics_days - 0.9))
    assert found.differences == []


@one_broker
async def test_the_last_message_that_may_have_expired_is_no_difference(rig: Rig) -> None:
    """In a typed table it has, in others it is still there."""
    await store(rig.clickhouse, [identified("booking.created", 1)])
    execute(rig, "ALTER TABLE booking_events DELETE WHERE 1")
    found = await audit(rig.settings, rig.clickhouse, Ahead(days=rig.settings.retention.metrics_days - 0.9))
    assert found.differences == []


@one_broker
async def test_what_cannot_have_expired_is_compared_when_other_things_have(rig: Rig) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    await store(rig.clickhouse, [identified("booking.created", 1, event_timestamp=later)])
    execute(rig, *(f"TRUNCATE TABLE {table}" for table in ("daily_booking_metrics", "agg_popular_routes")))
    found = await audit(rig.settings, rig.clickhouse, Ahead(days=rig.settings.retention.metrics_days - 0.9))
    assert names(found.differences) == {"daily_booking_metrics", "agg_popular_routes"}


@one_broker
async def test_rows_of_an_open_intent_are_no_difference(rig: Rig) -> None:
    """What a crash amid an insert leaves: some tables have the rows, and the intent says that they will follow."""
    events = [identified("user.registered", n) for n in range(5)]
    await produce(rig.bootstrap, rig.topics.user, [message(event) for event in events], partition=0)
    await ingested(rig, 5)
    execute(rig, f"ALTER TABLE daily_user_metrics DELETE WHERE event_id = '{events[3]['event_id']}'")
    execute(rig, "ALTER TABLE recent_event_ids DELETE WHERE kafka_offset = 4")
    intent = Intent(rig.settings.kafka.topic_epoch, 3, (Span(0, 2, 4, int(time.time() * 1000)),))
    await commit(rig, TopicPartition(rig.topics.user, 0), 2, intent)
    assert await differences(rig.settings, rig.clickhouse) == []


@one_broker
async def test_while_batches_flow_there_are_no_differences(rig: Rig) -> None:
    """Small batches, into hours that were never touched before and into the present one."""
    small = msgspec.structs.replace(
        rig.settings, ingest=msgspec.structs.replace(rig.settings.ingest, batch_size=5, flush_interval_ms=20)
    )
    now, enough = datetime.now(UTC), asyncio.Event()

    async def flow() -> None:
        for n in itertools.takewhile(lambda _: not enough.is_set(), itertools.count()):
            at = (now - timedelta(hours=n % 500 if n % 2 else 0)).isoformat()
            await rig.send([identified(name, n, event_timestamp=at) for name in EVENT_TYPES])
            await asyncio.sleep(0.2)

    async with rig.ingesting(small):
        flowing = asyncio.create_task(flow())
        try:
            await rig.until_stored(5 * len(EVENT_TYPES))
            found = await report(rig, settle=2)
        finally:
            enough.set()
            await flowing
    assert found.differences == []


@one_broker
async def test_without_kafka_there_is_no_audit(rig: Rig) -> None:
    nowhere = msgspec.structs.replace(rig.settings.kafka, bootstrap_servers="127.0.0.1:1")
    with pytest.raises(Retryable, match="kafka"):
        await differences(msgspec.structs.replace(rig.settings, kafka=nowhere), rig.clickhouse)

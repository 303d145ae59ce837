"""Kafka to ClickHouse, on a real broker and on the embedded one: each message once, in every table."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4, uuid5

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from openride_analytics.ingest.batch import Span
from openride_analytics.ingest.builder import DERIVED_IDS
from openride_analytics.ingest.dead_letter_topic import read, send_back
from openride_analytics.ingest.intent import MAX_SPANS, Intent
from openride_analytics.ingest.partition import State
from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.telemetry import Metrics
from tests.support.eventually import eventually
from tests.support.faults import partition_of
from tests.support.ingestion import LIMIT_SECONDS, TYPED, Rig, commit, examples, fresh
from tests.support.kafka import Message, produce, read_all


def registrations(count: int) -> list[dict[str, Any]]:
    """Events with ids of their own, as producers send them."""
    return [fresh("user.registered", seed=n, event_id=str(uuid4())) for n in range(count)]


async def stored(rig: Rig) -> dict[str, int]:
    """Rows of events_raw and of each typed table."""
    return {table: await rig.count(table) for table in ("events_raw", *TYPED.values())}


async def test_every_type_of_event_is_stored_in_events_raw_and_in_its_typed_table(rig: Rig) -> None:
    await rig.send(examples(3, EVENT_TYPES))
    async with rig.ingesting():
        await rig.until_stored(3 * len(EVENT_TYPES))
    assert await stored(rig) == {
        "events_raw": 57,
        "user_events": 9,
        "booking_events": 12,
        "payment_events": 12,
        "trip_events": 9,
        "route_events": 12,
        "location_events": 3,
    }


async def test_the_stored_message_is_the_received_one_byte_for_byte(rig: Rig) -> None:
    event = fresh("user.registered", full_name="Ọlá 'Ade' \\ \t\U0001f600") | {"unknown": {"kept": [1, None]}}
    value = json.dumps(event, ensure_ascii=False, indent=1).encode()
    await produce(rig.bootstrap, rig.topics.user, [value])
    async with rig.ingesting():
        await rig.until_stored(1)
    found = await rig.clickhouse.select("SELECT metadata FROM events_raw")
    assert found.one()["metadata"].encode() == value


async def test_a_second_start_stores_nothing_again(rig: Rig) -> None:
    await rig.send(examples(5, EVENT_TYPES))
    async with rig.ingesting():
        await rig.until_stored(95)
    async with rig.ingesting():
        await rig.send([fresh("user.registered", seed=1000)])
        await rig.until_stored(96)
    assert await rig.count("events_raw") == 96


async def test_an_event_without_id_gets_one_from_where_it_lies(rig: Rig) -> None:
    event = fresh("user.registered")
    event.pop("event_id", None)
    await produce(rig.bootstrap, rig.topics.user, [json.dumps(event).encode()], partition=0)
    async with rig.ingesting():
        await rig.until_stored(1)
    found = await rig.clickhouse.select("SELECT event_id FROM events_raw")
    assert found.one()["event_id"] == uuid5(DERIVED_IDS, f"test/{rig.topics.user}/0/0")


async def test_a_producers_duplicate_is_stored_once(rig: Rig) -> None:
    values = [json.dumps(event).encode() for event in registrations(20)]
    await produce(rig.bootstrap, rig.topics.user, [*values, *values], partition=0)
    async with rig.ingesting():
        await produce(rig.bootstrap, rig.topics.user, values, partition=0)
        last = json.dumps(fresh("user.registered", seed=99)).encode()
        await produce(rig.bootstrap, rig.topics.user, [last], partition=0)
        await rig.until_stored(21)
    assert await rig.count("events_raw") == 21


async def test_the_duplicate_window_survives_a_restart(rig: Rig) -> None:
    values = [json.dumps(event).encode() for event in registrations(20)]
    await produce(rig.bootstrap, rig.topics.user, values, partition=0)
    async with rig.ingesting():
        await rig.until_stored(20)
    last = json.dumps(fresh("user.registered", seed=99)).encode()
    await produce(rig.bootstrap, rig.topics.user, [*values, last], partition=0)
    async with rig.ingesting():
        await rig.until_stored(21)
    assert await rig.count("events_raw") == 21


async def test_events_whose_ids_differ_in_little_are_all_stored(rig: Rig) -> None:
    ids = ["00000000-0000-4005-8000-000000000003", "00000000-0000-4004-8000-000000000002"]
    for count, event_id in enumerate(ids, start=1):
        event = fresh("user.registered", event_id=event_id)
        await produce(rig.bootstrap, rig.topics.user, [json.dumps(event).encode()], partition=0)
        async with rig.ingesting():
            await rig.until_stored(count)
    assert await rig.count("user_events") == 2


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)  # the embedded one takes its time to rebalance
async def test_the_duplicate_window_survives_a_rebalance(rig: Rig) -> None:
    values = [json.dumps(event).encode() for event in registrations(20)]
    await produce(rig.bootstrap, rig.topics.user, values, partition=0)
    last = json.dumps(fresh("user.registered", seed=99)).encode()
    async with rig.ingesting() as first:
        await rig.until_stored(20)
        async with rig.ingesting() as second:
            await eventually(lambda: any(second.partitions), within=LIMIT_SECONDS)
            await eventually(lambda: all(p.state is State.RUNNING for p in first.partitions))
            await produce(rig.bootstrap, rig.topics.user, [*values, last], partition=0)
            await rig.until_stored(21)
    assert await rig.count("events_raw") == 21


async def test_a_message_without_id_that_is_sent_back_twice_is_stored_once(rig: Rig) -> None:
    event = fresh("user.registered", event_id=None)
    await produce(rig.bootstrap, rig.topics.user, [json.dumps(event).encode()], partition=0)
    small = msgspec.structs.replace(rig.settings.ingest, max_message_bytes=10)
    async with rig.ingesting(msgspec.structs.replace(rig.settings, ingest=small)):
        await _until_dead(rig, 1)
    letters = [letter async for letter in read(rig.settings)]
    async with rig.ingesting() as actor:
        await send_back(rig.settings, letters)
        await send_back(rig.settings, letters)
        partition = await partition_of(actor, rig.topics.user)
        await eventually(lambda: partition.committed == 3, within=LIMIT_SECONDS)
    assert await rig.count("user_events") == 1


async def test_bad_messages_are_dead_lettered_and_their_neighbors_stored(rig: Rig) -> None:
    good = [Message(json.dumps(fresh("user.registered", seed=n)).encode(), b"k") for n in range(10)]
    bad = Message(b'{"event_type": "user.registered"}', b"bad key", [("trace", b"\x00\xff")])
    await produce(rig.bootstrap, rig.topics.user, [*good[:5], bad, *good[5:]], partition=0)
    async with rig.ingesting():
        await rig.until_stored(10)
        await _until_dead(rig, 1)
    (letter,) = await read_all(rig.bootstrap, rig.topics.dlq)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers.pop("trace")) == (bad.key, bad.value, b"\x00\xff")
    assert headers.pop("dlq.failed_at").startswith(b"20")
    assert b"event_timestamp" in headers.pop("dlq.error")
    assert headers == {
        "dlq.reason": b"schema_violation",
        "dlq.topic": rig.topics.user.encode(),
        "dlq.partition": b"0",
        "dlq.offset": b"5",
    }


async def test_a_row_that_only_clickhouse_refuses_is_found_and_dead_lettered(rig: Rig) -> None:
    await rig.constrain("landing_user", "ifNull(city, '') != 'Nowhere'")
    events = registrations(30)
    events[17]["city"] = "Nowhere"
    await produce(rig.bootstrap, rig.topics.user, [json.dumps(e).encode() for e in events], partition=0)
    async with rig.ingesting():
        await rig.until_stored(29)
        await _until_dead(rig, 1)
    letters = [letter async for letter in read(rig.settings)]
    assert [(x.why["reason"], x.why["offset"]) for x in letters] == [("rejected_by_clickhouse", "17")]


async def test_an_open_intent_is_repeated_with_its_own_range_and_token(rig: Rig) -> None:
    """What a crash between insert and commit leaves: the rows are there, the offset is not."""
    values = [json.dumps(event).encode() for event in registrations(10)]
    await produce(rig.bootstrap, rig.topics.user, values, partition=0)
    async with rig.ingesting():
        await rig.until_stored(10)
    await commit(
        rig,
        TopicPartition(rig.topics.user, 0),
        0,
        Intent("test", 10, (Span(0, 0, 9, int(time.time() * 1000)),)),
    )
    more = json.dumps(fresh("user.registered", seed=99)).encode()
    await produce(rig.bootstrap, rig.topics.user, [more], partition=0)
    async with rig.ingesting():
        await rig.until_stored(11)
    assert await rig.count("events_raw") == 11


async def test_a_duplicate_of_what_is_repeated_is_dropped(rig: Rig) -> None:
    values = [json.dumps(event).encode() for event in registrations(10)]
    await produce(rig.bootstrap, rig.topics.user, values, partition=0)
    open_insert = Intent("test", 10, (Span(0, 0, 9, int(time.time() * 1000)),))
    await commit(rig, TopicPartition(rig.topics.user, 0), 0, open_insert)
    more = json.dumps(fresh("user.registered", seed=99)).encode()
    await produce(rig.bootstrap, rig.topics.user, [values[3], more], partition=0)
    async with rig.ingesting():
        await rig.until_stored(11)
    assert await rig.count("events_raw") == 11


def test_a_token_names_everything_that_tells_a_batch_from_another() -> None:
    intent = Intent("e1", 12, (Span(3, 10, 19, 5), Span(4, 0, 2, 6)))
    assert intent.token("test", "t") == "test:e1:t:3:10-19,4:0-2"


def test_the_largest_intent_fits_into_a_commit() -> None:
    most = 10**12  # an offset that no partition will reach, a time far away
    spans = tuple(Span(999, most, most, 4 * most) for _ in range(MAX_SPANS))
    assert len(Intent("e" * 64, 10**6, spans).encode()) < 4096


async def _until_dead(rig: Rig, letters: int) -> None:
    async with asyncio.timeout(20):
        while len(await read_all(rig.bootstrap, rig.topics.dlq)) < letters:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
async def test_the_marker_that_ends_a_transaction_is_no_lag(rig: Rig) -> None:
    topic, metrics = rig.topics.user, Metrics()
    producer = AIOKafkaProducer(bootstrap_servers=rig.bootstrap, transactional_id=topic)
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send(topic, json.dumps(fresh("user.registered")).encode(), partition=0)
    finally:
        await producer.stop()

    def lag() -> float | None:
        return metrics.registry.get_sample_value(
            "openride_consumer_lag_messages", {"topic": topic, "partition": "0"}
        )

    async with rig.ingesting(metrics=metrics):
        await rig.until_stored(1)
        await eventually(lambda: lag() == 0)


async def test_who_has_left_says_of_no_partition_that_it_runs_and_of_no_byte_that_it_is_in_flight(
    rig: Rig,
) -> None:
    """Else a consumer that cannot come back, Kafka being away, is taken for one that reads."""
    patient = msgspec.structs.replace(rig.settings.ingest, flush_interval_ms=60_000)
    metrics = Metrics()

    def shown() -> tuple[float | None, float | None]:
        ask = metrics.registry.get_sample_value
        return ask("openride_ingest_partitions", {"state": "running"}), ask("openride_ingest_inflight_bytes")

    await rig.send(registrations(1))
    async with rig.ingesting(msgspec.structs.replace(rig.settings, ingest=patient), metrics=metrics):
        await eventually(lambda: all(shown()), within=LIMIT_SECONDS)
    assert shown() == (None, 0)

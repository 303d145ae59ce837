"""Messages that can never be stored, one, some or all of a partition's."""

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record._crc32c import crc as crc32c
from confluent_kafka import Producer

from openride_analytics.ingest.dead_letter_topic import read
from openride_analytics.ingest.partition import State
from openride_analytics.schema.events import EVENT_TYPES
from tests.support.auditing import differences
from tests.support.events import message
from tests.support.faults import (
    Line,
    committed,
    dead_letters,
    partition_of,
    readiness,
    send_bad,
    send_bookings,
    until,
    until_committed,
)
from tests.support.hostile import hostile_messages
from tests.support.ingestion import Rig
from tests.support.kafka import Message, produce

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

DAYS_A_MONTH = 30.5


async def test_one_bad_message_among_ten_thousand_costs_no_other(line: Line) -> None:
    """Fault 6: it is dead-lettered, once, and neither loses its batch nor holds it up."""
    now = datetime.now(UTC).isoformat()
    values = [
        message("booking.created", seed=n, event_id=str(uuid4()), event_timestamp=now) for n in range(9_999)
    ]
    values.insert(4_321, b"not json")
    await produce(line.rig.bootstrap, line.rig.topics.booking, values, partition=0)
    async with line.ingesting():
        await until_committed(line.rig, 10_000, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (len(await dead_letters(line.rig)), await line.rig.count("events_raw")) == (1, 9_999)


async def test_a_partition_of_nothing_but_bad_messages_stops_and_is_named(line: Line) -> None:
    """Fault 7: the limit trips; the other partitions go on; the topic is not drained into the dead letters."""
    topic = line.rig.topics.booking
    await send_bad(line.rig, 1_500)
    await send_bookings(line.rig, 500, partition=1)
    async with line.ingesting() as actor:
        await until(await partition_of(actor, topic), State.HALTED)
        await send_bookings(line.rig, 500, partition=1)
        await until_committed(line.rig, 1_000, topic, 1)
        said = (await readiness(line, actor))["partitions"]
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert f"{topic}/0 halted: more than 500 bad messages among the last 1000" in said.detail
    assert (len(await dead_letters(line.rig)), await committed(line.rig, topic)) == (500, 500)


async def test_a_restart_stops_at_the_limit_again(line: Line) -> None:
    """Fault 7: a start counts anew from the committed offset, so each one buries as many as the limit allows."""
    topic = line.rig.topics.booking
    await send_bad(line.rig, 1_500)
    for _ in range(2):
        async with line.ingesting() as actor:
            await until(await partition_of(actor, topic), State.HALTED)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (len(await dead_letters(line.rig)), await committed(line.rig, topic)) == (1_000, 1_000)


async def test_a_thousand_hostile_messages_among_ten_thousand_good_ones(line: Line) -> None:
    """Fault 9: every way to be bad that is known, each buried for its own reason and byte for byte."""
    rig, now = line.rig, datetime.now(UTC)
    hostile = list(hostile_messages(7, 1_000, now=now))
    mixed = [
        (Message(value, f"bad {n}".encode()), rig.topics.events()[kind])
        for n, (value, _, kind) in enumerate(hostile)
    ]
    for n in range(10_000):
        name = list(EVENT_TYPES)[n % len(EVENT_TYPES)]
        topic = rig.topics.events()[EVENT_TYPES[name][0]]
        value = message(name, seed=n, event_id=str(uuid4()), event_timestamp=now.isoformat())
        mixed.append((Message(value, f"good {n}".encode()), topic))
    random.Random(7).shuffle(mixed)
    for topic in rig.topics.events().values():
        await produce(rig.bootstrap, topic, [found for found, where in mixed if where == topic])
    async with line.ingesting():
        await rig.until_stored(10_000)
        letters = await dead_letters(rig, 1_000)
    found = {record.key: (record.value, dict(record.headers)["dlq.reason"].decode()) for record in letters}
    assert await differences(rig.settings, rig.clickhouse) == []
    assert found == {f"bad {n}".encode(): (value, reason) for n, (value, reason, _) in enumerate(hostile)}
    assert (len(letters), await rig.count("events_raw")) == (1_000, 10_000)


@pytest.mark.parametrize(
    ("value", "header", "letters"),
    [
        pytest.param(None, ("x", None), 1, id="no key, no value"),
        pytest.param(b"not json", ("dlq.topic", None), 1, id="bad, with one of ours"),
        pytest.param(message("user.registered"), ("dlq.origin", None), 0, id="without an id, from nowhere"),
    ],
)
async def test_what_kafka_allows_and_clients_seldom_send(
    line: Line, value: bytes | None, header: tuple[str, None], letters: int
) -> None:
    """Fault 9: nothing of it ends a worker."""
    rig, topic = line.rig, line.rig.topics.user
    producer = Producer({"bootstrap.servers": rig.bootstrap})
    producer.produce(topic, value, partition=0, headers=[header])
    good = message("user.registered", event_id=str(uuid4()), event_timestamp=datetime.now(UTC).isoformat())
    producer.produce(topic, good, partition=0)
    producer.flush(10)
    async with line.ingesting():
        await until_committed(rig, 2, topic)
    assert await differences(rig.settings, rig.clickhouse) == []
    assert [found.record.value async for found in read(rig.settings)] == [value] * letters


async def test_a_message_that_the_client_cannot_read_stops_its_partition_and_is_named(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before it is stored, and so is what comes in the others."""
    rig, topic = line.rig, line.rig.topics.booking
    await send_bookings(rig, 10)
    await send_with_a_name_that_is_not_utf8(rig, monkeypatch)
    await send_bookings(rig, 10)
    await send_bookings(rig, 10, partition=1)
    async with line.ingesting() as actor:
        partition = await partition_of(actor, topic)
        await until(partition, State.HALTED)
        await until_committed(rig, 10, topic, 1)
    assert (partition.problem, await committed(rig, topic), await rig.count("events_raw")) == (
        "the message at offset 10 has a header whose name is not UTF-8",
        10,
        20,
    )


async def send_with_a_name_that_is_not_utf8(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No client for Python sends a header with such a name; others do."""
    build = BatchBuilder._build

    def spoiled(self: BatchBuilder) -> bytearray:
        made = bytearray(build(self)).replace(b"a name", b"\xff name")
        made[17:21] = crc32c(bytes(made[21:])).to_bytes(4)
        self._buffer = made
        return made

    producer = AIOKafkaProducer(bootstrap_servers=rig.bootstrap)
    await producer.start()
    with monkeypatch.context() as patched:
        patched.setattr(BatchBuilder, "_build", spoiled)
        headers = [("a name", b"")]
        await producer.send_and_wait(rig.topics.booking, b"not json", partition=0, headers=headers)
    await producer.stop()


async def test_event_times_over_two_hundred_months_are_no_two_hundred_parts(line: Line) -> None:
    """Fault 10: what is older than allowed is dead-lettered; the rest of one batch goes in as one."""
    now = datetime.now(UTC)
    messages = [
        Message(
            message(
                "booking.created",
                seed=months,
                event_id=str(uuid4()),
                event_timestamp=(now - timedelta(days=months * DAYS_A_MONTH)).isoformat(),
            )
        )
        for months in range(200)
    ]
    await produce(line.rig.bootstrap, line.rig.topics.booking, messages, partition=0)
    kept = [m for m in range(200) if m * DAYS_A_MONTH <= line.settings.ingest.max_event_age_days]
    async with line.ingesting():
        await until_committed(line.rig, 200, line.rig.topics.booking)
    letters = await dead_letters(line.rig)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert {dict(letter.headers)["dlq.reason"] for letter in letters} == {b"timestamp_out_of_range"}
    assert (len(letters), await line.rig.count("events_raw")) == (200 - len(kept), len(kept))

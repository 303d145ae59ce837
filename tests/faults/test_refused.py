"""Rows that ClickHouse refuses, and a topic that it does not take: what else there is is stored all the same."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from openride_analytics.ingest.partition import State
from tests.support.auditing import differences
from tests.support.faults import Line, committed, dead_letters, partition_of, until, until_committed
from tests.support.ingestion import fresh
from tests.support.kafka import Message, produce

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

REFUSED = "Nowhere"
BROKEN = (
    "CREATE TABLE broken (x UInt64) ENGINE = Null",
    "CREATE MATERIALIZED VIEW mv_broken TO broken AS SELECT throwIf(1) AS x FROM landing_booking",
)


def people(*cities: str, event_id: str | None = None) -> list[Message]:
    """Registrations in these cities, of one person with an `event_id`, else of as many."""
    return [
        Message(
            json.dumps(
                fresh("user.registered", seed=n, event_id=event_id or str(uuid4()), city=city)
            ).encode()
        )
        for n, city in enumerate(cities)
    ]


def given(line: Line, **limits: Any) -> Line:
    """The same with other settings of ingestion."""
    ingest = structs.replace(line.settings.ingest, **limits)
    return replace(line, settings=structs.replace(line.settings, ingest=ingest))


async def test_what_was_refused_and_comes_again_mended_is_stored(line: Line) -> None:
    """Also where it came so soon that it had been dropped already, as a duplicate of the one that was refused."""
    rig = line.rig
    await rig.constrain("landing_user", f"ifNull(city, '') != '{REFUSED}'")
    bad, mended = people(REFUSED, "Ikeja", event_id=str(uuid4()))
    await produce(rig.bootstrap, rig.topics.user, [bad, *people("Lagos"), mended], partition=0)
    async with line.ingesting():
        await until_committed(rig, 3, rig.topics.user)
    found = await rig.clickhouse.select("SELECT kafka_offset FROM user_events ORDER BY kafka_offset")
    assert await differences(rig.settings, rig.clickhouse) == []
    assert (list(found.columns[0]), len(await dead_letters(rig))) == ([1, 2], 1)


@pytest.mark.parametrize("limits", [{"dlq_max_run": 5}, {"dlq_max_ratio": 0.005}])
async def test_a_partition_of_which_every_row_is_refused_stops_and_is_named(
    line: Line, limits: dict[str, Any]
) -> None:
    """Fault 7: the topic is not drained into the dead letters."""
    rig = line.rig
    await rig.constrain("landing_user", "event_type = 'nothing'")
    await produce(rig.bootstrap, rig.topics.user, people(*[REFUSED] * 60), partition=0)
    async with given(line, **limits).ingesting() as actor:
        partition = await partition_of(actor, rig.topics.user)
        await until(partition, State.HALTED)
    assert await differences(rig.settings, rig.clickhouse) == []
    assert (len(await dead_letters(rig)), await committed(rig, rig.topics.user)) == (5, 5)


async def test_single_refused_rows_among_good_ones_stop_nothing(line: Line) -> None:
    """However many they are together."""
    rig = line.rig
    await rig.constrain("landing_user", f"ifNull(city, '') != '{REFUSED}'")
    await produce(rig.bootstrap, rig.topics.user, people(*[REFUSED, "Lagos"] * 8), partition=0)
    async with given(line, dlq_max_run=5).ingesting():
        await until_committed(rig, 16, rig.topics.user)
    assert (len(await dead_letters(rig)), await rig.count("user_events")) == (8, 8)


async def test_among_offsets_that_are_partly_stored_no_row_is_looked_for(line: Line) -> None:
    """What is there already would be stored a second time, under other tokens."""
    rig, topic = line.rig, line.rig.topics.user
    await rig.constrain("landing_user", f"ifNull(city, '') != '{REFUSED}'")
    await rig.clickhouse.execute(
        "INSERT INTO events_raw (event_timestamp, kafka_epoch, kafka_topic, kafka_partition, kafka_offset) "
        f"SELECT now64(3), '{rig.settings.kafka.topic_epoch}', '{topic}', 0, 1"
    )
    await produce(rig.bootstrap, topic, people(REFUSED, "Lagos"), partition=0)
    async with line.ingesting() as actor:
        partition = await partition_of(actor, topic)
        await until(partition, State.HALTED)
    assert "partly stored" in (partition.problem or "")


async def test_a_topic_that_cannot_be_stored_leaves_room_for_the_others(line: Line) -> None:
    """However much of it there is."""
    rig, padding = line.rig, "x" * 5_000
    for statement in BROKEN:
        await rig.clickhouse.execute(statement)
    many = [
        Message(
            json.dumps(fresh("booking.created", event_id=str(uuid4())) | {"padding": padding}).encode(),
            str(n).encode(),
        )
        for n in range(4_000)
    ]
    await produce(rig.bootstrap, rig.topics.booking, many)
    async with given(line, max_inflight_bytes=14 << 20).ingesting() as actor:
        await until(await partition_of(actor, rig.topics.booking), State.RETRYING)
        await produce(rig.bootstrap, rig.topics.user, people("Lagos", "Ikeja"), partition=0)
        await rig.until_stored(2, "user_events")
        assert (await partition_of(actor, rig.topics.booking)).state is State.RETRYING

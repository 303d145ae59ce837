"""Tables that refuse an insert, in part or whole, for a while: the partition waits, and every view gets its rows."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from openride_analytics.ingest.partition import State
from tests.support.auditing import differences
from tests.support.durations import lasting
from tests.support.eventually import eventually
from tests.support.faults import (
    Hindrance,
    Line,
    committed,
    dead_letters,
    limited,
    partition_of,
    readiness,
    send_bookings,
    set_trap,
    trap,
    until,
    until_committed,
)
from tests.support.ingestion import Rig

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]


async def test_a_view_that_throws_twice_is_filled_in_the_end(line: Line, attempts: list[str]) -> None:
    """Fault 3: the last view of the chain throws when the tables before it have their rows already."""
    await trap(line.rig)
    await set_trap(line.rig, True)
    await send_bookings(line.rig, 500)
    async with line.ingesting() as actor:
        partition = await partition_of(actor, line.rig.topics.booking)
        await eventually(lambda: len(attempts) > 2)
        held = (partition.state, await committed(line.rig, line.rig.topics.booking))
        await set_trap(line.rig, False)
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (held, await line.rig.count("trapped")) == ((State.RETRYING, 0), 500)


async def test_a_view_whose_target_is_missing_is_filled_once_it_is_there(line: Line) -> None:
    """Fault 3: the target of a view in the middle of the chain is away."""
    clickhouse = line.rig.clickhouse
    await clickhouse.execute("RENAME TABLE daily_booking_metrics TO away")
    await send_bookings(line.rig, 500)
    async with line.ingesting() as actor:
        await until(await partition_of(actor, line.rig.topics.booking), State.RETRYING)
        await clickhouse.execute("RENAME TABLE away TO daily_booking_metrics")
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await differences(line.rig.settings, clickhouse) == []
    assert await line.rig.count("daily_booking_metrics") == 500


@asynccontextmanager
async def too_many_parts(rig: Rig, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A table that has more parts than it may have, though it is not the first of the chain."""
    limits = "parts_to_throw_insert = 1, parts_to_delay_insert = 1000"
    await rig.clickhouse.execute("SYSTEM STOP MERGES booking_events")
    await rig.clickhouse.execute(f"ALTER TABLE booking_events MODIFY SETTING {limits}")
    yield
    await rig.clickhouse.execute(
        "ALTER TABLE booking_events RESET SETTING parts_to_throw_insert, parts_to_delay_insert"
    )
    await rig.clickhouse.execute("SYSTEM START MERGES booking_events")


@pytest.mark.parametrize(
    "hindrance",
    [too_many_parts, limited("max_memory_usage", 1_000_000), limited("readonly", 1)],
    ids=["too many parts", "memory limit", "read-only"],
)
async def test_a_server_at_its_limits_is_not_hurried_and_loses_nothing(
    line: Line, attempts: list[str], monkeypatch: pytest.MonkeyPatch, hindrance: Hindrance
) -> None:
    """Fault 15: too many parts, too little memory, or nothing may be written."""
    topic, outage = line.rig.topics.booking, lasting(60)
    async with line.ingesting() as actor:
        await send_bookings(line.rig, 500)
        await until_committed(line.rig, 500, topic)
        attempts.clear()
        async with hindrance(line.rig, monkeypatch):
            await send_bookings(line.rig, 500)
            await until(await partition_of(actor, topic), State.RETRYING)
            await asyncio.sleep(outage)
            tried, reached = len(attempts), await committed(line.rig, topic)
        await until_committed(line.rig, 1_000, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (tried < 8 + outage / 4, reached, await dead_letters(line.rig)) == (True, 500, [])


@asynccontextmanager
async def without_a_column(rig: Rig) -> AsyncIterator[None]:
    """The landing table as if `seats_booked` had been dropped; the views go on naming it."""
    made = (await rig.clickhouse.select("SHOW CREATE TABLE landing_booking")).one()["statement"]
    changed = re.sub(r"\n    `seats_booked` [^\n]*", "", made).replace("landing_booking", "changed")
    await rig.clickhouse.execute(changed)
    await rig.clickhouse.execute("EXCHANGE TABLES landing_booking AND changed")
    yield
    await rig.clickhouse.execute("EXCHANGE TABLES landing_booking AND changed")


@asynccontextmanager
async def with_another_type(rig: Rig) -> AsyncIterator[None]:
    """A column of the landing table is narrower than the values that it is to take."""
    await rig.clickhouse.execute("ALTER TABLE landing_booking MODIFY COLUMN seats_booked Nullable(Int8)")
    yield
    await rig.clickhouse.execute("ALTER TABLE landing_booking MODIFY COLUMN seats_booked Nullable(UInt8)")


@pytest.mark.parametrize("drift", [without_a_column, with_another_type])
async def test_a_drifted_schema_stops_ingestion_until_it_is_mended(
    line: Line, drift: Callable[[Rig], AbstractAsyncContextManager[None]]
) -> None:
    """Fault 17: a column is dropped, or has another type."""
    topic = line.rig.topics.booking
    async with line.ingesting() as actor:
        async with drift(line.rig):
            await send_bookings(line.rig, 500)
            await until(await partition_of(actor, topic), State.RETRYING)
            said = await readiness(line, actor)
            while "no answer within" in said["schema"].detail:  # on a busy machine
                said = await readiness(line, actor)
            reached = await line.rig.count("events_raw")
        await until_committed(line.rig, 500, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (said["schema"].state, said["schema"].critical) == ("down", True)
    assert "landing_booking" in said["schema"].detail and f"{topic}/0 retrying" in said["partitions"].detail
    assert (reached, await line.rig.count("events_raw"), await dead_letters(line.rig)) == (0, 500, [])


async def test_a_table_behind_the_landing_table_that_lost_a_column_is_named(line: Line) -> None:
    """Fault 17: ClickHouse itself would only leave the column's values out."""
    await line.rig.clickhouse.execute("ALTER TABLE booking_events DROP COLUMN seats_booked")
    async with line.ingesting() as actor:
        said = (await readiness(line, actor))["schema"]
    assert (said.state, said.detail) == ("down", "booking_events has no column seats_booked")

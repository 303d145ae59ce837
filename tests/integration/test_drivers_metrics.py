"""Drivers, against the same numbers computed the slow and obvious way."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from openride_analytics.schema.queries import DriverSort
from openride_analytics.stats.drivers import drivers
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.drives import EVENTS, FIRST, LAST, ZONES, ask, ranges
from tests.support.drives_reference import Reference, distribution
from tests.support.events import example
from tests.support.warehouse import store

LIMIT = 1000


@pytest.mark.parametrize("sort", DriverSort)
@pytest.mark.parametrize("zone", ZONES)
async def test_drivers_of_a_range(drives: ClickHouse, zone: str, sort: DriverSort) -> None:
    for question in ranges(zone):
        answer = msgspec.to_builtins(await drivers(drives, question, sort=sort, limit=LIMIT))
        rows = Reference.of(EVENTS, question.period).drivers(sort)
        assert answer["drivers"] == rows
        assert answer["total_drivers"] == len(rows)
        assert answer["earnings_distribution"] == distribution(rows)


async def test_a_limit_leaves_drivers_out_and_the_distribution_as_it_is(drives: ClickHouse) -> None:
    question = ask(FIRST, LAST, "UTC")
    every = await drivers(drives, question, sort=DriverSort.TRIPS, limit=LIMIT)
    few = await drivers(drives, question, sort=DriverSort.TRIPS, limit=3)
    assert few == msgspec.structs.replace(every, drivers=every.drivers[:3])


async def test_the_answer_says_what_it_is_about(drives: ClickHouse) -> None:
    answer = await drivers(drives, ask(FIRST, LAST, "Asia/Kathmandu"), sort=DriverSort.TRIPS, limit=1)
    assert (answer.date_range, answer.timezone) == (f"{FIRST} to {LAST}", "Asia/Kathmandu")


async def test_before_merges_repeated_events_are_there_twice(drives: ClickHouse) -> None:
    found = await drives.select("SELECT count() > uniqExact(event_id) AS twice FROM daily_trip_metrics")
    assert found.one()["twice"] == drives.database.endswith("as_stored")


async def test_distances_are_added_in_the_order_of_the_trips(warehouse: ClickHouse) -> None:
    """A kilometre is lost beside 10^16, but not two: ascending, or as they arrive, the sum would be another."""
    driver, distances = str(uuid4()), [1e16, 1.0, 1.0]
    start = datetime.combine(FIRST, time(12), UTC)
    trips = [
        example("trip.completed", seed=n, event_id=str(uuid4()), driver_id=driver,
                event_timestamp=start + timedelta(milliseconds=n), distance_km=distance)
        for n, distance in enumerate(distances)
    ]  # fmt: skip
    for trip in reversed(trips):
        await store(warehouse, [trip], token=trip["event_id"])
    answer = await drivers(warehouse, ask(FIRST, FIRST, "UTC"), sort=DriverSort.DISTANCE, limit=LIMIT)
    assert [row.total_distance_km for row in answer.drivers] == [1e16 + 1.0 + 1.0]


async def test_of_distances_that_are_shown_alike_none_is_the_longer_one(warehouse: ClickHouse) -> None:
    distances = {str(UUID(int=1)): 10.001, str(UUID(int=2)): 10.004}
    start = datetime.combine(FIRST, time(12), UTC)
    await store(
        warehouse,
        [
            example(
                "trip.completed",
                seed=n,
                event_id=str(uuid4()),
                driver_id=driver,
                event_timestamp=start,
                distance_km=distance,
            )
            for n, (driver, distance) in enumerate(distances.items())
        ],
    )
    answer = await drivers(warehouse, ask(FIRST, FIRST, "UTC"), sort=DriverSort.DISTANCE, limit=LIMIT)
    assert [str(row.driver_id) for row in answer.drivers] == list(distances)

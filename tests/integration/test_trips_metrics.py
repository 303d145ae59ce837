"""Trips, against the same numbers computed the slow and obvious way."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.queries import Granularity
from openride_analytics.settings import Settings
from openride_analytics.stats.trips import trips
from openride_analytics.store.clickhouse import ClickHouse
from tests.support import reference_people as reference
from tests.support.api import Served, leading_to, resources, serving
from tests.support.reference_people import FIRST, LAYOUTS, ZONES, Chance, ask, instants, month
from tests.support.reference_trips import STEPS, Reference
from tests.support.warehouse import store

NIL = str(UUID(int=0))
IDS = ("trip_id", "booking_id", "driver_id", "rider_id", "route_id")


def generated(seed: int, count: int = 400) -> list[dict[str, Any]]:
    """Trips some of whose steps are missing, or come again with other figures, or another driver."""
    chance = Chance(seed)
    rng, events = chance.rng, []
    drivers = [chance.some_id() for _ in range(400)]  # some of whom only repeat what another did
    for _ in range(count):
        ids = {name: chance.some_id() for name in IDS}
        at = chance.moment()
        for step in STEPS:
            for _ in chance.times():
                fields: dict[str, Any] = {**ids, "driver_id": rng.choice(drivers)}
                if step == "completed":
                    fields |= {
                        "duration_minutes": rng.choice((0, rng.randrange(600), 2**32 - 1)),
                        "distance_km": rng.randrange(40_000) / 64,  # whose sums are exact in any order
                        "on_time": rng.random() < 0.7,
                        "driver_earnings": chance.amount(),
                        "platform_commission": chance.amount(),
                    }
                events.append(chance.event(f"trip.{step}", at, **fields))
                at = chance.later(at)
    return chance.delivered(events)


EVENTS = generated(seed=12)


@pytest.fixture(scope="module", params=LAYOUTS)
def filled_settings(clickhouse_server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> Settings:
    return reference.filled_with(clickhouse_server, "test_trips", request.param, EVENTS)


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    async with reference.opened(filled_settings) as client:
        yield client


@pytest.mark.parametrize("zone", ZONES)
async def test_totals_of_whole_days(filled: ClickHouse, zone: str) -> None:
    question = month(zone)
    expected = Reference(EVENTS, question.period.since, question.period.until)
    assert reference.totals_of(await trips(filled, question)) == expected.totals()


@pytest.mark.parametrize("seed", range(4))
async def test_a_range_may_begin_and_end_on_any_event(filled: ClickHouse, seed: int) -> None:
    question = instants(EVENTS, seed)
    expected = Reference(EVENTS, question.period.since, question.period.until)
    assert reference.totals_of(await trips(filled, question)) == expected.totals()


async def test_a_trip_may_have_the_least_of_ids(warehouse: ClickHouse) -> None:
    ((often, _),) = Counter(event["trip_id"] for event in EVENTS).most_common(1)
    events = [event | {"trip_id": NIL} if event["trip_id"] == often else event for event in EVENTS]
    await store(warehouse, events, token="nil")
    question = ask(FIRST - timedelta(days=10), FIRST + timedelta(days=50), "UTC")
    expected = Reference(events, question.period.since, question.period.until)
    assert reference.totals_of(await trips(warehouse, question)) == expected.totals()


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("zone", ZONES)
async def test_series(filled: ClickHouse, zone: str, granularity: Granularity) -> None:
    question = month(zone, granularity)
    inside = Reference(EVENTS, question.period.since, question.period.until).inside
    answer = await trips(filled, question)
    parts = list(reference.split(answer, question.period.until, inside))
    assert [point for *_, point in parts] == [Reference(part, b, e).point() for b, e, part, _ in parts]


async def test_a_series_changes_no_total(filled: ClickHouse) -> None:
    question = month("UTC", Granularity.DAILY)
    expected = Reference(EVENTS, question.period.since, question.period.until)
    assert reference.totals_of(await trips(filled, question)) == expected.totals()


async def test_a_range_without_events_has_zeros_and_no_rates(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    assert reference.totals_of(await trips(filled, ask(day, day, "UTC"))) == {
        "trips_started": 0,
        "trips_completed": 0,
        "trips_cancelled": 0,
        "completion_rate": None,
        "avg_duration_minutes": None,
        "avg_distance_km": None,
        "on_time_performance": None,
        "total_driver_earnings": "0.00",
        "total_platform_commission": "0.00",
        "active_drivers": 0,
    }


async def test_a_series_without_events_is_filled_with_zeros(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    answer = await trips(filled, ask(day, day + timedelta(days=2), "UTC", Granularity.DAILY))
    points = [(point.trips_started, point.total_driver_earnings) for point in answer.time_series or ()]
    assert points == [(0, "0.00")] * 3


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: Settings) -> AsyncIterator[Served]:
    """A trip of 5 October; and one of another driver, that was cancelled a day after it had started."""
    chance, at = Chance(0), datetime.fromisoformat("2026-10-05T08:00:00+01:00")
    whole, broken = ({name: chance.some_id() for name in IDS} for _ in range(2))
    earned = {"driver_earnings": "3800.25", "platform_commission": "700.25", "on_time": True}
    await store(
        warehouse,
        [
            chance.event("trip.started", at, **whole),
            chance.event("trip.completed", at + timedelta(hours=1), **whole, **earned),
            chance.event("trip.started", at, **broken),
            chance.event("trip.cancelled", at + timedelta(days=1), **broken),
        ],
        token=str(uuid4()),
    )
    async with resources(leading_to(shared_settings)) as given, serving(given) as served:
        yield served


async def test_trips_of_a_range(api: Served) -> None:
    query = "start_date=2026-10-01&end_date=2026-10-31"
    answer = (await api.get(f"/v1/metrics/trips?{query}")).json()
    answer.pop("generated_at")
    answer.pop("time_series", None)
    assert answer == {
        "date_range": "2026-10-01 to 2026-10-31",
        "timezone": "Africa/Lagos",
        "trips_started": 2,
        "trips_completed": 1,
        "trips_cancelled": 1,
        "completion_rate": 50.0,
        "avg_duration_minutes": 65.0,
        "avg_distance_km": 128.4,
        "on_time_performance": 100.0,
        "total_driver_earnings": "3800.25",
        "total_platform_commission": "700.25",
        "active_drivers": 2,
    }


async def test_trips_day_by_day(api: Served) -> None:
    query = "start_date=2026-10-04&end_date=2026-10-06&include_time_series=true"
    series = (await api.get(f"/v1/metrics/trips?{query}")).json()["time_series"]
    none = {f"trips_{step}": 0 for step in STEPS} | {"total_driver_earnings": "0.00"}
    assert series == [
        none | {"timestamp": "2026-10-04T00:00:00+01:00"},
        {
            "timestamp": "2026-10-05T00:00:00+01:00",
            "trips_started": 2,
            "trips_completed": 1,
            "trips_cancelled": 0,
            "total_driver_earnings": "3800.25",
        },
        none | {"timestamp": "2026-10-06T00:00:00+01:00", "trips_cancelled": 1},
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [("granularity=yearly", "granularity"), ("end_date=soon", "end_date"), ("limit=5", "limit")],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(api: Served, query: str, field: str) -> None:
    answer = await api.get(f"/v1/metrics/trips?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])

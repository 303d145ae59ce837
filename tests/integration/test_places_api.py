"""Drivers, routes, places and trends through HTTP: the fields of an answer, and wrong questions."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.warehouse import store

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OCTOBER = "start_date=2026-10-01&end_date=2026-10-31"
DRIVER, ROUTE, BOOKING = (str(uuid4()) for _ in range(3))


def event(event_type: str, at: str, **changes: Any) -> dict[str, Any]:
    return example(event_type, event_id=str(uuid4()), event_timestamp=at, **changes)


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: tree.Settings) -> AsyncIterator[Served]:
    """One route, booked, paid and driven once, on 5 October."""
    ids = {"booking_id": BOOKING, "route_id": ROUTE, "driver_id": DRIVER}
    leaves = "2026-10-05T12:00:00+01:00"
    await store(
        warehouse,
        [
            event("route.created", "2026-09-01T08:00:00+01:00", route_id=ROUTE, driver_id=DRIVER),
            event("booking.created", "2026-10-05T08:00:00+01:00", **ids, scheduled_departure=leaves),
            event("booking.confirmed", "2026-10-05T08:05:00+01:00", **ids, total_price="4500.50"),
            event("trip.completed", "2026-10-05T14:00:00+01:00", **ids),
        ],
        token=str(uuid4()),
    )
    async with resources(leading_to(shared_settings), now=NOW) as given, serving(given) as served:
        yield served


async def answered(api: Served, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get(path)).json()
    answer.pop("generated_at")
    assert (answer.pop("date_range"), answer.pop("timezone")) == (
        "2026-10-01 to 2026-10-31",
        "Africa/Lagos",
    )
    return answer


async def test_drivers(api: Served) -> None:
    percentiles = ("p10", "p25", "p50", "p75", "p90", "p99", "mean")
    assert await answered(api, f"/v1/metrics/drivers?{OCTOBER}") == {
        "drivers": [
            {
                "driver_id": DRIVER,
                "total_trips": 1,
                "total_earnings": "3825.00",
                "avg_earnings_per_trip": "3825.00",
                "total_distance_km": 128.4,
                "active_days": 1,
                "on_time_performance": 100.0,
                "cancellation_rate": 0.0,
            }
        ],
        "earnings_distribution": dict.fromkeys(percentiles, "3825.00"),
        "total_drivers": 1,
    }


async def test_routes(api: Served) -> None:
    assert await answered(api, f"/v1/metrics/routes?{OCTOBER}&sort=occupancy") == {
        "routes": [
            {
                "route_id": ROUTE,
                "route_name": "Lagos - Ibadan",
                "origin_city": "Lagos",
                "destination_city": "Ibadan",
                "driver_id": DRIVER,
                "total_bookings": 1,
                "total_revenue": "4500.50",
                "avg_occupancy": 50.0,
                "seats_total": 4,
            }
        ]
    }


async def test_places(api: Served) -> None:
    assert await answered(api, f"/v1/analytics/geographic?{OCTOBER}") == {
        "metric": "bookings",
        "level": "city",
        "data_points": [{"state": "Lagos", "city": "Lagos", "value": 1.0}],
        "total_value": 1.0,
    }


async def test_hexes(api: Served) -> None:
    answer = await answered(api, f"/v1/analytics/geographic?{OCTOBER}&level=hex&resolution=5&metric=trips")
    (point,) = answer["data_points"]
    assert answer["resolution"] == 5 and point.keys() == {"state", "city", "hex", "lat", "lon", "value"}


async def test_a_trend(api: Served) -> None:
    answer = await answered(api, f"/v1/analytics/trends?{OCTOBER}&granularity=monthly")
    assert answer == {
        "metric": "bookings",
        "granularity": "monthly",
        "data_points": [{"timestamp": "2026-10-01T00:00:00+01:00", "value": 1.0}],
        "totals": {"value": 1.0},
    }


async def test_a_trend_with_all_there_is(api: Served) -> None:
    query = "granularity=monthly&compare=previous_period&moving_average=2&group_by=state"
    answer = await answered(api, f"/v1/analytics/trends?{OCTOBER}&{query}")
    groups = [{"group": "Lagos", "value": 1.0}]
    assert answer["totals"] == {"value": 1.0, "groups": groups}
    assert answer["data_points"] == [
        {"timestamp": "2026-10-01T00:00:00+01:00", "value": 1.0, "moving_average": None, "group": "Lagos"}
    ]
    assert answer["previous_period"]["date_range"] == "2026-08-31 to 2026-09-30"
    assert [point["moving_average"] for point in answer["previous_period"]["data_points"]] == [None, 0.0]


@pytest.fixture
async def lonely() -> AsyncIterator[Served]:
    """An API whose every dependency is away."""
    async with resources({}) as given, serving(given) as served:
        yield served


@pytest.mark.parametrize(
    ("path", "field", "allowed"),
    [
        ("metrics/drivers?limit=0", "limit", "an integer from 1 to 1000"),
        ("metrics/drivers?limit=1001", "limit", "an integer from 1 to 1000"),
        ("metrics/drivers?sort=name", "sort", "distance, earnings, trips"),
        ("metrics/routes?limit=501", "limit", "an integer from 1 to 500"),
        ("metrics/routes?sort=name", "sort", "bookings, occupancy, revenue"),
        ("metrics/routes?timezone=Mars", "timezone", "an IANA name, like Africa/Lagos or UTC"),
        ("analytics/geographic?metric=fun", "metric", "bookings, revenue, trips, users"),
        ("analytics/geographic?level=street", "level", "city, hex, state"),
        ("analytics/geographic?resolution=10", "resolution", "an integer from 4 to 9"),
        ("analytics/geographic?metric=users&level=hex", "level", "state, city"),
        (
            "analytics/trends?metric=fun",
            "metric",
            "active_users, bookings, cancelled_bookings, completed_bookings, confirmed_bookings, payments, "
            "registrations, revenue, trips",
        ),
        ("analytics/trends?compare=last_year", "compare", "previous_period"),
        ("analytics/trends?moving_average=91", "moving_average", "an integer from 2 to 90"),
        ("analytics/trends?group_by=payment_method", "group_by", "state, city"),
        (
            "analytics/trends?group_by=driver&metric=revenue",
            "group_by",
            "state, city, payment_method",
        ),
        (
            "analytics/trends?group_by=state&metric=active_users",
            "group_by",
            "nothing: leave group_by out",
        ),
    ],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(
    lonely: Served, path: str, field: str, allowed: str
) -> None:
    answer = await lonely.get(f"/v1/{path}")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["allowed"]) == (400, field, allowed)


@pytest.mark.parametrize(
    "path", ["metrics/drivers", "metrics/routes", "analytics/geographic", "analytics/trends"]
)
async def test_a_warehouse_that_is_away_may_be_asked_again(lonely: Served, path: str) -> None:
    assert (await lonely.get(f"/v1/{path}")).status_code == 503


async def test_the_schema_describes_the_parameters(lonely: Served) -> None:
    paths = (await lonely.get("/schema/openapi.json")).json()["paths"]
    parameters = {p["name"]: p["schema"] for p in paths["/v1/analytics/trends"]["get"]["parameters"]}
    assert parameters["moving_average"] == {"type": "integer", "minimum": 2, "maximum": 90}

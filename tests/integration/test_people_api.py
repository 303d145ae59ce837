"""Funnels, cohorts and retention through HTTP: the fields of the answers, and what is said of wrong questions."""

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

pytestmark = pytest.mark.clickhouse

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OCTOBER = "start_date=2026-10-01&end_date=2026-10-31"
RANGE = {"date_range": "2026-10-01 to 2026-10-31", "timezone": "Africa/Lagos"}


def event(event_type: str, at: str, **changes: Any) -> dict[str, Any]:
    return example(event_type, event_id=str(uuid4()), event_timestamp=at, **changes)


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: tree.Settings) -> AsyncIterator[Served]:
    """Two riders registered on 5 October, one in Oyo; that one booked on the next day."""
    first, second = str(uuid4()), str(uuid4())
    await store(
        warehouse,
        [
            event("user.registered", "2026-10-05T08:00:00+01:00", user_id=first, state="Oyo"),
            event("user.registered", "2026-10-05T09:00:00+01:00", user_id=second),
            event("booking.created", "2026-10-06T08:00:00.250+01:00", rider_id=first),
        ],
        token=str(uuid4()),
    )
    async with resources(leading_to(shared_settings), now=NOW) as given, serving(given) as served:
        yield served


async def answer(api: Served, path: str) -> dict[str, Any]:
    found = dict((await api.get(path)).json())
    assert found.pop("generated_at")
    return found


def step(number: int, event_type: str, name: str, *numbers: float | None) -> dict[str, Any]:
    fields = ("count", "conversion_rate", "drop_off_rate", "median_seconds_from_previous")
    said = {"step_name": name, "step_number": number, "event_type": event_type}
    return said | dict(zip(fields, numbers, strict=True))


def funnel(entered: int, converted: int, rates: tuple[float, float], wait: float | None) -> dict[str, Any]:
    return {
        "funnel_steps": [
            step(1, "user.registered", "User registered", entered, 100.0, 0.0, None),
            step(2, "booking.created", "Booking created", converted, *rates, wait),
        ],
        "total_users_entered": entered,
        "total_users_converted": converted,
        "overall_conversion_rate": rates[0],
    }


async def test_a_funnel_of_a_range(api: Served) -> None:
    query = f"{OCTOBER}&steps=user.registered,booking.created&breakdown=state"
    assert await answer(api, f"/v1/analytics/funnel?{query}") == {
        **RANGE,
        **funnel(2, 1, (50.0, 50.0), 86400.25),
        "breakdown": [
            {"value": "Oyo", **funnel(1, 1, (100.0, 0.0), 86400.25)},
            {"value": "Unknown", **funnel(1, 0, (0.0, 100.0), None)},
        ],
    }


async def test_the_default_steps(api: Served) -> None:
    steps = (await answer(api, f"/v1/analytics/funnel?{OCTOBER}"))["funnel_steps"]
    assert [(step["step_name"], step["count"]) for step in steps] == [
        ("User registered", 2),
        ("Booking created", 1),
        ("Payment success", 0),
        ("Booking confirmed", 0),
        ("Trip completed", 0),
    ]


async def test_a_cohort_day_by_day(api: Served) -> None:
    query = "cohort_type=daily&start_date=2026-10-05&periods=3"
    empty = {"cohort_size": 0, "retention_by_period": dict.fromkeys(("period_0", "period_1", "period_2"))}
    assert await answer(api, f"/v1/analytics/cohort?{query}") == {
        "date_range": "2026-10-05 to 2026-10-07",
        "timezone": "Africa/Lagos",
        "cohorts": [
            {
                "cohort_period": "2026-10-05",
                "cohort_size": 2,
                "retention_by_period": {"period_0": 100.0, "period_1": 50.0, "period_2": 0.0},
            },
            {"cohort_period": "2026-10-06", **empty},
            {"cohort_period": "2026-10-07", **empty},
        ],
    }


async def test_retention_of_a_range(api: Served) -> None:
    assert await answer(api, f"/v1/analytics/retention?{OCTOBER}&user_type=rider&mode=rolling") == {
        **RANGE,
        "total_users": 2,
        "d1": {"eligible_users": 2, "retained_users": 1, "retention_rate": 50.0},
        "d7": {"eligible_users": 2, "retained_users": 0, "retention_rate": 0.0},
        "d30": {"eligible_users": 0, "retained_users": 0, "retention_rate": None},
    }


@pytest.fixture
async def lonely() -> AsyncIterator[Served]:
    """An API whose every dependency is away."""
    async with resources({}) as given, serving(given) as served:
        yield served


@pytest.mark.parametrize(
    ("path", "query", "field", "allowed"),
    [
        ("funnel", "steps=booking.created", "steps", "2 to 10 of user.registered"),
        ("funnel", f"steps={','.join(['booking.created'] * 11)}", "steps", "2 to 10 of"),
        ("funnel", "steps=booking.created,booking.lost", "steps", "booking.confirmed"),
        ("funnel", "steps=", "steps", "with commas between"),
        ("funnel", "window_days=0", "window_days", "an integer from 1 to 365"),
        ("funnel", "window_days=366", "window_days", "an integer from 1 to 365"),
        ("funnel", "breakdown=age", "breakdown", "city, role, state"),
        ("funnel", "start_date=yesterday", "start_date", "an ISO 8601 date"),
        ("cohort", "cohort_type=hourly", "cohort_type", "daily, monthly, weekly"),
        ("cohort", "periods=53", "periods", "an integer from 1 to 52"),
        ("cohort", "periods=few", "periods", "an integer from 1 to 52"),
        ("cohort", "start_date=yesterday", "start_date", "an ISO 8601 date"),
        ("cohort", "end_date=tomorrow", "end_date", "an ISO 8601 date"),
        ("cohort", "timezone=Mars/Olympus", "timezone", "an IANA name"),
        ("retention", "user_type=admin", "user_type", "all, driver, rider"),
        ("retention", "mode=loose", "mode", "exact, rolling"),
        ("retention", "start_date=2020-01-01&end_date=2026-10-01", "start_date", "at most 400 days"),
        ("retention", "periods=3", "periods", "user_type"),
    ],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(
    lonely: Served, path: str, query: str, field: str, allowed: str
) -> None:
    found = await lonely.get(f"/v1/analytics/{path}?{query}")
    (error,) = found.json()["errors"]
    assert found.headers["content-type"] == "application/problem+json"
    assert found.status_code == 400 and error["field"] == field and allowed in error["allowed"]


@pytest.mark.parametrize("path", ["funnel", "cohort", "retention"])
async def test_a_warehouse_that_is_away_may_be_asked_again(lonely: Served, path: str) -> None:
    found = await lonely.get(f"/v1/analytics/{path}")
    assert found.status_code == 503 and int(found.headers["Retry-After"]) > 0

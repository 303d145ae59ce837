"""People, against the same numbers computed the slow and obvious way."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.schema.queries import Granularity
from openride_analytics.settings import Settings
from openride_analytics.stats.users import users
from openride_analytics.store.clickhouse import ClickHouse
from tests.support import reference_people as reference
from tests.support.api import Served, leading_to, resources, serving
from tests.support.reference_people import FIRST, LAST, LAYOUTS, ZONES, Chance, ask, instants, month
from tests.support.reference_users import ROUTES, Reference
from tests.support.warehouse import store


def generated(seed: int, people: int = 150) -> list[dict[str, Any]]:
    """People who register, or never do; ride, drive, are checked, and publish routes, in any order."""
    chance = Chance(seed)
    rng = chance.rng
    ids = [chance.some_id() for _ in range(people)]
    events: list[dict[str, Any]] = []
    for user in ids:
        for _ in chance.times():
            role = rng.choice(("RIDER", "RIDER", "DRIVER", "ADMIN"))
            events.append(chance.event("user.registered", chance.moment(), user_id=user, role=role))
        if rng.random() < 0.3:
            events.append(chance.event("user.upgraded_to_driver", chance.moment(), user_id=user))
        at = chance.moment()
        for _ in chance.times():
            kyc = rng.choice(("VERIFIED", "REJECTED"))
            events.append(chance.event("user.kyc_verified", at, user_id=user, kyc_status=kyc))
            at = chance.later(at)
    events += [event for _ in range(120) for event in _route(chance, ids)]
    events += [_act(chance, ids) for _ in range(900)]
    return chance.delivered(events)


def _route(chance: Chance, ids: Sequence[str]) -> list[dict[str, Any]]:
    """A route's life; now and then it passes to another driver."""
    route, driver, at = chance.some_id(), chance.rng.choice(ids), chance.moment()
    events = []
    for _ in range(chance.rng.randrange(1, 5)):
        kind = chance.rng.choice(ROUTES)
        events.append(chance.event(kind, at, route_id=route, driver_id=driver))
        at = chance.later(at)
        driver = chance.rng.choice((driver, driver, driver, chance.rng.choice(ids)))
    return events


def _act(chance: Chance, ids: Sequence[str]) -> dict[str, Any]:
    """Something of any kind that has a rider or a driver."""
    kinds = [kind for kind in EVENT_TYPES if kind.partition(".")[0] not in ("user", "route")]
    kind = chance.rng.choice(kinds)
    fields = {"driver_id": chance.rng.choice(ids)} if not kind.startswith("payment.") else {}
    if not kind.startswith("driver."):
        fields["rider_id"] = chance.rng.choice(ids)
    if kind.endswith(".cancelled"):
        fields["cancelled_by"] = chance.rng.choice(("RIDER", "DRIVER", "SYSTEM"))
    return chance.event(kind, chance.moment(), **fields)


EVENTS = generated(seed=13)


@pytest.fixture(scope="module", params=LAYOUTS)
def filled_settings(clickhouse_server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> Settings:
    return reference.filled_with(clickhouse_server, "test_users", request.param, EVENTS)


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    async with reference.opened(filled_settings) as client:
        yield client


@pytest.mark.parametrize("days", [25, 1])
@pytest.mark.parametrize("zone", ZONES)
async def test_totals_of_whole_days(filled: ClickHouse, zone: str, days: int) -> None:
    question = ask(LAST - timedelta(days=days - 1), LAST, zone)
    expected = Reference(EVENTS, question.period.since, question.period.until, zone)
    assert reference.totals_of(await users(filled, question)) == expected.totals()


@pytest.mark.parametrize("seed", range(6))
async def test_a_range_may_begin_and_end_on_any_event(filled: ClickHouse, seed: int) -> None:
    question = instants(EVENTS, seed)
    expected = Reference(EVENTS, question.period.since, question.period.until, "Asia/Kathmandu")
    assert reference.totals_of(await users(filled, question)) == expected.totals()


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("zone", ZONES)
async def test_series(filled: ClickHouse, zone: str, granularity: Granularity) -> None:
    question = month(zone, granularity)
    inside = Reference(EVENTS, question.period.since, question.period.until).inside
    answer = await users(filled, question)
    parts = list(reference.split(answer, question.period.until, inside))
    assert [point for *_, point in parts] == [Reference(part, b, e).point() for b, e, part, _ in parts]


@pytest.mark.parametrize("seed", range(6))
async def test_a_series_of_a_range_that_begins_and_ends_on_any_event(filled: ClickHouse, seed: int) -> None:
    asked = instants(EVENTS, seed).period
    question = ask(asked.since, asked.until, "Asia/Kathmandu", Granularity.DAILY)
    inside = Reference(EVENTS, asked.since, asked.until).inside
    parts = list(reference.split(await users(filled, question), asked.until, inside))
    assert [point for *_, point in parts] == [Reference(part, b, e).point() for b, e, part, _ in parts]


async def test_a_range_within_one_quarter_hour(warehouse: ClickHouse) -> None:
    chance, at = Chance(0), datetime.fromisoformat("2026-10-05T08:01:00+00:00")
    acts = [
        chance.event("user.registered", at + timedelta(seconds=n), user_id=chance.some_id()) for n in range(5)
    ]
    await store(warehouse, acts, token=str(uuid4()))
    second = timedelta(seconds=1)
    answer = await users(warehouse, ask(at + second, at + 3 * second, "UTC", Granularity.HOURLY))
    points = [(point.new_registrations, point.active_users) for point in answer.time_series or ()]
    assert (points, answer.new_registrations, answer.total_users, answer.dau) == ([(2, 2)], 2, 3, 3)


async def test_a_range_without_events_has_zeros_and_no_rates(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    assert reference.totals_of(await users(filled, ask(day, day, "UTC"))) == {
        "dau": 0,
        "wau": 0,
        "mau": 0,
        "stickiness": None,
        "new_registrations": 0,
        "total_users": 0,
        "kyc_completion_rate": None,
        "driver_activation_rate": None,
    }


async def test_a_series_without_events_is_filled_with_zeros(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    answer = await users(filled, ask(day, day + timedelta(days=2), "UTC", Granularity.DAILY))
    points = [(point.new_registrations, point.active_users) for point in answer.time_series or ()]
    assert points == [(0, 0)] * 3


async def test_a_series_may_have_every_hour_of_the_longest_range(filled: ClickHouse) -> None:
    until = FIRST + timedelta(days=400)
    answer = await users(filled, ask(FIRST, until - timedelta(days=1), "UTC", Granularity.HOURLY))
    assert len(answer.time_series or ()) == 24 * 400


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: Settings) -> AsyncIterator[Served]:
    """Two drivers, registered on 5 October; one is verified the next day and has a route."""
    chance, at = Chance(0), datetime.fromisoformat("2026-10-05T08:00:00+01:00")
    ready, waiting = chance.some_id(), chance.some_id()
    await store(
        warehouse,
        [
            chance.event("user.registered", at, user_id=ready, role="DRIVER"),
            chance.event("user.registered", at, user_id=waiting, role="DRIVER"),
            chance.event("user.kyc_verified", at + timedelta(days=1), user_id=ready),
            chance.event("route.created", at + timedelta(days=1), driver_id=ready),
        ],
        token=str(uuid4()),
    )
    async with resources(leading_to(shared_settings)) as given, serving(given) as served:
        yield served


async def test_users_of_a_range(api: Served) -> None:
    query = "start_date=2026-10-01&end_date=2026-10-06"
    answer = (await api.get(f"/v1/metrics/users?{query}")).json()
    answer.pop("generated_at")
    answer.pop("time_series", None)
    assert answer == {
        "date_range": "2026-10-01 to 2026-10-06",
        "timezone": "Africa/Lagos",
        "dau": 1,
        "wau": 2,
        "mau": 2,
        "stickiness": 50.0,
        "new_registrations": 2,
        "total_users": 2,
        "kyc_completion_rate": 50.0,
        "driver_activation_rate": 50.0,
    }


async def test_users_day_by_day(api: Served) -> None:
    query = "start_date=2026-10-04&end_date=2026-10-06&include_time_series=true"
    assert (await api.get(f"/v1/metrics/users?{query}")).json()["time_series"] == [
        {"timestamp": "2026-10-04T00:00:00+01:00", "new_registrations": 0, "active_users": 0},
        {"timestamp": "2026-10-05T00:00:00+01:00", "new_registrations": 2, "active_users": 2},
        {"timestamp": "2026-10-06T00:00:00+01:00", "new_registrations": 0, "active_users": 1},
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [("granularity=yearly", "granularity"), ("start_date=soon", "start_date"), ("role=DRIVER", "role")],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(api: Served, query: str, field: str) -> None:
    answer = await api.get(f"/v1/metrics/users?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])

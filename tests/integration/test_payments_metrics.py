"""Payments, against the same numbers computed the slow and obvious way."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.queries import Granularity
from openride_analytics.settings import Settings
from openride_analytics.stats.payments import payments
from openride_analytics.store.clickhouse import ClickHouse
from tests.support import reference_people as reference
from tests.support.api import Served, leading_to, resources, serving
from tests.support.reference_payments import METHODS, STEPS, Reference
from tests.support.reference_people import FIRST, LAYOUTS, ZONES, Chance, ask, instants, month
from tests.support.warehouse import store

CODES = ("51", "91", "timeout", "")


def generated(seed: int, count: int = 400) -> list[dict[str, Any]]:
    """Payments some of whose steps are missing, or come again with another amount, currency, method or reason."""
    chance = Chance(seed)
    rng, events = chance.rng, []
    for _ in range(count):
        ids = {name: chance.some_id() for name in ("payment_id", "booking_id", "rider_id")}
        at = chance.moment()
        for step in STEPS:
            for _ in chance.times():
                currency = rng.choice(("NGN", "NGN", "NGN", "USD", "GHS"))
                fields: dict[str, Any] = {**ids, "currency": currency}
                if step == "refunded":
                    fields["refund_amount"] = chance.amount()
                else:
                    fields |= {"amount": chance.amount(), "payment_method": rng.choice(METHODS)}
                if step == "success":
                    fields["processing_time_ms"] = rng.choice((0, rng.randrange(90_000), 2**62))
                if step == "failed":
                    fields["error_code"] = rng.choice(CODES)
                events.append(chance.event(f"payment.{step}", at, **fields))
                at = chance.later(at)
    return chance.delivered(events)


EVENTS = generated(seed=11)


@pytest.fixture(scope="module", params=LAYOUTS)
def filled_settings(clickhouse_server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> Settings:
    return reference.filled_with(clickhouse_server, "test_payments", request.param, EVENTS)


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    async with reference.opened(filled_settings) as client:
        yield client


@pytest.mark.parametrize("zone", ZONES)
async def test_totals_of_whole_days(filled: ClickHouse, zone: str) -> None:
    question = month(zone)
    expected = Reference(EVENTS, question.period.since, question.period.until)
    assert reference.totals_of(await payments(filled, question)) == expected.totals()


@pytest.mark.parametrize("seed", range(4))
async def test_a_range_may_begin_and_end_on_any_event(filled: ClickHouse, seed: int) -> None:
    question = instants(EVENTS, seed)
    expected = Reference(EVENTS, question.period.since, question.period.until)
    assert reference.totals_of(await payments(filled, question)) == expected.totals()


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("zone", ZONES)
async def test_series(filled: ClickHouse, zone: str, granularity: Granularity) -> None:
    question = month(zone, granularity)
    inside = Reference(EVENTS, question.period.since, question.period.until).inside
    answer = await payments(filled, question)
    parts = list(reference.split(answer, question.period.until, inside))
    assert [point for *_, point in parts] == [Reference(part, b, e).point() for b, e, part, _ in parts]


async def test_a_series_changes_no_total(filled: ClickHouse) -> None:
    question = month("UTC", Granularity.DAILY)
    expected = Reference(EVENTS, question.period.since, question.period.until)
    assert reference.totals_of(await payments(filled, question)) == expected.totals()


async def test_a_range_without_events_has_zeros_and_no_rates(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    assert reference.totals_of(await payments(filled, ask(day, day, "UTC"))) == {
        "payments_initiated": 0,
        "payments_success": 0,
        "payments_failed": 0,
        "payments_refunded": 0,
        "success_rate": None,
        "refund_rate": None,
        "avg_processing_time_ms": None,
        "p50_processing_time_ms": None,
        "p95_processing_time_ms": None,
        "total_revenue": "0.00",
        "net_revenue": "0.00",
        "by_method": [],
        "revenue_by_currency": {},
        "failure_reasons": [],
    }


async def test_a_series_without_events_is_filled_with_zeros(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    answer = await payments(filled, ask(day, day + timedelta(days=2), "UTC", Granularity.DAILY))
    points = [(point.payments_initiated, point.total_revenue) for point in answer.time_series or ()]
    assert points == [(0, "0.00")] * 3


async def test_of_two_successes_in_one_millisecond_the_lesser_id_as_text_is_first(
    warehouse: ClickHouse,
) -> None:
    # Compared as ClickHouse compares UUIDs, by their second half first, the other would be.
    chance, at = Chance(0), datetime.fromisoformat("2026-10-05T08:00:00+00:00")
    ids = {"payment_id": chance.some_id(), "booking_id": chance.some_id(), "rider_id": chance.some_id()}
    events = [
        chance.event("payment.success", at, **ids, amount=amount, currency="NGN")
        | {"event_id": str(UUID(event_id))}
        for event_id, amount in (("1" + "0" * 30 + "f", "1.00"), ("f" + "0" * 30 + "1", "2.00"))
    ]
    await store(warehouse, events, token=str(uuid4()))
    answer = await payments(warehouse, ask(at.date(), at.date(), "UTC"))
    assert answer.total_revenue == "1.00"


async def test_a_method_that_only_a_repeated_event_has_is_not_listed(warehouse: ClickHouse) -> None:
    chance, at = Chance(0), datetime.fromisoformat("2026-10-05T08:00:00+00:00")
    ids = {"payment_id": chance.some_id(), "booking_id": chance.some_id(), "rider_id": chance.some_id()}
    events = [
        chance.event("payment.initiated", at + timedelta(hours=later), **ids, payment_method=method)
        for later, method in enumerate(("card", "ussd"))
    ]
    await store(warehouse, events, token=str(uuid4()))
    answer = await payments(warehouse, ask(at.date(), at.date(), "UTC"))
    assert [each.payment_method for each in answer.by_method] == ["card"]


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: Settings) -> AsyncIterator[Served]:
    """A payment of 5 October over 4500.50, of which 500.50 went back the next day; and one in dollars that failed."""
    chance, at = Chance(0), datetime.fromisoformat("2026-10-05T08:00:00+01:00")
    paid, failed = (
        {name: chance.some_id() for name in ("payment_id", "booking_id", "rider_id")} for _ in range(2)
    )
    await store(
        warehouse,
        [
            chance.event("payment.initiated", at, **paid, amount="4500.50", currency="NGN"),
            chance.event("payment.success", at, **paid, amount="4500.50", currency="NGN"),
            chance.event(
                "payment.refunded", at + timedelta(days=1), **paid, refund_amount="500.50", currency="NGN"
            ),
            chance.event("payment.initiated", at, **failed, currency="USD", payment_method="ussd"),
            chance.event("payment.failed", at, **failed, currency="USD", payment_method="ussd"),
        ],
        token=str(uuid4()),
    )
    async with resources(leading_to(shared_settings)) as given, serving(given) as served:
        yield served


async def test_payments_of_a_range(api: Served) -> None:
    query = "start_date=2026-10-01&end_date=2026-10-31"
    answer = (await api.get(f"/v1/metrics/payments?{query}")).json()
    answer.pop("generated_at")
    answer.pop("time_series", None)
    assert answer == {
        "date_range": "2026-10-01 to 2026-10-31",
        "timezone": "Africa/Lagos",
        "payments_initiated": 2,
        "payments_success": 1,
        "payments_failed": 1,
        "payments_refunded": 1,
        "success_rate": 50.0,
        "refund_rate": 100.0,
        "avg_processing_time_ms": 850.0,
        "p50_processing_time_ms": 850,
        "p95_processing_time_ms": 850,
        "total_revenue": "4500.50",
        "net_revenue": "4000.00",
        "by_method": [
            {"payment_method": "card", "initiated": 1, "success": 1, "failed": 0, "revenue": "4500.50"},
            {"payment_method": "ussd", "initiated": 1, "success": 0, "failed": 1, "revenue": "0.00"},
        ],
        "revenue_by_currency": {"NGN": "4500.50"},
        "failure_reasons": [{"error_code": "51", "count": 1}],
    }


async def test_payments_day_by_day(api: Served) -> None:
    query = "start_date=2026-10-04&end_date=2026-10-06&include_time_series=true"
    series = (await api.get(f"/v1/metrics/payments?{query}")).json()["time_series"]
    none = {f"payments_{step}": 0 for step in STEPS} | {"total_revenue": "0.00"}
    assert series == [
        none | {"timestamp": "2026-10-04T00:00:00+01:00"},
        {
            "timestamp": "2026-10-05T00:00:00+01:00",
            "payments_initiated": 2,
            "payments_success": 1,
            "payments_failed": 1,
            "payments_refunded": 0,
            "total_revenue": "4500.50",
        },
        none | {"timestamp": "2026-10-06T00:00:00+01:00", "payments_refunded": 1},
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [("granularity=yearly", "granularity"), ("timezone=Mars", "timezone"), ("currency=USD", "currency")],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(api: Served, query: str, field: str) -> None:
    answer = await api.get(f"/v1/metrics/payments?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])

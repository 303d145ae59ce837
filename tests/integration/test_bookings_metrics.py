"""Bookings, against the same numbers computed the slow and obvious way."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.queries import Granularity
from openride_analytics.settings import Settings
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.periods import period
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.reference_bookings import STEPS, Reference
from tests.support.warehouse import prepared, store

NOW = datetime.now(UTC)
# A month in which New York's clocks change, at a time of year when it is in the past and events of it are kept.
FIRST = date(NOW.year - 1, 10, 15)
NIL = str(UUID(int=0))
ZONES = ["Africa/Lagos", "UTC", "Asia/Kathmandu", "America/New_York"]


def generated(seed: int, bookings: int = 300) -> list[dict[str, Any]]:
    """Bookings over 40 days: some steps missing, repeated, in the same millisecond, or on a range's edge."""
    rng = random.Random(seed)
    start = datetime.combine(FIRST - timedelta(days=5), time(), UTC)
    events: list[dict[str, Any]] = []
    for n in range(bookings):
        ids = {
            f"{who}_id": str(UUID(int=rng.getrandbits(128)))
            for who in ("booking", "rider", "driver", "route")
        }
        at = start + timedelta(milliseconds=rng.randrange(40 * 86_400_000))
        if n % 5 == 0:  # on a quarter hour, where days of any zone may begin
            at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        for step in STEPS:
            for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
                events.append(_event(rng, step, at, ids))
                at += rng.choice(
                    (timedelta(0), timedelta(milliseconds=1), timedelta(hours=7), -timedelta(days=2))
                )
    events += rng.sample(events, len(events) // 10)  # the same event again, at another offset
    rng.shuffle(events)
    return events


def _event(rng: random.Random, step: str, at: datetime, ids: dict[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_id": str(UUID(int=rng.getrandbits(128))),
        "event_type": f"booking.{step}",
        "event_timestamp": at.replace(microsecond=at.microsecond // 1000 * 1000),
        **ids,
    }
    if step == "cancelled":
        return event | {"cancelled_by": rng.choice(("RIDER", "DRIVER", "SYSTEM"))}
    return event | {"total_price": str(Decimal(rng.randrange(10_000_000)) / 100), "seats_booked": 1}


def ask(
    start: date | datetime, end: date | datetime, zone: str, series: Granularity | None = None
) -> Question:
    asked = period(start.isoformat(), end.isoformat(), zone=ZoneInfo(zone), now=NOW, max_days=400)
    return Question(asked, series, "NGN", NOW)


def totals_of(answer: object) -> dict[str, Any]:
    fields = msgspec.to_builtins(answer)
    for name in ("date_range", "timezone", "generated_at", "time_series"):
        del fields[name]
    return dict(fields)


EVENTS = generated(seed=7)


@pytest.fixture(scope="module")
def filled_settings(clickhouse_server: EmbeddedClickHouse) -> Settings:
    """The events in two batches, out of order; what is repeated is mostly in both."""
    half = len(EVENTS) // 2
    return prepared(clickhouse_server, "test_bookings", EVENTS[:half], EVENTS[half:])


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client on them."""
    client = ClickHouse(filled_settings.clickhouse)
    await client.open()
    yield client
    await client.close()


@pytest.mark.parametrize("zone", ZONES)
async def test_totals_of_whole_days(filled: ClickHouse, zone: str) -> None:
    question = ask(FIRST, FIRST + timedelta(days=24), zone)
    reference = Reference(EVENTS, question.period.since, question.period.until)
    assert totals_of(await bookings(filled, question)) == reference.totals()


@pytest.mark.parametrize("seed", range(3))
async def test_a_range_may_begin_and_end_on_any_event(filled: ClickHouse, seed: int) -> None:
    # The event on which it begins is in it, the one on which it ends is not.
    edges = random.Random(seed).sample([event["event_timestamp"] for event in EVENTS], 2)
    question = ask(min(edges), max(edges), "Asia/Kathmandu")
    reference = Reference(EVENTS, *sorted(edges))
    assert totals_of(await bookings(filled, question)) == reference.totals()


async def test_a_booking_may_have_the_least_of_ids(warehouse: ClickHouse) -> None:
    ((often, _),) = Counter(event["booking_id"] for event in EVENTS).most_common(1)
    events = [event | {"booking_id": NIL} if event["booking_id"] == often else event for event in EVENTS]
    await store(warehouse, events, token="nil")
    question = ask(FIRST - timedelta(days=10), FIRST + timedelta(days=50), "UTC")
    reference = Reference(events, question.period.since, question.period.until)
    assert totals_of(await bookings(warehouse, question)) == reference.totals()


async def test_bookings_may_have_one_hash(warehouse: ClickHouse) -> None:
    """One of which had an event twice, so that both are told by their events."""
    block = await warehouse.select(
        "SELECT groupArray(id) AS ids FROM (SELECT reinterpretAsUUID(toUInt128(number)) AS id FROM numbers(300000)) "
        "GROUP BY toUInt32(cityHash64(id)) HAVING count() = 2 ORDER BY ids LIMIT 1",
        {},
        name="one_hash",
    )
    repeated, clear = map(str, block.one()["ids"])
    rng, ids = random.Random(0), {name: str(UUID(int=1)) for name in ("rider_id", "driver_id", "route_id")}
    events = [
        _event(rng, step, NOW - timedelta(days=days), ids | {"booking_id": booking})
        for booking, step, days in (
            (repeated, "created", 9),
            (repeated, "created", 8),
            (clear, "created", 8),
            (clear, "confirmed", 7),
        )
    ]
    await store(warehouse, events, token="one hash")
    question = ask(NOW.date() - timedelta(days=20), NOW.date(), "UTC")
    reference = Reference(events, question.period.since, question.period.until)
    assert totals_of(await bookings(warehouse, question)) == reference.totals()


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("zone", ZONES)
async def test_series(filled: ClickHouse, zone: str, granularity: Granularity) -> None:
    question = ask(FIRST, FIRST + timedelta(days=24), zone, granularity)
    asked, answer = question.period, await bookings(filled, question)
    reference = Reference(EVENTS, asked.since, asked.until)
    points = msgspec.to_builtins(answer.time_series)
    begins = [datetime.fromisoformat(point.pop("timestamp")) for point in points]
    ends = [*begins[1:], asked.until]
    assert points == [reference.point(b, e) for b, e in zip(begins, ends, strict=True)]


async def test_a_series_changes_no_total(filled: ClickHouse) -> None:
    question = ask(FIRST, FIRST + timedelta(days=24), "UTC", Granularity.DAILY)
    reference = Reference(EVENTS, question.period.since, question.period.until)
    assert totals_of(await bookings(filled, question)) == reference.totals()


async def test_a_range_without_events_has_zeros_and_no_rates(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    assert totals_of(await bookings(filled, ask(day, day, "UTC"))) == {
        "bookings_created": 0,
        "bookings_confirmed": 0,
        "bookings_cancelled": 0,
        "bookings_completed": 0,
        "conversion_rate": None,
        "cancellation_rate": None,
        "completion_rate": None,
        "avg_booking_value": None,
        "total_booking_value": "0.00",
        "cancellations_by": {},
    }


async def test_a_series_without_events_is_filled_with_zeros(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    answer = await bookings(filled, ask(day, day + timedelta(days=2), "UTC", Granularity.DAILY))
    assert [point.bookings_created for point in answer.time_series or ()] == [0, 0, 0]


async def test_the_longest_hourly_series_is_answered(warehouse: ClickHouse) -> None:
    question = ask(NOW.date() - timedelta(days=399), NOW.date(), "UTC", Granularity.HOURLY)
    answer = await bookings(warehouse, question)
    assert len(answer.time_series or ()) == 400 * 24


async def test_the_answer_says_what_it_is_about(warehouse: ClickHouse) -> None:
    answer = await bookings(warehouse, ask(date(2026, 10, 1), date(2026, 10, 31), "Africa/Lagos"))
    assert (answer.date_range, answer.timezone) == ("2026-10-01 to 2026-10-31", "Africa/Lagos")

"""Funnels, against the same numbers computed the slow and obvious way."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.schema.queries import Breakdown
from openride_analytics.settings import Settings
from openride_analytics.stats.funnel import DEFAULT_STEPS, Course, funnel
from openride_analytics.stats.periods import period
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.events import example
from tests.support.lives import FIRST, NOW, ZONES, lives
from tests.support.reference_actors import People
from tests.support.warehouse import prepared, store

EVENTS = lives(seed=11)
LAST = FIRST + timedelta(days=24)
TABLES = (
    "daily_user_metrics",
    "daily_booking_metrics",
    "daily_payment_metrics",
    "daily_trip_metrics",
    "route_history",
)


def ask(start: date | datetime, end: date | datetime, zone: str = "UTC") -> Question:
    asked = period(start.isoformat(), end.isoformat(), zone=ZoneInfo(zone), now=NOW, max_days=400)
    return Question(asked, None, "NGN", NOW)


def course(*steps: str, days: int = 30, breakdown: Breakdown | None = None) -> Course:
    return Course(steps or DEFAULT_STEPS, timedelta(days=days), breakdown)


def plain(answer: object) -> dict[str, Any]:
    fields = msgspec.to_builtins(answer)
    for name in ("date_range", "timezone", "generated_at"):
        del fields[name]
    for whole in (fields, *(fields["breakdown"] or ())):
        for step in whole["funnel_steps"]:
            del step["step_name"]
    return dict(fields)


async def check(
    client: ClickHouse, question: Question, asked: Course, events: Sequence[Any] = EVENTS
) -> None:
    """The answer is the reference's."""
    expected = People(events, question.period.zone.key).funnel(
        asked.steps, asked.window.days, question.period.since, question.period.until, asked.breakdown
    )
    assert plain(await funnel(client, question, asked)) == expected


@pytest.fixture(scope="module")
def filled_settings(clickhouse_server: EmbeddedClickHouse) -> Settings:
    """The events in two batches, out of order; what is repeated is mostly in both."""
    half = len(EVENTS) // 2
    return prepared(clickhouse_server, "test_funnel", EVENTS[:half], EVENTS[half:])


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client on them."""
    client = ClickHouse(filled_settings.clickhouse)
    await client.open()
    yield client
    await client.close()


@pytest.mark.parametrize("zone", ZONES)
async def test_the_default_funnel(filled: ClickHouse, zone: str) -> None:
    await check(filled, ask(FIRST, LAST, zone), course())


@pytest.mark.parametrize("breakdown", Breakdown)
@pytest.mark.parametrize("zone", ZONES)
async def test_by_what_people_registered_as(filled: ClickHouse, zone: str, breakdown: Breakdown) -> None:
    # Those who never registered, and those who did without a place, are the unknown.
    await check(
        filled, ask(FIRST, LAST, zone), course("booking.created", "payment.success", breakdown=breakdown)
    )


@pytest.mark.parametrize("seed", range(12))
async def test_any_steps_over_any_range(filled: ClickHouse, seed: int) -> None:
    # Ranges begin and end on events, windows end on them, steps repeat.
    rng = random.Random(seed)
    usual = [event["event_type"] for event in EVENTS]
    steps = [
        rng.choice(usual if rng.random() < 0.7 else list(EVENT_TYPES)) for _ in range(rng.randint(2, 10))
    ]
    edges = sorted(rng.sample([event["event_timestamp"] for event in EVENTS], 2))
    asked = course(*steps, days=rng.choice((1, 7, 30, 365)), breakdown=rng.choice((None, *Breakdown)))
    await check(filled, ask(edges[0], edges[1] + timedelta(days=1)), asked)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
async def test_every_event_type_can_be_a_step(filled: ClickHouse, event_type: str) -> None:
    await check(filled, ask(FIRST - timedelta(days=20), LAST), course(event_type, "booking.created", days=60))


async def test_a_type_can_be_every_step(filled: ClickHouse) -> None:
    await check(filled, ask(FIRST, LAST), course(*["booking.created"] * 10, days=365))


async def test_rows_that_are_merged_change_nothing(filled: ClickHouse) -> None:
    question, asked = ask(FIRST, LAST), course(*["payment.success", "booking.created"] * 2)
    before = await funnel(filled, question, asked)
    for table in TABLES:
        await filled.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert await funnel(filled, question, asked) == before
    await check(filled, question, asked)


async def test_a_range_without_events_has_zeros_and_no_rates(filled: ClickHouse) -> None:
    day = FIRST - timedelta(days=100)
    asked = course("booking.created", "booking.confirmed", breakdown=Breakdown.CITY)
    answer = plain(await funnel(filled, ask(day, day), asked))
    assert (answer["breakdown"], answer["overall_conversion_rate"]) == ([], None)
    assert [(step["count"], step["drop_off_rate"]) for step in answer["funnel_steps"]] == [
        (0, None),
        (0, None),
    ]


WHO, BOOKING = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
ENTRY = datetime.combine(FIRST, datetime.min.time(), NOW.tzinfo)


def booking(event_type: str, at: datetime, number: int) -> dict[str, Any]:
    ids = {"booking_id": BOOKING, "rider_id": WHO, "driver_id": BOOKING, "route_id": BOOKING}
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012x}",
        "event_type": f"booking.{event_type}",
        "event_timestamp": at,
        **ids,
    }


@pytest.mark.parametrize(
    ("late", "converted"),
    [
        (timedelta(0), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, milliseconds=1), 0),
        (-timedelta(milliseconds=1), 0),
    ],
)
async def test_the_window_includes_both_its_ends(
    warehouse: ClickHouse, late: timedelta, converted: int
) -> None:
    # In one millisecond the order of event ids does not matter.
    events = [booking("created", ENTRY, 2), booking("confirmed", ENTRY + late, 1)]
    await store(warehouse, events, token=f"window {late}")
    answer = await funnel(
        warehouse, ask(FIRST, FIRST), course("booking.created", "booking.confirmed", days=1)
    )
    assert (answer.total_users_entered, answer.total_users_converted) == (1, converted)


async def test_who_says_unknown_is_among_those_who_say_nothing(warehouse: ClickHouse) -> None:
    booked = [booking("created", ENTRY, 1), booking("created", ENTRY, 2) | {"rider_id": BOOKING}]
    said = [
        example("user.registered", event_id=str(UUID(int=n)), user_id=who, event_timestamp=ENTRY, city=city)
        for n, who, city in ((3, WHO, "Unknown"), (4, BOOKING, ""))
    ]
    await store(warehouse, booked + said, token="unknown")
    asked = course("booking.created", "booking.confirmed", breakdown=Breakdown.CITY)
    await check(warehouse, ask(FIRST, FIRST), asked, booked + said)


async def test_people_enter_with_their_first_event_even_if_another_would_lead_further(
    warehouse: ClickHouse,
) -> None:
    third = ENTRY + timedelta(days=3)
    events = [booking("created", ENTRY, 1), booking("created", third, 2), booking("confirmed", third, 3)]
    await store(warehouse, events, token="first entry")
    answer = await funnel(
        warehouse,
        ask(FIRST, FIRST + timedelta(days=3)),
        course("booking.created", "booking.confirmed", days=1),
    )
    assert (answer.total_users_entered, answer.total_users_converted) == (1, 0)

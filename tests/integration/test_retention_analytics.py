"""Retention, against the same numbers computed the slow and obvious way."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.queries import RetentionMode, UserType
from openride_analytics.settings import Settings
from openride_analytics.stats.periods import period
from openride_analytics.stats.questions import Question
from openride_analytics.stats.retention import retention
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.events import example
from tests.support.lives import FIRST, ZONES, lives
from tests.support.reference_actors import People
from tests.support.warehouse import prepared, store

EVENTS = lives(seed=13)
LAST = FIRST + timedelta(days=24)
ASKING = list(product(UserType, RetentionMode))


@pytest.fixture(scope="module")
def filled_settings(clickhouse_server: EmbeddedClickHouse) -> Settings:
    """The events in two batches, out of order; what is repeated is mostly in both."""
    half = len(EVENTS) // 2
    return prepared(clickhouse_server, "test_retention", EVENTS[:half], EVENTS[half:])


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client on them."""
    client = ClickHouse(filled_settings.clickhouse)
    await client.open()
    yield client
    await client.close()


def ask(start: date | datetime, end: date | datetime, zone: str, now: datetime) -> Question:
    asked = period(start.isoformat(), end.isoformat(), zone=ZoneInfo(zone), now=now, max_days=400)
    return Question(asked, None, "NGN", now)


def noon(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(zone))


async def numbers(
    client: ClickHouse, question: Question, user_type: UserType, mode: RetentionMode
) -> dict[str, Any]:
    answer = msgspec.to_builtins(await retention(client, question, user_type=user_type, mode=mode))
    for name in ("date_range", "timezone", "generated_at"):
        del answer[name]
    return dict(answer)


def expected(question: Question, user_type: UserType, mode: RetentionMode) -> dict[str, Any]:
    asked = question.period
    today = question.asked_at.astimezone(asked.zone).date()
    return People(EVENTS, asked.zone.key).retention(user_type, mode, asked.since, asked.until, today)


@pytest.mark.parametrize("days_later", [0, 14, 300])
@pytest.mark.parametrize(("user_type", "mode"), ASKING)
@pytest.mark.parametrize("zone", ZONES)
async def test_retention(
    filled: ClickHouse, zone: str, user_type: UserType, mode: RetentionMode, days_later: int
) -> None:
    question = ask(FIRST, LAST, zone, noon(LAST + timedelta(days=days_later), zone))
    assert await numbers(filled, question, user_type, mode) == expected(question, user_type, mode)


@pytest.mark.parametrize("mode", RetentionMode)
@pytest.mark.parametrize("seed", range(3))
async def test_a_range_may_begin_and_end_on_any_event(
    filled: ClickHouse, seed: int, mode: RetentionMode
) -> None:
    edges = sorted(random.Random(seed).sample([event["event_timestamp"] for event in EVENTS], 2))
    question = ask(edges[0], edges[1], "Asia/Kathmandu", noon(LAST + timedelta(days=40), "UTC"))
    assert await numbers(filled, question, UserType.ALL, mode) == expected(question, UserType.ALL, mode)


async def test_the_thirtieth_day_of_the_last_day_counts(warehouse: ClickHouse) -> None:
    person, registered = str(uuid4()), datetime.combine(LAST, time(12), UTC)
    acted = registered + timedelta(days=30)
    await store(
        warehouse,
        [
            example("user.registered", event_id=str(uuid4()), user_id=person, event_timestamp=registered),
            example("booking.created", event_id=str(uuid4()), rider_id=person, event_timestamp=acted),
        ],
    )
    question = ask(LAST, LAST, "UTC", noon(LAST + timedelta(days=31), "UTC"))
    found = await numbers(warehouse, question, UserType.ALL, RetentionMode.EXACT)
    assert found["d30"] == {"eligible_users": 1, "retained_users": 1, "retention_rate": 100.0}


@pytest.mark.parametrize("mode", RetentionMode)
@pytest.mark.parametrize("later", [1, 7, 30])
async def test_the_first_quarter_hour_of_a_day_is_of_that_day(
    warehouse: ClickHouse, later: int, mode: RetentionMode
) -> None:
    person, registered = str(uuid4()), datetime.combine(LAST, time(12), UTC)
    acted = datetime.combine(LAST + timedelta(days=later), time(0, 5), UTC)
    await store(
        warehouse,
        [
            example("user.registered", event_id=str(uuid4()), user_id=person, event_timestamp=registered),
            example("booking.created", event_id=str(uuid4()), rider_id=person, event_timestamp=acted),
        ],
    )
    question = ask(LAST, LAST, "UTC", noon(LAST + timedelta(days=31), "UTC"))
    found = await numbers(warehouse, question, UserType.ALL, mode)
    assert found[f"d{later}"] == {"eligible_users": 1, "retained_users": 1, "retention_rate": 100.0}


async def test_the_longest_range(filled: ClickHouse) -> None:
    question = ask(LAST - timedelta(days=399), LAST, "UTC", noon(LAST + timedelta(days=31), "UTC"))
    assert await numbers(filled, question, UserType.ALL, RetentionMode.EXACT) == expected(
        question, UserType.ALL, RetentionMode.EXACT
    )


@pytest.mark.parametrize("mode", RetentionMode)
async def test_rows_that_are_merged_change_nothing(filled: ClickHouse, mode: RetentionMode) -> None:
    question = ask(FIRST, LAST, "America/New_York", noon(LAST + timedelta(days=31), "UTC"))
    before = await numbers(filled, question, UserType.ALL, mode)
    for table in ("daily_user_metrics", "actor_activity"):
        await filled.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert await numbers(filled, question, UserType.ALL, mode) == before


async def test_a_range_without_registrations_has_zeros_and_no_rates(warehouse: ClickHouse) -> None:
    question = ask(FIRST, LAST, "UTC", noon(LAST, "UTC"))
    nobody = {"eligible_users": 0, "retained_users": 0, "retention_rate": None}
    found = await numbers(warehouse, question, UserType.RIDER, RetentionMode.ROLLING)
    assert found == {"total_users": 0, "d1": nobody, "d7": nobody, "d30": nobody}

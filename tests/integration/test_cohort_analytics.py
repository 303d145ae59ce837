"""Cohorts, against the same numbers computed the slow and obvious way."""

from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.queries import CohortQuery, CohortType
from openride_analytics.settings import Settings
from openride_analytics.stats.cohort import calendar, cohort
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.events import example
from tests.support.lives import FIRST, ZONES, lives
from tests.support.reference_actors import People
from tests.support.warehouse import prepared, store

EVENTS = lives(seed=12)


@pytest.fixture(scope="module")
def filled_settings(clickhouse_server: EmbeddedClickHouse) -> Settings:
    """The events in two batches, out of order; what is repeated is mostly in both."""
    half = len(EVENTS) // 2
    return prepared(clickhouse_server, "test_cohort", EVENTS[:half], EVENTS[half:])


@pytest.fixture
async def filled(filled_settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client on them."""
    client = ClickHouse(filled_settings.clickhouse)
    await client.open()
    yield client
    await client.close()


async def ask(filled: ClickHouse, settings: Settings, now: datetime, **query: Any) -> dict[str, Any]:
    asked = calendar(CohortQuery(**query), api=settings.api, now=now)
    answer = msgspec.to_builtins(await cohort(filled, asked))
    del answer["generated_at"]
    return dict(answer)


@pytest.mark.parametrize("days_later", [0, 12, 300])
@pytest.mark.parametrize(("kind", "periods"), [("daily", 40), ("weekly", 12), ("weekly", 1), ("monthly", 3)])
@pytest.mark.parametrize("zone", ZONES)
async def test_cohorts(
    filled: ClickHouse, filled_settings: Settings, zone: str, kind: str, periods: int, days_later: int
) -> None:
    # Asked at the last instant of a day, and while cohorts and what follows them are not all over.
    now = datetime.combine(FIRST + timedelta(days=days_later), time(23, 59, 59, 999_000), ZoneInfo(zone))
    start = FIRST - timedelta(days=15)
    answer = await ask(
        filled,
        filled_settings,
        now,
        start_date=start.isoformat(),
        timezone=zone,
        cohort_type=CohortType(kind),
        periods=periods,
    )
    assert answer["cohorts"] == People(EVENTS, zone).cohorts(kind, start, periods, now.date())


async def test_the_longest_question(filled: ClickHouse, filled_settings: Settings) -> None:
    # 52 cohorts, followed for 52 days: 103 days of acts.
    start = FIRST - timedelta(days=20)
    now = datetime.combine(FIRST + timedelta(days=200), time(12), ZoneInfo("Africa/Lagos"))
    answer = await ask(
        filled,
        filled_settings,
        now,
        start_date=start.isoformat(),
        cohort_type=CohortType.DAILY,
        periods=52,
    )
    assert answer["cohorts"] == People(EVENTS, "Africa/Lagos").cohorts("daily", start, 52, now.date())


async def test_rows_that_are_merged_change_nothing(filled: ClickHouse, filled_settings: Settings) -> None:
    now = datetime.combine(FIRST + timedelta(days=60), time(12), ZoneInfo("Africa/Lagos"))
    before = await ask(filled, filled_settings, now, start_date=FIRST.isoformat())
    for table in ("daily_user_metrics", "actor_activity"):
        await filled.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert await ask(filled, filled_settings, now, start_date=FIRST.isoformat()) == before


NOW = datetime(2026, 10, 14, 12, tzinfo=ZoneInfo("Africa/Lagos"))  # a Wednesday, in W42


@pytest.mark.parametrize(
    ("kind", "names", "span"),
    [
        ("daily", ["2026-10-13", "2026-10-14"], "2026-10-13 to 2026-10-14"),
        ("weekly", ["2026-W42"], "2026-10-12 to 2026-10-18"),
        ("monthly", ["2026-10"], "2026-10-01 to 2026-10-31"),
    ],
)
async def test_cohorts_have_names_and_stop_at_the_current_one(
    warehouse: ClickHouse, shared_settings: Settings, kind: str, names: list[str], span: str
) -> None:
    answer = await ask(warehouse, shared_settings, NOW, start_date="2026-10-13", cohort_type=CohortType(kind))
    assert [found["cohort_period"] for found in answer["cohorts"]] == names
    assert answer["date_range"] == span


async def test_who_registered_before_all_cohorts_is_in_none(
    warehouse: ClickHouse, shared_settings: Settings
) -> None:
    twice = [
        example("user.registered", event_id=str(uuid4()), event_timestamp=NOW - timedelta(days=days))
        for days in (9, 1)
    ]
    await store(warehouse, twice)
    answer = await ask(warehouse, shared_settings, NOW, start_date="2026-10-12", cohort_type=CohortType.DAILY)
    assert [found["cohort_size"] for found in answer["cohorts"]] == [0, 0, 0]


async def test_the_end_of_a_range_and_its_limit_do_not_apply(
    warehouse: ClickHouse, shared_settings: Settings
) -> None:
    asked = {"start_date": "2020-01-15", "cohort_type": CohortType.MONTHLY, "periods": 52}
    answer = await ask(warehouse, shared_settings, NOW, end_date="2019-01-01", **asked)
    assert len(answer["cohorts"]) == 52


async def test_nobody_has_registered_in_a_cohort_that_has_not_begun(
    warehouse: ClickHouse, shared_settings: Settings
) -> None:
    answer = await ask(warehouse, shared_settings, NOW, start_date="2099-12-31", cohort_type=CohortType.DAILY)
    assert (answer["cohorts"], answer["date_range"]) == ([], "2099-12-31 to 2099-12-31")


async def test_without_a_start_the_last_thirty_days(warehouse: ClickHouse, shared_settings: Settings) -> None:
    answer = await ask(warehouse, shared_settings, NOW)
    assert [found["cohort_period"] for found in answer["cohorts"]] == [f"2026-W{n}" for n in range(38, 43)]

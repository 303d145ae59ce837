"""Cohorts: of those who registered in a day, week or month, how many act in each of those that follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from openride_analytics.schema.people import Cohort, CohortAnalytics
from openride_analytics.schema.queries import CohortQuery, Granularity
from openride_analytics.settings import Api
from openride_analytics.stats.numbers import rate
from openride_analytics.stats.periods import Period, day_start, name, start_day, successive, today, zone
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

_REGISTERED: Final = 0  # the period of the registration itself, for which nobody has to act


@dataclass(frozen=True)
class Calendar:
    """Periods in a row: `days` has the first day of each, and of the one after the last.

    The first `cohorts` of them, those that have begun, have a cohort each; the first `over` of them are over.
    """

    days: tuple[date, ...]
    periods: int
    cohorts: int
    over: int
    granularity: Granularity
    zone: ZoneInfo
    asked_at: datetime

    @property
    def starts(self) -> list[datetime]:
        """Where each begins, in UTC; the last ends the one before."""
        return [day_start(day, self.zone) for day in self.days]


def calendar(query: CohortQuery, *, api: Api, now: datetime) -> Calendar:
    """Raises Invalid, naming the parameter."""
    chosen = zone(query.timezone if query.timezone is not None else api.analytics_timezone)
    granularity = Granularity(query.cohort_type.value)
    first = start_day(query.start_date, query.end_date, zone=chosen, now=now)
    # The last cohort is followed as long as the first one.
    days = successive(granularity, first, 2 * query.periods)
    current = today(now, chosen)
    return Calendar(
        days=tuple(days),
        periods=query.periods,
        cohorts=sum(day <= current for day in days[: query.periods]),
        over=sum(day <= current for day in days[1:]),
        granularity=granularity,
        zone=chosen,
        asked_at=now,
    )


async def cohort(clickhouse: ClickHouse, calendar: Calendar) -> CohortAnalytics:
    """Cohorts of people by when they registered first. Raises Retryable."""
    people = await _people(clickhouse, calendar) if calendar.cohorts else {}
    return CohortAnalytics(
        date_range=_span(calendar).label,
        timezone=calendar.zone.key,
        generated_at=calendar.asked_at.astimezone(UTC),
        cohorts=[_cohort(calendar, n, people) for n in range(calendar.cohorts)],
    )


async def _people(clickhouse: ClickHouse, calendar: Calendar) -> Mapping[tuple[int, int], int]:
    """(cohort, periods after it) -> how many of its people acted then."""
    starts = calendar.starts
    # Nobody looks at acts in the first cohort's own period, nor at those in a period that is not over.
    acted = starts[1 : calendar.over + 1] or starts[1:2]
    block = await clickhouse.select(
        statement("analytics/cohort"),
        {
            "born_since": starts[0],
            "born_until": starts[calendar.cohorts],
            "acted_since": acted[0],
            "acted_until": acted[-1],
            "edges": [int(start.timestamp()) for start in starts[: max(calendar.cohorts, calendar.over)]],
            "periods": calendar.periods,
        },
        name="analytics/cohort",
    )
    return {(row["cohort"], row["later"]): row["people"] for row in block.dicts()}


def _cohort(calendar: Calendar, n: int, people: Mapping[tuple[int, int], int]) -> Cohort:
    size = people.get((n, _REGISTERED), 0)
    return Cohort(
        cohort_period=name(calendar.granularity, calendar.days[n]),
        cohort_size=size,
        retention_by_period={
            f"period_{k}": rate(people.get((n, k), 0), size)
            if k == _REGISTERED or n + k < calendar.over
            else None
            for k in range(calendar.periods)
        },
    )


def _span(calendar: Calendar) -> Period:
    """From the first cohort to the last, or the period in which they would begin."""
    starts: Sequence[datetime] = calendar.starts
    return Period(starts[0], starts[max(calendar.cohorts, 1)], calendar.zone)

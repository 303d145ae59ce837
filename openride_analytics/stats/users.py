"""People: how many act, how many register, how far drivers have come."""

from datetime import UTC
from typing import Any, Final

from openride_analytics.schema.queries import Granularity
from openride_analytics.schema.results import UserMetrics, UserPoint
from openride_analytics.stats.numbers import rate
from openride_analytics.stats.periods import Period, buckets, last_days, local
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

WEEK: Final = 7
MONTH: Final = 30  # days, whatever the calendar's month


async def users(clickhouse: ClickHouse, question: Question) -> UserMetrics:
    """People in the question's range. Raises Retryable."""
    period = question.period
    totals = await _totals(clickhouse, period)
    series = await _series(clickhouse, period, question.series) if question.series else None
    return _shape(question, totals, series)


async def _totals(clickhouse: ClickHouse, period: Period) -> dict[str, Any]:
    block = await clickhouse.select(
        statement("metrics/users"),
        {
            "since": period.since,
            "until": period.until,
            "day": last_days(period, 1),
            "week": last_days(period, WEEK),
            "month": last_days(period, MONTH),
        },
        name="metrics/users",
    )
    return block.one()


async def _series(clickhouse: ClickHouse, period: Period, granularity: Granularity) -> list[UserPoint]:
    starts = buckets(period, granularity)
    edges = [int(start.timestamp()) for start in starts]
    block = await clickhouse.select(
        statement("metrics/users_series"),
        {"since": period.since, "until": period.until, "edges": edges},
        name="metrics/users_series",
    )
    found = {row["bucket"]: row for row in block.dicts()}
    return [
        _point(local(start, period.zone), found.get(edge, _EMPTY))
        for start, edge in zip(starts, edges, strict=True)
    ]


_EMPTY: dict[str, Any] = {"new_registrations": 0, "active_users": 0}


def _point(timestamp: str, row: dict[str, Any]) -> UserPoint:
    return UserPoint(
        timestamp=timestamp,
        new_registrations=row["new_registrations"],
        active_users=row["active_users"],
    )


def _shape(question: Question, row: dict[str, Any], series: list[UserPoint] | None) -> UserMetrics:
    return UserMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        dau=row["dau"],
        wau=row["wau"],
        mau=row["mau"],
        stickiness=rate(row["dau"], row["mau"]),
        new_registrations=row["new_registrations"],
        total_users=row["total_users"],
        kyc_completion_rate=rate(row["verified"], row["drivers"]),
        driver_activation_rate=rate(row["on_road"], row["drivers"]),
        time_series=series,
    )

"""Trips: how many, how they end, what they earn."""

from datetime import UTC
from decimal import Decimal
from typing import Any

from openride_analytics.schema.results import TripMetrics, TripPoint
from openride_analytics.stats.numbers import mean, money, rate
from openride_analytics.stats.periods import Period
from openride_analytics.stats.questions import Question
from openride_analytics.stats.series import Row, series
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement


async def trips(clickhouse: ClickHouse, question: Question) -> TripMetrics:
    """Trips in the question's range. Raises Retryable."""
    period = question.period
    totals, points = await together(
        _totals(clickhouse, period),
        series(clickhouse, question, "metrics/trips_series", _point, empty=_EMPTY),
    )
    return _shape(question, totals, points)


async def _totals(clickhouse: ClickHouse, period: Period) -> dict[str, Any]:
    block = await clickhouse.select(
        statement("metrics/trips"), {"since": period.since, "until": period.until}, name="metrics/trips"
    )
    return block.one()


_EMPTY: Row = {"started": 0, "completed": 0, "cancelled": 0, "earnings": Decimal(0)}


def _point(timestamp: str, row: Row) -> TripPoint:
    return TripPoint(
        timestamp=timestamp,
        trips_started=row["started"],
        trips_completed=row["completed"],
        trips_cancelled=row["cancelled"],
        total_driver_earnings=money(row["earnings"]),
    )


def _shape(question: Question, row: dict[str, Any], points: list[TripPoint] | None) -> TripMetrics:
    return TripMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        trips_started=row["started"],
        trips_completed=row["completed"],
        trips_cancelled=row["cancelled"],
        completion_rate=rate(row["finished"], row["started"]),
        avg_duration_minutes=mean(row["minutes"], row["completed"]),
        avg_distance_km=mean(row["kilometers"], row["completed"]),
        on_time_performance=rate(row["on_time"], row["completed"]),
        total_driver_earnings=money(row["earnings"]),
        total_platform_commission=money(row["commission"]),
        active_drivers=row["active_drivers"],
        time_series=points,
    )

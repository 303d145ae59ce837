"""Trips: how many, how they end, what they earn."""

from datetime import UTC
from decimal import Decimal

from openride_analytics.schema.results import TripMetrics, TripPoint
from openride_analytics.stats.numbers import mean, money, rate
from openride_analytics.stats.questions import Question
from openride_analytics.stats.series import WHOLE, Row, parts, series
from openride_analytics.store.clickhouse import ClickHouse


async def trips(clickhouse: ClickHouse, question: Question) -> TripMetrics:
    """Trips in the question's range. Raises Retryable."""
    found = await parts(clickhouse, question, "metrics/trips")
    return _shape(question, found.get(WHOLE, _EMPTY), series(question, found, _point, _EMPTY))


_EMPTY: Row = {
    "started": 0,
    "completed": 0,
    "cancelled": 0,
    "minutes": 0,
    "kilometers": 0.0,
    "on_time": 0,
    "earnings": Decimal(0),
    "commission": Decimal(0),
    "active_drivers": 0,
    "rated": 0,
    "finished": 0,
}


def _point(timestamp: str, row: Row) -> TripPoint:
    return TripPoint(
        timestamp=timestamp,
        trips_started=row["started"],
        trips_completed=row["completed"],
        trips_cancelled=row["cancelled"],
        total_driver_earnings=money(row["earnings"]),
    )


def _shape(question: Question, row: Row, points: list[TripPoint] | None) -> TripMetrics:
    return TripMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        trips_started=row["started"],
        trips_completed=row["completed"],
        trips_cancelled=row["cancelled"],
        completion_rate=rate(row["finished"], row["rated"]),
        avg_duration_minutes=mean(row["minutes"], row["completed"]),
        avg_distance_km=mean(row["kilometers"], row["completed"]),
        on_time_performance=rate(row["on_time"], row["completed"]),
        total_driver_earnings=money(row["earnings"]),
        total_platform_commission=money(row["commission"]),
        active_drivers=row["active_drivers"],
        time_series=points,
    )

"""Bookings: how many, how they end, what they are worth."""

from datetime import UTC
from decimal import Decimal
from typing import Any

from openride_analytics.schema.results import BookingMetrics, BookingPoint
from openride_analytics.stats.numbers import mean_money, money, rate
from openride_analytics.stats.periods import Period
from openride_analytics.stats.questions import Question
from openride_analytics.stats.series import Row, series
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement


async def bookings(clickhouse: ClickHouse, question: Question) -> BookingMetrics:
    """Bookings in the question's range. Raises Retryable."""
    period = question.period
    totals, points = await together(
        _totals(clickhouse, period),
        series(clickhouse, question, "metrics/bookings_series", _point, empty=_EMPTY),
    )
    return _shape(question, totals, points)


async def _totals(clickhouse: ClickHouse, period: Period) -> dict[str, Any]:
    block = await clickhouse.select(
        statement("metrics/bookings"), {"since": period.since, "until": period.until}, name="metrics/bookings"
    )
    return block.one()


_EMPTY: Row = {
    "created": 0,
    "confirmed": 0,
    "cancelled": 0,
    "completed": 0,
    "total_value": Decimal(0),
}


def _point(timestamp: str, row: Row) -> BookingPoint:
    return BookingPoint(
        timestamp=timestamp,
        bookings_created=row["created"],
        bookings_confirmed=row["confirmed"],
        bookings_cancelled=row["cancelled"],
        bookings_completed=row["completed"],
        total_booking_value=money(row["total_value"]),
    )


def _shape(question: Question, row: dict[str, Any], points: list[BookingPoint] | None) -> BookingMetrics:
    by = {"RIDER": row["by_rider"], "DRIVER": row["by_driver"], "SYSTEM": row["by_system"]}
    return BookingMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        bookings_created=row["created"],
        bookings_confirmed=row["confirmed"],
        bookings_cancelled=row["cancelled"],
        bookings_completed=row["completed"],
        conversion_rate=rate(row["converted"], row["created"]),
        cancellation_rate=rate(row["dropped"], row["created"]),
        completion_rate=rate(row["finished"], row["created"]),
        avg_booking_value=mean_money(row["total_value"], row["confirmed"]),
        total_booking_value=money(row["total_value"]),
        cancellations_by={actor: count for actor, count in by.items() if count},
        time_series=points,
    )

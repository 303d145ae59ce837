"""Bookings: how many, how they end, what they are worth."""

from datetime import UTC
from decimal import Decimal

from openride_analytics.schema.results import BookingMetrics, BookingPoint
from openride_analytics.stats.numbers import mean_money, money, rate
from openride_analytics.stats.questions import Question
from openride_analytics.stats.series import WHOLE, Row, parts, series
from openride_analytics.store.clickhouse import ClickHouse


async def bookings(clickhouse: ClickHouse, question: Question) -> BookingMetrics:
    """Bookings in the question's range. Raises Retryable."""
    found = await parts(clickhouse, question, "metrics/bookings")
    return _shape(question, found.get(WHOLE, _EMPTY), series(question, found, _point, _EMPTY))


_EMPTY: Row = {
    "created": 0,
    "confirmed": 0,
    "cancelled": 0,
    "completed": 0,
    "total_value": Decimal(0),
    "by_rider": 0,
    "by_driver": 0,
    "by_system": 0,
    "became": (0, 0, 0, 0),
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


def _shape(question: Question, row: Row, points: list[BookingPoint] | None) -> BookingMetrics:
    created, confirmed, cancelled, completed = row["became"]
    by = {"RIDER": row["by_rider"], "DRIVER": row["by_driver"], "SYSTEM": row["by_system"]}
    return BookingMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        bookings_created=row["created"],
        bookings_confirmed=row["confirmed"],
        bookings_cancelled=row["cancelled"],
        bookings_completed=row["completed"],
        conversion_rate=rate(confirmed, created),
        cancellation_rate=rate(cancelled, created),
        completion_rate=rate(completed, created),
        avg_booking_value=mean_money(row["total_value"], row["confirmed"]),
        total_booking_value=money(row["total_value"]),
        cancellations_by={actor: count for actor, count in by.items() if count},
        time_series=points,
    )

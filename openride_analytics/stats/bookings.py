"""Bookings: how many, how they end, what they are worth."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from openride_analytics.schema.results import BookingMetrics, BookingPoint
from openride_analytics.stats.columns import BITS, CENTS, MONEY, amount_of, blocks_of, cents_of, values
from openride_analytics.stats.numbers import mean_money, money, rate
from openride_analytics.stats.questions import Question
from openride_analytics.stats.repeated import Became, Counted, Lives
from openride_analytics.stats.series import WHOLE, Row, in_buckets, series
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock

_LIVES: Final = Lives("agg_popular_routes", "booking_id", 0b1111, "created", "created")
_CREATED, _CONFIRMED, _CANCELLED, _COMPLETED = range(1, 5)  # types in metrics/bookings
_RIDER, _DRIVER, _SYSTEM = range(1, 4)  # actors there


async def bookings(clickhouse: ClickHouse, question: Question) -> BookingMetrics:
    """Bookings in the question's range. Raises Retryable, TooMuch."""
    events, became = await together(
        blocks_of(clickhouse, "metrics/bookings", in_buckets(question)),
        Became.of(clickhouse, question, _LIVES),
    )
    return await asyncio.to_thread(_shape, question, events, became)


_EMPTY: Row = {
    "created": 0,
    "confirmed": 0,
    "cancelled": 0,
    "completed": 0,
    "value": Decimal(0),
    "by_rider": 0,
    "by_driver": 0,
    "by_system": 0,
}


def _point(timestamp: str, row: Row) -> BookingPoint:
    return BookingPoint(
        timestamp=timestamp,
        bookings_created=row["created"],
        bookings_confirmed=row["confirmed"],
        bookings_cancelled=row["cancelled"],
        bookings_completed=row["completed"],
        total_booking_value=money(row["value"]),
    )


def _shape(question: Question, events: Sequence[RawBlock], became: Became) -> BookingMetrics:
    counted = Counted(events)
    is_confirmation, actor = counted.type == _CONFIRMED, counted.firsts.of("actor", BITS)
    cents = counted.total(
        cents_of(values(events, "total_value", MONEY)), counted.firsts.of("price", CENTS) * is_confirmation
    )
    found = counted.parts(
        created=counted.count("created", counted.type == _CREATED),
        confirmed=counted.count("confirmed", is_confirmation),
        cancelled=counted.count("cancelled", counted.type == _CANCELLED),
        completed=counted.count("completed", counted.type == _COMPLETED),
        value=[amount_of(each) for each in cents],
        by_rider=counted.count("by_rider", actor == _RIDER),
        by_driver=counted.count("by_driver", actor == _DRIVER),
        by_system=counted.count("by_system", actor == _SYSTEM),
    )
    row = found.get(WHOLE, _EMPTY)
    created, confirmed, cancelled, completed = became.new(counted.entities(_CREATED))
    by = {"RIDER": row["by_rider"], "DRIVER": row["by_driver"], "SYSTEM": row["by_system"]}
    return BookingMetrics(
        **question.heading,
        bookings_created=row["created"],
        bookings_confirmed=row["confirmed"],
        bookings_cancelled=row["cancelled"],
        bookings_completed=row["completed"],
        conversion_rate=rate(confirmed, created),
        cancellation_rate=rate(cancelled, created),
        completion_rate=rate(completed, created),
        avg_booking_value=mean_money(row["value"], row["confirmed"]),
        total_booking_value=money(row["value"]),
        cancellations_by={actor: count for actor, count in by.items() if count},
        time_series=series(question, found, _point, _EMPTY),
    )

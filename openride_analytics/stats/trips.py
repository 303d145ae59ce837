"""Trips: how many, how they end, what they earn."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from openride_analytics.schema.results import TripMetrics, TripPoint
from openride_analytics.stats.columns import (
    BITS,
    CENTS,
    ID,
    MONEY,
    Column,
    amount_of,
    blocks_of,
    cents_of,
    values,
)
from openride_analytics.stats.numbers import mean, money, rate
from openride_analytics.stats.questions import Question
from openride_analytics.stats.repeated import Became, Counted, Lives
from openride_analytics.stats.series import WHOLE, Row, in_buckets, series
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock

_LIVES: Final = Lives("agg_trips", "trip_id", 0b111, "started", "started")
_STARTED, _COMPLETED, _CANCELLED = range(1, 4)  # types in metrics/trips
_MINUTES: Final = np.dtype("<u4")
_KILOMETERS: Final = np.dtype("<f8")


async def trips(clickhouse: ClickHouse, question: Question) -> TripMetrics:
    """Trips in the question's range. Raises Retryable, TooMuch."""
    events, became = await together(
        blocks_of(clickhouse, "metrics/trips", in_buckets(question)),
        Became.of(clickhouse, question, _LIVES),
    )
    return await asyncio.to_thread(_shape, question, events, became)


_EMPTY: Row = {
    "started": 0,
    "completed": 0,
    "cancelled": 0,
    "minutes": 0,
    "kilometers": 0.0,
    "on_time": 0,
    "earnings": Decimal(0),
    "commission": Decimal(0),
}


def _point(timestamp: str, row: Row) -> TripPoint:
    return TripPoint(
        timestamp=timestamp,
        trips_started=row["started"],
        trips_completed=row["completed"],
        trips_cancelled=row["cancelled"],
        total_driver_earnings=money(row["earnings"]),
    )


def _shape(question: Question, events: Sequence[RawBlock], became: Became) -> TripMetrics:
    counted = Counted(events)
    is_completion = counted.type == _COMPLETED

    def amounts(name: str, of_event: str) -> list[Decimal]:
        cents = cents_of(values(events, name, MONEY))
        return [
            amount_of(each)
            for each in counted.total(cents, counted.firsts.of(of_event, CENTS) * is_completion)
        ]

    found = counted.parts(
        started=counted.count("started", counted.type == _STARTED),
        completed=counted.count("completed", is_completion),
        cancelled=counted.count("cancelled", counted.type == _CANCELLED),
        minutes=counted.count("minutes", counted.firsts.of("lasted", _MINUTES) * is_completion),
        kilometers=counted.total(
            values(events, "kilometers", _KILOMETERS),
            counted.firsts.of("distance", _KILOMETERS) * is_completion,
        ),
        on_time=counted.count("punctual", counted.firsts.of("in_time", BITS) * is_completion),
        earnings=amounts("earnings", "earned"),
        commission=amounts("commission", "charged"),
    )
    row = found.get(WHOLE, _EMPTY)
    started, finished, *_ = became.new(counted.entities(_STARTED))
    return TripMetrics(
        **question.heading,
        trips_started=row["started"],
        trips_completed=row["completed"],
        trips_cancelled=row["cancelled"],
        completion_rate=rate(finished, started),
        avg_duration_minutes=mean(row["minutes"], row["completed"]),
        avg_distance_km=mean(row["kilometers"], row["completed"]),
        on_time_performance=rate(row["on_time"], row["completed"]),
        total_driver_earnings=money(row["earnings"]),
        total_platform_commission=money(row["commission"]),
        active_drivers=_drivers(events, counted),
        time_series=series(question, found, _point, _EMPTY),
    )


def _drivers(events: Sequence[RawBlock], counted: Counted) -> int:
    """Distinct ones, of starts and completions."""
    drove = counted.in_whole & np.isin(counted.type, (_STARTED, _COMPLETED))
    found: Column = np.concatenate([values(events, "drivers", ID), counted.firsts.of("driver", ID)[drove]])
    return int(np.unique(found).size)

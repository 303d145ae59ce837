"""Drivers: who drove how much in a range, and what they earned."""

from typing import Any

import numpy as np

from openride_analytics.schema.queries import DriverSort, Granularity
from openride_analytics.schema.results import DriverMetrics, DriverRow, EarningsDistribution
from openride_analytics.stats.columns import BITS, COUNT, ID, Column, blocks_of, ids_of, looked_up, values
from openride_analytics.stats.numbers import mean_money, money, rate
from openride_analytics.stats.periods import Period, buckets
from openride_analytics.stats.questions import Question
from openride_analytics.stats.repeated import Firsts
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

_PERCENTILES = ("p10", "p25", "p50", "p75", "p90", "p99")  # as in metrics/drivers.sql


async def drivers(
    clickhouse: ClickHouse, question: Question, *, sort: DriverSort, limit: int
) -> DriverMetrics:
    """Drivers with a trip completed in the question's range. Raises Retryable."""
    found, booked = await together(
        _found(clickhouse, question.period, sort, limit), _booked(clickhouse, question.period)
    )
    shown = ids_of([row[0] for row in found["drivers"]])
    created, cancelled = (
        looked_up(shown, booked["driver"], booked[name]).tolist() for name in ("created", "cancelled")
    )
    return DriverMetrics(
        **question.heading,
        drivers=[_row(*each) for each in zip(found["drivers"], created, cancelled, strict=True)],
        earnings_distribution=_distribution(found),
        total_drivers=found["total_drivers"],
    )


async def _found(clickhouse: ClickHouse, period: Period, sort: DriverSort, limit: int) -> dict[str, Any]:
    days = [int(start.timestamp()) for start in buckets(period, Granularity.DAILY)]
    block = await clickhouse.select(
        statement("metrics/drivers"),
        {"since": period.since, "until": period.until, "days": days, "sort": sort, "limit": limit},
        name="metrics/drivers",
    )
    return block.one()


async def _booked(clickhouse: ClickHouse, period: Period) -> dict[str, Column]:
    """By driver: how many of their bookings were created in the period, and how many of these they cancelled."""
    asked = {"since": period.since, "until": period.until}
    blocks = await blocks_of(clickhouse, "metrics/driver_bookings", asked)
    repeated = Firsts(blocks)
    return {
        "driver": values(blocks, "driver", ID),
        "created": repeated.added_to(values(blocks, "created", COUNT), np.ones(repeated.row.size)),
        "cancelled": repeated.added_to(
            values(blocks, "cancelled", COUNT), repeated.of("was_cancelled", BITS)
        ),
    }


def _row(found: tuple[Any, ...], created: int, cancelled: int) -> DriverRow:
    driver_id, trips, earnings, distance, days, on_time = found
    return DriverRow(
        driver_id=driver_id,
        total_trips=trips,
        total_earnings=money(earnings),
        avg_earnings_per_trip=money(earnings / trips),
        total_distance_km=round(distance, 2),
        active_days=days,
        on_time_performance=rate(on_time, trips),
        cancellation_rate=rate(cancelled, created),
    )


def _distribution(found: dict[str, Any]) -> EarningsDistribution:
    total, percentiles = found["total_drivers"], found["percentiles"]
    return EarningsDistribution(
        **{
            name: money(value) if total else None
            for name, value in zip(_PERCENTILES, percentiles, strict=True)
        },
        mean=mean_money(found["earned"], total),
    )

"""Drivers: who drove how much in a range, and what they earned."""

from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openride_analytics.schema.queries import DriverSort, Granularity
from openride_analytics.schema.results import DriverMetrics, DriverRow, EarningsDistribution
from openride_analytics.stats.numbers import mean_money, money, rate
from openride_analytics.stats.periods import Period, buckets
from openride_analytics.stats.questions import Question
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock
from openride_analytics.store.sql import statement

_BLOCK_ROWS: Final = 65_536
_HALF: Final = (1 << 64) - 1

_PERCENTILES = ("p10", "p25", "p50", "p75", "p90", "p99")  # as in metrics/drivers.sql


async def drivers(
    clickhouse: ClickHouse, question: Question, *, sort: DriverSort, limit: int
) -> DriverMetrics:
    """Drivers with a trip completed in the question's range. Raises Retryable."""
    found, booked = await together(
        _found(clickhouse, question.period, sort, limit), _booked(clickhouse, question.period)
    )
    bookings = booked.of([row[0] for row in found["drivers"]])
    return DriverMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        drivers=[_row(row, *bookings.get(row[0], (0, 0))) for row in found["drivers"]],
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


@dataclass(frozen=True)
class _Bookings:
    """Of n drivers: both halves of their ids (n x 2), how many bookings, and how many of these they cancelled."""

    drivers: NDArray[np.uint64]
    created: NDArray[np.uint64]
    cancelled: NDArray[np.uint64]

    def of(self, drivers: list[UUID]) -> dict[UUID, tuple[int, int]]:
        """Created and cancelled ones of some drivers, as far as these have any."""
        some = np.isin(
            self.drivers[:, 1], np.array([driver.int & _HALF for driver in drivers], dtype=np.uint64)
        )
        found = (column[some].tolist() for column in (self.drivers, self.created, self.cancelled))
        return {
            UUID(int=high << 64 | low): (created, cancelled)
            for (high, low), created, cancelled in zip(*found, strict=True)
        }


async def _booked(clickhouse: ClickHouse, period: Period) -> _Bookings:
    """Of all drivers, of whom there may be many: as columns, without an object for each."""
    blocks: list[RawBlock] = []
    stream = clickhouse.stream(
        statement("metrics/driver_bookings"),
        {"since": period.since, "until": period.until},
        timeout=10.0,
        block_rows=_BLOCK_ROWS,
        name="metrics/driver_bookings",
    )
    async with aclosing(stream):
        async for block in stream:
            blocks.append(block)

    def column(name: str) -> NDArray[np.uint64]:
        return np.frombuffer(b"".join(block.columns[name].values for block in blocks), dtype="<u8")

    return _Bookings(column("driver").reshape(-1, 2), column("created"), column("cancelled"))


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

"""Now: who is on the road, what was booked and paid in the last hour, and how far behind the answers are."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

from openride_analytics.schema.results import RealtimeMetrics, SystemHealth
from openride_analytics.stats.numbers import mean, money
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

LAG_SECONDS: Final = 60.0  # more than this is said to be degraded: the numbers are not of now


class Condition(IntEnum):
    """How a dependency or an actor is, the worst last."""

    OK = 0
    DEGRADED = 1  # something is missing, but questions are answered and events stored
    DOWN = 2  # they are not


async def realtime(
    clickhouse: ClickHouse, *, now: datetime, currency: str, conditions: Mapping[str, Condition]
) -> RealtimeMetrics:
    """`conditions`: of everything that readiness looks at, by name. Raises Retryable."""
    block = await clickhouse.select(
        statement("metrics/realtime"), {"now": now, "currency": currency}, name="metrics/realtime"
    )
    return _shape(block.one(), now, conditions)


def health(conditions: Mapping[str, Condition], lag: float | None) -> SystemHealth:
    """The worst of what is known; a lag above LAG_SECONDS is a degradation."""
    worst = max(conditions.values(), default=Condition.OK)
    if worst is Condition.DOWN:
        return SystemHealth.CRITICAL
    late = lag is not None and lag > LAG_SECONDS
    return SystemHealth.DEGRADED if late or worst is Condition.DEGRADED else SystemHealth.HEALTHY


def _shape(row: dict[str, Any], now: datetime, conditions: Mapping[str, Condition]) -> RealtimeMetrics:
    newest: datetime | None = row["newest"]
    lag = None if newest is None else round(max((now - newest).total_seconds(), 0.0), 3)
    return RealtimeMetrics(
        timestamp=now.astimezone(UTC),
        active_users=row["active_users"],
        active_drivers=row["active_drivers"],
        active_trips=row["active_trips"],
        bookings_last_hour=row["bookings_last_hour"],
        revenue_last_hour=money(row["revenue_last_hour"]),
        avg_wait_time_minutes=mean(row["waited"], row["waits"]),
        events_per_second=round(row["stored_last_minute"] / 60, 2),
        ingestion_lag_seconds=lag,
        system_health=health(conditions, lag),
    )

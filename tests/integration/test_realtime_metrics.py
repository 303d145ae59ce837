"""What is going on now."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from openride_analytics.schema.results import RealtimeMetrics, SystemHealth
from openride_analytics.stats.realtime import Condition, health, realtime
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.warehouse import store

# Seven minutes past a quarter hour, so that 15 minutes reach over two of them.
NOW = (datetime.now(UTC) - timedelta(days=1)).replace(hour=9, minute=7, second=20, microsecond=500_000)
RIDER, DRIVER, OTHER = (str(UUID(int=n)) for n in range(1, 4))
MINUTE, MILLISECOND = timedelta(minutes=1), timedelta(milliseconds=1)


def ride(event_type: str, at: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "event_type": event_type,
        "event_timestamp": at,
        "booking_id": str(uuid4()),
        "payment_id": str(uuid4()),
        "trip_id": str(uuid4()),
        "rider_id": RIDER,
        "driver_id": DRIVER,
        "route_id": OTHER,
        **fields,
    }


async def now(clickhouse: ClickHouse, *events: dict[str, Any]) -> RealtimeMetrics:
    await store(clickhouse, events)
    return await realtime(clickhouse, now=NOW, currency="NGN", conditions={})


async def test_nothing_is_going_on(warehouse: ClickHouse) -> None:
    answer = await now(warehouse)
    assert answer == RealtimeMetrics(
        timestamp=NOW,
        active_users=0,
        active_drivers=0,
        active_trips=0,
        bookings_last_hour=0,
        revenue_last_hour="0.00",
        avg_wait_time_minutes=None,
        events_per_second=0.0,
        ingestion_lag_seconds=None,
        system_health=SystemHealth.HEALTHY,
    )


@pytest.mark.parametrize(
    ("ago", "active"),
    [
        (timedelta(0), 1),
        (15 * MINUTE - MILLISECOND, 1),
        (15 * MINUTE, 0),
        (-MILLISECOND, 0),
        (20 * MINUTE, 0),
    ],
)
async def test_who_acted_in_the_last_15_minutes_is_active(
    warehouse: ClickHouse, ago: timedelta, active: int
) -> None:
    assert (await now(warehouse, ride("booking.created", NOW - ago))).active_users == active


async def test_a_driver_is_active_by_driving(warehouse: ClickHouse) -> None:
    answer = await now(warehouse, ride("trip.started", NOW - MINUTE), ride("booking.created", NOW - MINUTE))
    assert (answer.active_users, answer.active_drivers) == (2, 1)


async def test_a_trip_is_active_from_start_to_end(warehouse: ClickHouse) -> None:
    ended = ride("trip.started", NOW - 50 * MINUTE)
    answer = await now(
        warehouse,
        ride("trip.started", NOW - 40 * MINUTE),
        ride("trip.started", NOW - timedelta(hours=25)),
        ended,
        ride("trip.completed", NOW - 10 * MINUTE, trip_id=ended["trip_id"]),
    )
    assert answer.active_trips == 1


async def test_bookings_of_the_last_hour_are_counted_once(warehouse: ClickHouse) -> None:
    made = ride("booking.created", NOW - 10 * MINUTE)
    answer = await now(
        warehouse,
        made,
        {**made, "event_id": str(uuid4())},
        ride("booking.created", NOW - 60 * MINUTE + MILLISECOND),
        ride("booking.created", NOW - 60 * MINUTE),
        ride("booking.confirmed", NOW),
    )
    assert answer.bookings_last_hour == 2


async def test_revenue_is_that_of_first_successes_in_the_default_currency(warehouse: ClickHouse) -> None:
    paid = ride("payment.success", NOW - 5 * MINUTE, amount="100.50", currency="NGN")
    answer = await now(
        warehouse,
        paid,
        {**paid, "event_id": str(uuid4()), "event_timestamp": NOW - MINUTE, "amount": "7"},
        ride("payment.success", NOW - MINUTE, amount="20.25", currency="NGN"),
        ride("payment.success", NOW - MINUTE, amount="999", currency="USD"),
        ride("payment.failed", NOW - MINUTE, amount="50", currency="NGN"),
        ride("payment.success", NOW - 61 * MINUTE, amount="1", currency="NGN"),
    )
    assert answer.revenue_last_hour == "120.75"


async def test_the_wait_is_from_the_scheduled_to_the_actual_departure(warehouse: ClickHouse) -> None:
    def started(late: timedelta) -> dict[str, Any]:
        leaves = NOW - 30 * MINUTE
        return ride(
            "trip.started", NOW - 20 * MINUTE, scheduled_departure=leaves, actual_departure=leaves + late
        )

    answer = await now(warehouse, started(9 * MINUTE), started(MINUTE / 2), started(-5 * MINUTE))
    assert answer.avg_wait_time_minutes == 3.17


async def test_the_rate_is_of_what_was_stored_in_the_last_minute(warehouse: ClickHouse) -> None:
    await store(warehouse, [ride("booking.created", NOW) for _ in range(30)])
    asked = await realtime(warehouse, now=datetime.now(UTC), currency="NGN", conditions={})
    assert asked.events_per_second == 0.5


async def test_the_lag_is_the_age_of_the_newest_event(warehouse: ClickHouse) -> None:
    answer = await now(
        warehouse,
        ride("booking.created", NOW - 90 * MINUTE),
        ride("trip.started", NOW - MINUTE - MILLISECOND),
    )
    assert answer.ingestion_lag_seconds == 60.001


async def test_events_from_the_future_hide_no_lag(warehouse: ClickHouse) -> None:
    answer = await now(
        warehouse, ride("booking.created", NOW + timedelta(hours=3)), ride("trip.started", NOW - 2 * MINUTE)
    )
    assert answer.ingestion_lag_seconds == 120.0


async def test_events_from_the_future_are_not_going_on_yet(warehouse: ClickHouse) -> None:
    ahead = NOW + MILLISECOND
    answer = await now(
        warehouse,
        ride("booking.created", ahead),
        ride("payment.success", ahead, amount="5", currency="NGN"),
        ride("trip.started", ahead, scheduled_departure=NOW, actual_departure=NOW),
    )
    assert (
        answer.active_users,
        answer.active_trips,
        answer.bookings_last_hour,
        answer.revenue_last_hour,
        answer.avg_wait_time_minutes,
    ) == (0, 0, 0, "0.00", None)


@pytest.mark.parametrize(
    ("conditions", "lag", "is_"),
    [
        ({}, None, "healthy"),
        ({"clickhouse": Condition.OK}, 5.0, "healthy"),
        ({"clickhouse": Condition.OK, "redis": Condition.DEGRADED}, 5.0, "degraded"),
        ({"clickhouse": Condition.OK}, 61.0, "degraded"),
        ({"consumer": Condition.DOWN, "redis": Condition.DEGRADED}, None, "critical"),
    ],
)
def test_health_is_the_worst_of_what_is_known(
    conditions: dict[str, Condition], lag: float | None, is_: str
) -> None:
    assert health(conditions, lag) == is_

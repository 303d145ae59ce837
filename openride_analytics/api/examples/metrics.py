"""Examples of what `/v1/metrics/...` answers."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from openride_analytics.schema import results

_DAYS: Final = "2026-11-22 to 2026-11-23"
_ZONE: Final = "Africa/Lagos"
_AT: Final = datetime(2026, 11, 24, 5, 0, 18, 562195, UTC)
_SUNDAY: Final = "2026-11-22T00:00:00+01:00"

USERS: Final = results.UserMetrics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    dau=412,
    wau=967,
    mau=1240,
    stickiness=33.23,
    new_registrations=58,
    total_users=2310,
    kyc_completion_rate=81.4,
    driver_activation_rate=64.19,
    time_series=[results.UserPoint(timestamp=_SUNDAY, new_registrations=31, active_users=398)],
)

BOOKINGS: Final = results.BookingMetrics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    bookings_created=808,
    bookings_confirmed=765,
    bookings_cancelled=95,
    bookings_completed=522,
    conversion_rate=94.68,
    cancellation_rate=12.28,
    completion_rate=64.6,
    avg_booking_value="2714.38",
    total_booking_value="2076500.00",
    cancellations_by={"RIDER": 45, "DRIVER": 20, "SYSTEM": 30},
    time_series=[
        results.BookingPoint(
            timestamp=_SUNDAY,
            bookings_created=272,
            bookings_confirmed=258,
            bookings_cancelled=31,
            bookings_completed=188,
            total_booking_value="700310.00",
        )
    ],
)

PAYMENTS: Final = results.PaymentMetrics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    payments_initiated=806,
    payments_success=765,
    payments_failed=61,
    payments_refunded=48,
    success_rate=94.91,
    refund_rate=6.27,
    avg_processing_time_ms=1843.2,
    p50_processing_time_ms=1610,
    p95_processing_time_ms=4020,
    total_revenue="2076500.00",
    net_revenue="1951200.00",
    by_method=[
        results.MethodMetrics(
            payment_method="card", initiated=484, success=455, failed=41, revenue="1240100.00"
        ),
        results.MethodMetrics(
            payment_method="wallet", initiated=322, success=310, failed=20, revenue="836400.00"
        ),
    ],
    revenue_by_currency={"NGN": "2076500.00", "USD": "120.00"},
    failure_reasons=[results.FailureReason(error_code="INSUFFICIENT_FUNDS", count=37)],
)

TRIPS: Final = results.TripMetrics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    trips_started=541,
    trips_completed=522,
    trips_cancelled=14,
    completion_rate=96.49,
    avg_duration_minutes=71.3,
    avg_distance_km=58.42,
    on_time_performance=88.31,
    total_driver_earnings="1204370.00",
    total_platform_commission="212535.88",
    active_drivers=199,
)

DRIVERS: Final = results.DriverMetrics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    drivers=[
        results.DriverRow(
            driver_id=UUID("8c0f7d6e-52b1-4a37-9f0e-2d1c3b4a5968"),
            total_trips=9,
            total_earnings="48210.00",
            avg_earnings_per_trip="5356.67",
            total_distance_km=611.8,
            active_days=2,
            on_time_performance=88.89,
            cancellation_rate=None,
        )
    ],
    earnings_distribution=results.EarningsDistribution(
        p10="1870.00",
        p25="3110.00",
        p50="5240.00",
        p75="8030.00",
        p90="12450.00",
        p99="31900.00",
        mean="6052.11",
    ),
    total_drivers=199,
)

ROUTES: Final = results.RouteMetrics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    routes=[
        results.RouteRow(
            route_id=UUID("3f2a1b0c-9d8e-4f7a-8b6c-5d4e3f2a1b0c"),
            route_name="Lagos to Ibadan",
            origin_city="Lagos",
            destination_city="Ibadan",
            driver_id=UUID("8c0f7d6e-52b1-4a37-9f0e-2d1c3b4a5968"),
            total_bookings=21,
            total_revenue="73500.00",
            avg_occupancy=72.5,
            seats_total=4,
        )
    ],
)

REALTIME: Final = results.RealtimeMetrics(
    timestamp=_AT,
    active_users=280,
    active_drivers=199,
    active_trips=8,
    bookings_last_hour=103,
    revenue_last_hour="87200.00",
    avg_wait_time_minutes=4.73,
    events_per_second=672.07,
    ingestion_lag_seconds=0.418,
    system_health=results.SystemHealth.HEALTHY,
)

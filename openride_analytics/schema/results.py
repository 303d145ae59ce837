"""What the metrics answer. Money is a decimal string, a rate a percentage with 2 decimals or None."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

Moment = Annotated[
    str,
    Meta(description="RFC 3339, in the time zone of the answer", extra_json_schema={"format": "date-time"}),
]
Money = Annotated[str, Meta(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="a decimal number with 2 places")]
Rate = Annotated[float, Meta(ge=0, le=100, description="percent; null where there is nothing to divide by")]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer over a range says about itself."""

    date_range: str  # "2026-10-01 to 2026-10-31"
    timezone: str
    generated_at: datetime


class BookingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct bookings with that event in it; the value of those confirmed in it."""

    timestamp: Moment  # where the bucket's period begins
    bookings_created: int
    bookings_confirmed: int
    bookings_cancelled: int
    bookings_completed: int
    total_booking_value: Money


class BookingMetrics(Answer, frozen=True, kw_only=True):
    """Bookings in a range; the rates are of those created in it, by now."""

    bookings_created: int
    bookings_confirmed: int
    bookings_cancelled: int
    bookings_completed: int
    conversion_rate: Rate | None
    cancellation_rate: Rate | None
    completion_rate: Rate | None
    avg_booking_value: Money | None
    total_booking_value: Money
    cancellations_by: dict[str, int]  # RIDER, DRIVER, SYSTEM: those that cancelled any
    time_series: list[BookingPoint] | None = None  # where it was asked for


class UserPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct people who registered, and who acted, in it."""

    timestamp: Moment  # where the bucket's period begins
    new_registrations: int
    active_users: int


class UserMetrics(Answer, frozen=True, kw_only=True):
    """People in a range. total_users and the rates of drivers are of all there are by its end."""

    dau: int  # on the range's last day
    wau: int  # on the 7 days that end with it
    mau: int  # on the 30
    stickiness: Rate | None  # dau of mau
    new_registrations: int
    total_users: int
    kyc_completion_rate: Rate | None  # of drivers
    driver_activation_rate: Rate | None  # of drivers
    time_series: list[UserPoint] | None = None  # where it was asked for


class PaymentPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct payments with that event in it; what those that succeeded in it brought."""

    timestamp: Moment  # where the bucket's period begins
    payments_initiated: int
    payments_success: int
    payments_failed: int
    payments_refunded: int
    total_revenue: Money  # in the default currency


class MethodMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one method."""

    payment_method: str
    initiated: int
    success: int
    failed: int
    revenue: Money  # in the default currency


class FailureReason(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of which the first failure had that code."""

    error_code: str
    count: int


class PaymentMetrics(Answer, frozen=True, kw_only=True):
    """Payments in a range; the rates are of those initiated, or that succeeded, in it, by now."""

    payments_initiated: int
    payments_success: int
    payments_failed: int
    payments_refunded: int
    success_rate: Rate | None  # of those initiated
    refund_rate: Rate | None  # of those that succeeded
    avg_processing_time_ms: float | None  # successes only, in any currency, like the next two
    p50_processing_time_ms: int | None
    p95_processing_time_ms: int | None
    total_revenue: Money  # in the default currency, like net_revenue
    net_revenue: Money  # negative where more was refunded than came in
    by_method: list[MethodMetrics]  # by name; methods that nobody used are left out
    revenue_by_currency: dict[str, Money]  # of each currency that any payment succeeded in
    failure_reasons: list[FailureReason]  # the most frequent first
    time_series: list[PaymentPoint] | None = None  # where it was asked for


class TripPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct trips with that event in it; what those completed in it earned."""

    timestamp: Moment  # where the bucket's period begins
    trips_started: int
    trips_completed: int
    trips_cancelled: int
    total_driver_earnings: Money


class TripMetrics(Answer, frozen=True, kw_only=True):
    """Trips in a range; completion_rate is of those started in it, by now, the rest of those completed in it."""

    trips_started: int
    trips_completed: int
    trips_cancelled: int
    completion_rate: Rate | None
    avg_duration_minutes: float | None
    avg_distance_km: float | None
    on_time_performance: Rate | None
    total_driver_earnings: Money
    total_platform_commission: Money
    active_drivers: int  # who started or completed one
    time_series: list[TripPoint] | None = None  # where it was asked for


class DriverRow(msgspec.Struct, frozen=True, kw_only=True):
    """A driver's completed trips of the range; the cancellations are of bookings created in it, by now."""

    driver_id: UUID
    total_trips: int
    total_earnings: Money
    avg_earnings_per_trip: Money
    total_distance_km: float
    active_days: int  # local days with a completed trip
    on_time_performance: Rate | None
    cancellation_rate: Rate | None  # by the driver


class EarningsDistribution(msgspec.Struct, frozen=True, kw_only=True):
    """Of what each driver earned: the element at index floor(q * n); null if there are no drivers."""

    p10: Money | None
    p25: Money | None
    p50: Money | None
    p75: Money | None
    p90: Money | None
    p99: Money | None
    mean: Money | None


class DriverMetrics(Answer, frozen=True, kw_only=True):
    """Drivers with a trip completed in the range: the first of them, and the earnings of all."""

    drivers: list[DriverRow]
    earnings_distribution: EarningsDistribution
    total_drivers: int  # also those beyond the limit


class RouteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A route's bookings confirmed in the range, and how full its departures in it are."""

    route_id: UUID
    route_name: str | None  # null if no event of the route is known
    origin_city: str  # "Unknown" if its creation is not known, like the destination
    destination_city: str
    driver_id: UUID
    total_bookings: int
    total_revenue: Money
    avg_occupancy: Annotated[float, Meta(ge=0, description="percent, may pass 100")] | None
    seats_total: int | None  # as last stated


class RouteMetrics(Answer, frozen=True, kw_only=True):
    """Routes with a booking confirmed in the range: the first of them."""

    routes: list[RouteRow]


class SystemHealth(StrEnum):
    """`critical`: answers or ingestion are not to be had; `degraded`: something else is missing."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"


class RealtimeMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Now. What each number means is said in sql/queries/metrics/realtime.sql."""

    timestamp: datetime
    active_users: int
    active_drivers: int
    active_trips: int
    bookings_last_hour: int
    revenue_last_hour: Money
    avg_wait_time_minutes: float | None
    events_per_second: float
    ingestion_lag_seconds: float | None
    system_health: SystemHealth

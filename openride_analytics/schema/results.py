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
Instant = Annotated[datetime, Meta(tz=True)]
Money = Annotated[str, Meta(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="a decimal number with 2 places")]
Rate = Annotated[float, Meta(ge=0, le=100, description="percent; null where there is nothing to divide by")]


def about(description: str) -> Meta:
    """What a field tells, for those who read the description of the API."""
    return Meta(description=description)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer over a range says about itself."""

    date_range: Annotated[str, about('the local days it covers, as in "2026-10-01 to 2026-10-31"')]
    timezone: Annotated[str, about("the IANA zone that days are of")]
    generated_at: Annotated[Instant, about("when it was computed; an answer may have been kept since")]


class BookingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct bookings with that event in it; the value of those confirmed in it."""

    timestamp: Annotated[Moment, about("where the bucket's period begins")]
    bookings_created: int
    bookings_confirmed: int
    bookings_cancelled: int
    bookings_completed: int
    total_booking_value: Money


class BookingMetrics(Answer, frozen=True, kw_only=True):
    """Bookings in a range; the rates are of those created in it, by now."""

    bookings_created: Annotated[int, about("distinct bookings created in the range")]
    bookings_confirmed: Annotated[int, about("distinct bookings confirmed in the range, whenever created")]
    bookings_cancelled: Annotated[int, about("distinct bookings cancelled in the range")]
    bookings_completed: Annotated[int, about("distinct bookings completed in the range")]
    conversion_rate: Annotated[Rate | None, about("of those created in the range: confirmed by now")]
    cancellation_rate: Annotated[Rate | None, about("of those created in the range: cancelled by now")]
    completion_rate: Annotated[Rate | None, about("of those created in the range: completed by now")]
    avg_booking_value: Annotated[Money | None, about("of those confirmed in the range")]
    total_booking_value: Annotated[Money, about("of those confirmed in the range, each as first confirmed")]
    cancellations_by: Annotated[
        dict[str, int],
        about("RIDER, DRIVER, SYSTEM: how many each cancelled first; who cancelled none is left out"),
    ]
    time_series: Annotated[
        list[BookingPoint] | None,
        about("only where it was asked for: every bucket of the range, also those with nothing in them"),
    ] = None


class UserPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct people who registered, and who acted, in it."""

    timestamp: Annotated[Moment, about("where the bucket's period begins")]
    new_registrations: int
    active_users: Annotated[int, about("people who acted in it")]


class UserMetrics(Answer, frozen=True, kw_only=True):
    """People in a range. total_users and the rates of drivers are of all there are by its end."""

    dau: Annotated[int, about("people who acted on the range's last day")]
    wau: Annotated[int, about("people who acted on the 7 days that end with it")]
    mau: Annotated[int, about("people who acted on the 30 days that end with it")]
    stickiness: Annotated[Rate | None, about("dau of mau")]
    new_registrations: Annotated[int, about("people who registered in the range")]
    total_users: Annotated[int, about("registered ever, up to the end of the range")]
    kyc_completion_rate: Annotated[
        Rate | None,
        about("of all drivers up to the end of the range: those whose latest KYC decision is VERIFIED"),
    ]
    driver_activation_rate: Annotated[
        Rate | None, about("of the same drivers: those with a route that is not cancelled")
    ]
    time_series: Annotated[
        list[UserPoint] | None,
        about("only where it was asked for: every bucket of the range, also those with nothing in them"),
    ] = None


class PaymentPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct payments with that event in it; what those that succeeded in it brought."""

    timestamp: Annotated[Moment, about("where the bucket's period begins")]
    payments_initiated: int
    payments_success: int
    payments_failed: int
    payments_refunded: int
    total_revenue: Annotated[Money, about("in the default currency")]


class MethodMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one method."""

    payment_method: str
    initiated: int
    success: int
    failed: int
    revenue: Annotated[Money, about("in the default currency")]


class FailureReason(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of which the first failure had that code."""

    error_code: str
    count: Annotated[int, about("payments of which the first failure in the range had that code")]


class PaymentMetrics(Answer, frozen=True, kw_only=True):
    """Payments in a range; the rates are of those initiated, or that succeeded, in it, by now."""

    payments_initiated: Annotated[int, about("distinct payments initiated in the range")]
    payments_success: Annotated[int, about("distinct payments that succeeded in the range")]
    payments_failed: Annotated[
        int, about("distinct payments with a failure in the range; they may succeed later")
    ]
    payments_refunded: Annotated[int, about("distinct payments refunded in the range, wholly or in part")]
    success_rate: Annotated[Rate | None, about("of those initiated in the range: succeeded by now")]
    refund_rate: Annotated[Rate | None, about("of those that succeeded in the range: ever refunded")]
    avg_processing_time_ms: Annotated[float | None, about("of first successes in the range, in any currency")]
    p50_processing_time_ms: Annotated[int | None, about("likewise: the element at index floor(n / 2)")]
    p95_processing_time_ms: Annotated[int | None, about("likewise: the element at index floor(0.95 n)")]
    total_revenue: Annotated[
        Money, about("gross, in the default currency: each payment at its first success in the range")
    ]
    net_revenue: Annotated[
        Money, about("less all refunds of the range; negative where more was refunded than came in")
    ]
    by_method: Annotated[list[MethodMetrics], about("by name; methods that nobody used are left out")]
    revenue_by_currency: Annotated[
        dict[str, Money], about("gross, of each currency that any payment succeeded in; never added up")
    ]
    failure_reasons: Annotated[list[FailureReason], about("the most frequent first")]
    time_series: Annotated[
        list[PaymentPoint] | None,
        about("only where it was asked for: every bucket of the range, also those with nothing in them"),
    ] = None


class TripPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket: distinct trips with that event in it; what those completed in it earned."""

    timestamp: Annotated[Moment, about("where the bucket's period begins")]
    trips_started: int
    trips_completed: int
    trips_cancelled: int
    total_driver_earnings: Money


class TripMetrics(Answer, frozen=True, kw_only=True):
    """Trips in a range; completion_rate is of those started in it, by now, the rest of those completed in it."""

    trips_started: Annotated[int, about("distinct trips started in the range")]
    trips_completed: Annotated[int, about("distinct trips completed in the range")]
    trips_cancelled: Annotated[int, about("distinct trips cancelled in the range")]
    completion_rate: Annotated[Rate | None, about("of those started in the range: completed by now")]
    avg_duration_minutes: Annotated[
        float | None, about("of those completed in the range, like all that follows but active_drivers")
    ]
    avg_distance_km: float | None
    on_time_performance: Annotated[Rate | None, about("those that were on time")]
    total_driver_earnings: Money
    total_platform_commission: Money
    active_drivers: Annotated[int, about("drivers with a trip started or completed in the range")]
    time_series: Annotated[
        list[TripPoint] | None,
        about("only where it was asked for: every bucket of the range, also those with nothing in them"),
    ] = None


class DriverRow(msgspec.Struct, frozen=True, kw_only=True):
    """A driver's completed trips of the range; the cancellations are of bookings created in it, by now."""

    driver_id: UUID
    total_trips: Annotated[int, about("trips completed in the range")]
    total_earnings: Money
    avg_earnings_per_trip: Money
    total_distance_km: float
    active_days: Annotated[int, about("local days with a completed trip")]
    on_time_performance: Rate | None
    cancellation_rate: Annotated[
        Rate | None, about("of bookings created in the range: ever cancelled by the driver")
    ]


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

    drivers: Annotated[list[DriverRow], about("the first of them, as sorted")]
    earnings_distribution: Annotated[EarningsDistribution, about("of all of them")]
    total_drivers: Annotated[int, about("also those beyond the limit")]


class RouteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A route's bookings confirmed in the range, and how full its departures in it are."""

    route_id: UUID
    route_name: Annotated[str | None, about("null if no event of the route is known")]
    origin_city: Annotated[str, about('"Unknown" if its creation is not known')]
    destination_city: Annotated[str, about("likewise")]
    driver_id: UUID
    total_bookings: Annotated[int, about("bookings confirmed in the range")]
    total_revenue: Annotated[Money, about("what those are worth")]
    avg_occupancy: Annotated[float, Meta(ge=0, description="percent, may pass 100")] | None
    seats_total: Annotated[int | None, about("as last stated")]


class RouteMetrics(Answer, frozen=True, kw_only=True):
    """Routes with a booking confirmed in the range: the first of them."""

    routes: Annotated[list[RouteRow], about("the first of them, as sorted")]


class SystemHealth(StrEnum):
    """`critical`: answers or ingestion are not to be had; `degraded`: something else is missing."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"


class RealtimeMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Now. How each number is found is said in sql/queries/metrics/realtime.sql."""

    timestamp: Instant
    active_users: Annotated[int, about("people who acted in the last 15 minutes")]
    active_drivers: Annotated[
        int, about("drivers who acted as such in the last 15 minutes: trips, routes, positions")
    ]
    active_trips: Annotated[int, about("started in the last 24 hours, and neither completed nor cancelled")]
    bookings_last_hour: Annotated[int, about("distinct bookings created in the last 60 minutes")]
    revenue_last_hour: Annotated[Money, about("gross, in the default currency, of the last 60 minutes")]
    avg_wait_time_minutes: Annotated[
        float | None,
        about("from scheduled to actual departure, of trips started in the last 60 minutes; early is 0"),
    ]
    events_per_second: Annotated[float, about("stored in the last minute, whatever the time of the events")]
    ingestion_lag_seconds: Annotated[
        float | None, about("how old the newest event stored is; null if none came for 7 days")
    ]
    system_health: Annotated[
        SystemHealth,
        about("critical: answers or ingestion are not to be had; degraded: something else is missing"),
    ]

"""The headline figures: which there are, what more of each is worth, and what each means."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from openride_analytics.exports.workbook.answers import Answers, Content
from openride_analytics.exports.workbook.values import Kind, Value


class More(Enum):
    """What it is if a figure grows."""

    BETTER = 1
    WORSE = -1
    NEITHER = 0


@dataclass(frozen=True)
class Figure:
    """One number of a period, and how to read it. A rate below `low` (percent) deserves a look."""

    area: str
    title: str
    kind: Kind
    of: Callable[[Answers], Value]
    meaning: str
    more: More = More.BETTER
    low: float | None = None


def figures(found: Content) -> Iterator[Figure]:
    """Those of a workbook, area by area; revenue in other currencies than the service's own stands apart."""
    for figure in FIGURES:
        if figure.area in found.areas:
            yield figure
        if figure is TOTAL_REVENUE and figure.area in found.areas:
            yield from _other_currencies(found)


def title(figure: Figure, currency: str) -> str:
    """As it is shown: with the currency where it is an amount in the service's own."""
    own = figure.kind is Kind.MONEY and not figure.title.endswith(")")
    return f"{figure.title} ({currency})" if own else figure.title


def _other_currencies(found: Content) -> Iterator[Figure]:
    now, then = (answers.payments.revenue_by_currency for answers in (found.now, found.then))
    for currency in sorted((now.keys() | then.keys()) - {found.question.currency}):
        yield Figure(
            "Payments",
            f"Total revenue ({currency})",
            Kind.MONEY,
            lambda a, currency=currency: a.payments.revenue_by_currency.get(currency, _NONE),  # type: ignore[misc]
            f"Likewise, of payments in {currency}. Never added to amounts in another currency.",
        )


_NONE: Final = "0.00"  # what sums over nothing are

TOTAL_REVENUE: Final = Figure(
    "Payments",
    "Total revenue",
    Kind.MONEY,
    lambda a: a.payments.total_revenue,
    "Amounts of the payments that succeeded in the period (a payment's first success), before refunds.",
)

FIGURES: Final = (
    Figure(
        "Users", "Active on the last day", Kind.COUNT, lambda a: a.users.dau,
        "People who acted at least once on the last day of the period: registered, booked, paid, drove, "
        "changed a route, cancelled.",
    ),
    Figure(
        "Users", "Active in the last 7 days", Kind.COUNT, lambda a: a.users.wau,
        "Different people who acted on any of the 7 days that end with the last day of the period.",
    ),
    Figure(
        "Users", "Active in the last 30 days", Kind.COUNT, lambda a: a.users.mau,
        "Different people who acted on any of the 30 days that end with the last day of the period.",
    ),
    Figure(
        "Users", "Stickiness", Kind.RATE, lambda a: a.users.stickiness,
        "Active on the last day, as a share of those active in the last 30 days.",
    ),
    Figure(
        "Users", "New registrations", Kind.COUNT, lambda a: a.users.new_registrations,
        "People who registered in the period.",
    ),
    Figure(
        "Users", "Registered in all", Kind.COUNT, lambda a: a.users.total_users,
        "People who had registered by the end of the period, ever.",
    ),
    Figure(
        "Users", "Drivers verified", Kind.RATE, lambda a: a.users.kyc_completion_rate,
        "Of all drivers by the end of the period, those whose latest identity check (KYC) is passed.",
    ),
    Figure(
        "Users", "Drivers with a route", Kind.RATE, lambda a: a.users.driver_activation_rate,
        "Of the same drivers, those with a route that is not cancelled.",
    ),
    Figure(
        "Bookings", "Created", Kind.COUNT, lambda a: a.bookings.bookings_created,
        "Bookings made in the period. A booking counts once, however often its event came.",
    ),
    Figure(
        "Bookings", "Confirmed", Kind.COUNT, lambda a: a.bookings.bookings_confirmed,
        "Bookings confirmed in the period, whenever they were made.",
    ),
    Figure(
        "Bookings", "Cancelled", Kind.COUNT, lambda a: a.bookings.bookings_cancelled,
        "Bookings cancelled in the period, by whomever.", More.WORSE,
    ),
    Figure(
        "Bookings", "Completed", Kind.COUNT, lambda a: a.bookings.bookings_completed,
        "Bookings of which the ride ended in the period.",
    ),
    Figure(
        "Bookings", "Conversion rate", Kind.RATE, lambda a: a.bookings.conversion_rate,
        "Of the bookings created in the period, those confirmed by now, also after its end.",
    ),
    Figure(
        "Bookings", "Cancellation rate", Kind.RATE, lambda a: a.bookings.cancellation_rate,
        "Of the bookings created in the period, those cancelled by now.", More.WORSE,
    ),
    Figure(
        "Bookings", "Completion rate", Kind.RATE, lambda a: a.bookings.completion_rate,
        "Of the bookings created in the period, those completed by now. Just after a period it still grows.",
        low=50,
    ),
    Figure(
        "Bookings", "Total value", Kind.MONEY, lambda a: a.bookings.total_booking_value,
        "Prices of the bookings confirmed in the period, as first confirmed.",
    ),
    Figure(
        "Bookings", "Average value", Kind.MONEY, lambda a: a.bookings.avg_booking_value,
        "The same per booking confirmed.",
    ),
    TOTAL_REVENUE,
    Figure(
        "Payments", "Net revenue", Kind.MONEY, lambda a: a.payments.net_revenue,
        "Total revenue less everything refunded in the period, whenever it had been paid; negative if that is more.",
    ),
    Figure(
        "Payments", "Initiated", Kind.COUNT, lambda a: a.payments.payments_initiated,
        "Payments begun in the period, in any currency.",
    ),
    Figure(
        "Payments", "Succeeded", Kind.COUNT, lambda a: a.payments.payments_success,
        "Payments that succeeded in the period.",
    ),
    Figure(
        "Payments", "Failed", Kind.COUNT, lambda a: a.payments.payments_failed,
        "Payments that failed in the period; some succeed later.", More.WORSE,
    ),
    Figure(
        "Payments", "Refunded", Kind.COUNT, lambda a: a.payments.payments_refunded,
        "Payments refunded in the period, wholly or in part.", More.WORSE,
    ),
    Figure(
        "Payments", "Success rate", Kind.RATE, lambda a: a.payments.success_rate,
        "Of the payments initiated in the period, those that succeeded by now.", low=80,
    ),
    Figure(
        "Payments", "Refund rate", Kind.RATE, lambda a: a.payments.refund_rate,
        "Of the payments that succeeded in the period, those ever refunded.", More.WORSE,
    ),
    Figure(
        "Payments", "Processing time, average (ms)", Kind.NUMBER, lambda a: a.payments.avg_processing_time_ms,
        "Milliseconds that the payments which succeeded in the period took, in any currency.", More.WORSE,
    ),
    Figure(
        "Payments", "Processing time, median (ms)", Kind.COUNT, lambda a: a.payments.p50_processing_time_ms,
        "Half of them took no longer.", More.WORSE,
    ),
    Figure(
        "Payments", "Processing time, 95th percentile (ms)", Kind.COUNT,
        lambda a: a.payments.p95_processing_time_ms, "19 of 20 of them took no longer.", More.WORSE,
    ),
    Figure(
        "Trips", "Started", Kind.COUNT, lambda a: a.trips.trips_started, "Trips started in the period.",
    ),
    Figure(
        "Trips", "Completed", Kind.COUNT, lambda a: a.trips.trips_completed, "Trips completed in the period.",
    ),
    Figure(
        "Trips", "Cancelled", Kind.COUNT, lambda a: a.trips.trips_cancelled,
        "Trips cancelled in the period, started or not.", More.WORSE,
    ),
    Figure(
        "Trips", "Completion rate", Kind.RATE, lambda a: a.trips.completion_rate,
        "Of the trips started in the period, those completed by now.", low=80,
    ),
    Figure(
        "Trips", "On time", Kind.RATE, lambda a: a.trips.on_time_performance,
        "Of the trips completed in the period, those on time.", low=80,
    ),
    Figure(
        "Trips", "Average duration (minutes)", Kind.NUMBER, lambda a: a.trips.avg_duration_minutes,
        "Of the trips completed in the period.", More.NEITHER,
    ),
    Figure(
        "Trips", "Average distance (km)", Kind.NUMBER, lambda a: a.trips.avg_distance_km,
        "Of the trips completed in the period.", More.NEITHER,
    ),
    Figure(
        "Trips", "Driver earnings", Kind.MONEY, lambda a: a.trips.total_driver_earnings,
        "What drivers earned on the trips completed in the period.",
    ),
    Figure(
        "Trips", "Platform commission", Kind.MONEY, lambda a: a.trips.total_platform_commission,
        "What the platform kept of them.",
    ),
    Figure(
        "Trips", "Active drivers", Kind.COUNT, lambda a: a.trips.active_drivers,
        "Drivers who started or completed a trip in the period.",
    ),
    Figure(
        "Drivers", "With a completed trip", Kind.COUNT, lambda a: a.drivers.total_drivers,
        "Drivers who completed a trip in the period; they are listed on the sheet Drivers.",
    ),
    Figure(
        "Drivers", "Earnings per driver, median", Kind.MONEY, lambda a: a.drivers.earnings_distribution.p50,
        "Half of these drivers earned no more in the period.",
    ),
    Figure(
        "Drivers", "Earnings per driver, mean", Kind.MONEY, lambda a: a.drivers.earnings_distribution.mean,
        "What these drivers earned in the period, per driver.",
    ),
)  # fmt: skip

"""Drivers and routes, as tables."""

from collections.abc import Sequence
from typing import Final

from openride_analytics.exports.workbook.answers import MOST_DRIVERS, MOST_ROUTES, Content
from openride_analytics.exports.workbook.tables import Column, Table
from openride_analytics.exports.workbook.values import Kind, Value

PUNCTUAL: Final = 80.0  # percent; below it deserves a look
CANCELLING: Final = 10.0  # above it
EMPTY_SEATS: Final = 30.0  # below it


def drivers(found: Content) -> Table:
    """Those who earned most first."""
    currency = found.question.currency
    return Table(
        "DriverList",
        "Drivers",
        [
            Column("Driver", Kind.ID, "The driver's id."),
            Column("Trips", Kind.COUNT, "Trips completed in the period."),
            Column(f"Earnings ({currency})", Kind.MONEY, "What these trips earned the driver.", bar=True),
            Column(f"Earnings per trip ({currency})", Kind.MONEY, "The same per trip."),
            Column("Distance (km)", Kind.NUMBER, "Kilometers of these trips."),
            Column("Active days", Kind.COUNT, "Local days with a completed trip."),
            Column("On time", Kind.RATE, "Of these trips, those on time.", low=PUNCTUAL),
            Column(
                "Cancelled bookings",
                Kind.RATE,
                "Of the driver's bookings created in the period, those ever cancelled by the driver.",
                high=CANCELLING,
            ),
        ],
        [
            (
                driver.driver_id,
                driver.total_trips,
                driver.total_earnings,
                driver.avg_earnings_per_trip,
                driver.total_distance_km,
                driver.active_days,
                driver.on_time_performance,
                driver.cancellation_rate,
            )
            for driver in found.now.drivers.drivers
        ],
        empty="No driver completed a trip in this period.",
    )


def routes(found: Content) -> Table:
    """Those that were booked most first."""
    return Table(
        "RouteList",
        "Routes",
        [
            Column("Route", Kind.TEXT, "Its name, as last given."),
            Column("From", Kind.TEXT, "City it begins in."),
            Column("To", Kind.TEXT, "City it ends in."),
            Column("Bookings", Kind.COUNT, "Bookings confirmed in the period.", bar=True),
            Column(f"Revenue ({found.question.currency})", Kind.MONEY, "Prices of these bookings."),
            Column(
                "Occupancy",
                Kind.RATE,
                "Mean over its departures in the period: seats on bookings confirmed and never cancelled, of all "
                "seats. It may pass 100%.",
                low=EMPTY_SEATS,
            ),
            Column("Seats", Kind.COUNT, "Seats in all, as last stated."),
            Column("Driver", Kind.ID, "Id of the driver who offers it."),
            Column("Route id", Kind.ID),
        ],
        [
            (
                route.route_name,
                route.origin_city,
                route.destination_city,
                route.total_bookings,
                route.total_revenue,
                route.avg_occupancy,
                route.seats_total,
                route.driver_id,
                route.route_id,
            )
            for route in found.routes
        ],
        empty="No booking was confirmed in this period.",
    )


def distribution(found: Content) -> Sequence[tuple[str, Value]]:
    """What drivers earned: that many of them earned no more. Of all drivers, also those not listed."""
    earned = found.now.drivers.earnings_distribution
    return (
        ("10%", earned.p10),
        ("25%", earned.p25),
        ("50%", earned.p50),
        ("75%", earned.p75),
        ("90%", earned.p90),
        ("99%", earned.p99),
        ("Mean", earned.mean),
    )


def drivers_shown(found: Content) -> str:
    """Which of them are listed."""
    total = found.now.drivers.total_drivers
    listed = len(found.now.drivers.drivers)
    if listed == total:
        return f"All {total:,} drivers with a completed trip, by earnings"
    return f"The {MOST_DRIVERS:,} drivers who earned most, of {total:,} with a completed trip"


def routes_shown(found: Content) -> str:
    """Which of them are listed."""
    if found.more_routes:
        return f"The {MOST_ROUTES:,} routes booked most; there are more"
    return f"All {len(found.routes):,} routes with a confirmed booking, by bookings"

"""What a caller may ask, as it arrives: text is checked where it is understood (stats)."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Granularity(StrEnum):
    """How long the buckets of a series are. Weeks begin on Monday; all begin at local midnights."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class RangeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that all metrics share; None where the caller left one out."""

    start_date: str | None = None
    end_date: str | None = None
    timezone: str | None = None
    include_time_series: bool = False
    granularity: Granularity = Granularity.DAILY


class WorkbookQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a workbook of metrics is asked over; it always has series."""

    start_date: str | None = None
    end_date: str | None = None
    timezone: str | None = None
    granularity: Granularity = Granularity.DAILY

    def ranged(self) -> RangeQuery:
        """The same as every metric is asked."""
        return RangeQuery(
            start_date=self.start_date,
            end_date=self.end_date,
            timezone=self.timezone,
            granularity=self.granularity,
            include_time_series=True,
        )


class Breakdown(StrEnum):
    """What people registered as."""

    ROLE = "role"
    STATE = "state"
    CITY = "city"


class CohortType(StrEnum):
    """How long the periods are in which people registered."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class UserType(StrEnum):
    """The role that people registered with; `all` has administrators too."""

    ALL = "all"
    RIDER = "rider"
    DRIVER = "driver"


class RetentionMode(StrEnum):
    """Who is retained on day N: those who acted on it, or those who acted on it or later."""

    EXACT = "exact"
    ROLLING = "rolling"


class FunnelQuery(RangeQuery, frozen=True, kw_only=True):
    """The range is that of the first step. `steps`: event types, with commas between."""

    steps: str | None = None
    window_days: Annotated[int, Meta(ge=1, le=365)] = 30
    breakdown: Breakdown | None = None


class CohortQuery(RangeQuery, frozen=True, kw_only=True):
    """The range has no end here: `periods` says how far cohorts go, and how far they are followed."""

    cohort_type: CohortType = CohortType.WEEKLY
    periods: Annotated[int, Meta(ge=1, le=52)] = 12


class RetentionQuery(RangeQuery, frozen=True, kw_only=True):
    """The range is that of the registrations."""

    user_type: UserType = UserType.ALL
    mode: RetentionMode = RetentionMode.EXACT


class DriverSort(StrEnum):
    """What makes a driver come first: the most of it."""

    EARNINGS = "earnings"
    TRIPS = "trips"
    DISTANCE = "distance"


class DriversQuery(RangeQuery, frozen=True, kw_only=True):
    """Which drivers, and how many of them."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    sort: DriverSort = DriverSort.EARNINGS


class RouteSort(StrEnum):
    """What makes a route come first: the most of it."""

    BOOKINGS = "bookings"
    REVENUE = "revenue"
    OCCUPANCY = "occupancy"


class RoutesQuery(RangeQuery, frozen=True, kw_only=True):
    """Which routes, and how many of them."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    sort: RouteSort = RouteSort.BOOKINGS


class PlaceMetric(StrEnum):
    """What can be shown on a map."""

    BOOKINGS = "bookings"
    REVENUE = "revenue"
    USERS = "users"
    TRIPS = "trips"


class Level(StrEnum):
    """How large a place is; a hex is an H3 cell of the pickup."""

    STATE = "state"
    CITY = "city"
    HEX = "hex"


class GeographicQuery(RangeQuery, frozen=True, kw_only=True):
    """What to show on a map. `resolution` is of hexes."""

    metric: PlaceMetric = PlaceMetric.BOOKINGS
    level: Level = Level.CITY
    resolution: Annotated[int, Meta(ge=4, le=9)] = 7


class TrendMetric(StrEnum):
    """What has a trend: distinct entities with the event, money, or people who acted."""

    BOOKINGS = "bookings"  # created
    CONFIRMED_BOOKINGS = "confirmed_bookings"
    CANCELLED_BOOKINGS = "cancelled_bookings"
    COMPLETED_BOOKINGS = "completed_bookings"
    PAYMENTS = "payments"  # succeeded
    TRIPS = "trips"  # completed
    REGISTRATIONS = "registrations"
    REVENUE = "revenue"
    ACTIVE_USERS = "active_users"


class Comparison(StrEnum):
    """With what a trend is compared: as many days just before."""

    PREVIOUS_PERIOD = "previous_period"


class TrendsQuery(RangeQuery, frozen=True, kw_only=True):
    """Which trend. Which `group_by` there are depends on the metric, so it is checked where that is known."""

    metric: TrendMetric = TrendMetric.BOOKINGS
    compare: Comparison | None = None
    moving_average: Annotated[int, Meta(ge=2, le=90)] | None = None
    group_by: str | None = None

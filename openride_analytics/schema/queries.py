"""What a caller may ask, as it arrives: text is checked where it is understood (stats)."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from openride_analytics.schema.events import EVENT_TYPES

_EDGE: dict[str, Any] = {"anyOf": [{"format": "date"}, {"format": "date-time"}]}
First = Annotated[str, Meta(examples=["2026-10-01", "2026-10-01T08:00:00+01:00"], extra_json_schema=_EDGE)]
Last = Annotated[str, Meta(examples=["2026-10-31", "2026-10-31T20:00:00+01:00"], extra_json_schema=_EDGE)]
Zone = Annotated[str, Meta(examples=["Africa/Lagos", "UTC"], extra_json_schema={"format": "iana-time-zone"})]
# One text with commas between, which OpenAPI calls a list that is not exploded.
Steps = Annotated[
    str,
    Meta(
        examples=[["user.registered", "booking.created", "trip.completed"]],
        extra_json_schema={
            "items": {"type": "string", "enum": list(EVENT_TYPES)},
            "minItems": 2,
            "maxItems": 10,
        },
    ),
]


class Granularity(StrEnum):
    """How long the buckets of a series are. Weeks begin on Monday; all begin at local midnights."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


Since = Annotated[
    First | None,
    Meta(
        description="First day of the range, or the instant it begins. Default: the 30 days to end_date, "
        "or the longest range there may be."
    ),
]
Until = Annotated[
    Last | None,
    Meta(description="Last day of the range, inclusive; an instant is excluded. Default: today."),
]
InZone = Annotated[
    Zone | None,
    Meta(
        description="IANA name of the time zone that days, weeks and months are of. Default: the service's."
    ),
]
Buckets = Annotated[
    Granularity,
    Meta(description="How long the buckets of the time series are; weeks begin on Monday."),
]


class RangeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that all metrics share; None where the caller left one out."""

    start_date: Since = None
    end_date: Until = None
    timezone: InZone = None
    include_time_series: Annotated[bool, Meta(description="Also give the numbers bucket by bucket.")] = False
    granularity: Buckets = Granularity.DAILY


class WorkbookQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a workbook of metrics is asked over; it always has series."""

    start_date: Since = None
    end_date: Until = None
    timezone: InZone = None
    granularity: Buckets = Granularity.DAILY

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

    steps: Annotated[
        Steps | None,
        Meta(
            description="2 to 10 event types, with commas between. Default: user.registered, booking.created, "
            "payment.success, booking.confirmed, trip.completed. driver.location.updated is known as long as "
            "single events are kept, METRICS_RETENTION_DAYS."
        ),
    ] = None
    window_days: Annotated[
        int,
        Meta(
            ge=1,
            le=365,
            description="How many times 24 hours after their first step people have for all the others.",
        ),
    ] = 30
    breakdown: Annotated[
        Breakdown | None,
        Meta(description="Give the funnel also for each role, state or city that people registered with."),
    ] = None


class CohortQuery(RangeQuery, frozen=True, kw_only=True):
    """The range has no end here: `periods` says how far cohorts go, and how far they are followed."""

    cohort_type: Annotated[
        CohortType, Meta(description="How long the periods are: days, weeks (from Monday) or months.")
    ] = CohortType.WEEKLY
    periods: Annotated[
        int,
        Meta(
            ge=1, le=52, description="How many cohorts there are, and for how many periods each is followed."
        ),
    ] = 12


class RetentionQuery(RangeQuery, frozen=True, kw_only=True):
    """The range is that of the registrations."""

    user_type: Annotated[UserType, Meta(description="The role that people registered with.")] = UserType.ALL
    mode: Annotated[
        RetentionMode,
        Meta(description="Whether people have to act on the very day (exact), or on it or later (rolling)."),
    ] = RetentionMode.EXACT


class DriverSort(StrEnum):
    """What makes a driver come first: the most of it."""

    EARNINGS = "earnings"
    TRIPS = "trips"
    DISTANCE = "distance"


class DriversQuery(RangeQuery, frozen=True, kw_only=True):
    """Which drivers, and how many of them."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="How many to list at most.")] = 100
    sort: Annotated[DriverSort, Meta(description="What to list first: those with the most of it.")] = (
        DriverSort.EARNINGS
    )


class RouteSort(StrEnum):
    """What makes a route come first: the most of it."""

    BOOKINGS = "bookings"
    REVENUE = "revenue"
    OCCUPANCY = "occupancy"


class RoutesQuery(RangeQuery, frozen=True, kw_only=True):
    """Which routes, and how many of them."""

    limit: Annotated[int, Meta(ge=1, le=500, description="How many to list at most.")] = 50
    sort: Annotated[RouteSort, Meta(description="What to list first: those with the most of it.")] = (
        RouteSort.BOOKINGS
    )


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

    metric: Annotated[
        PlaceMetric,
        Meta(
            description="Bookings created, revenue in the default currency, people registered, or trips completed."
        ),
    ] = PlaceMetric.BOOKINGS
    level: Annotated[
        Level, Meta(description="How large the places are; a hex is an H3 cell of the pickup.")
    ] = Level.CITY
    resolution: Annotated[
        int,
        Meta(ge=4, le=9, description="H3 resolution of hexes; it has no meaning for states and cities."),
    ] = 7


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

    metric: Annotated[
        TrendMetric,
        Meta(
            description="What is counted or added up in each bucket: bookings are those created, payments those that "
            "succeeded, trips those completed; active users are people who acted."
        ),
    ] = TrendMetric.BOOKINGS
    compare: Annotated[
        Comparison | None, Meta(description="Also give the same over as many days just before.")
    ] = None
    moving_average: Annotated[
        Annotated[int, Meta(ge=2, le=90)] | None,
        Meta(description="Also give the mean over that many buckets, up to each one."),
    ] = None
    group_by: Annotated[
        Annotated[str, Meta(extra_json_schema={"enum": ["city", "payment_method", "state"]})] | None,
        Meta(
            description="state, city (of the route's origin; of registrations, as registered); payment_method of "
            "payments and revenue. Active users have no groups."
        ),
    ] = None

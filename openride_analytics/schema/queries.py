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

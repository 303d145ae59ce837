"""What a caller may ask, as it arrives: text is checked where it is understood (stats)."""

from enum import StrEnum

import msgspec


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

"""What questions about people answer: how far they go, whether they come back."""

from typing import Annotated

import msgspec
from msgspec import Meta

from openride_analytics.schema.results import Answer, Rate

Seconds = Annotated[float, Meta(ge=0)]


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: how many people reached it. Their median wait is None for the first, and where nobody came."""

    step_name: str  # "Booking created"
    step_number: int  # from 1
    event_type: str
    count: int
    conversion_rate: Rate | None  # of those of step 1
    drop_off_rate: Rate | None  # of those of the step before, who did not come here
    median_seconds_from_previous: Seconds | None


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """People who entered at the first step, and those of them who reached the last."""

    funnel_steps: list[FunnelStep]
    total_users_entered: int
    total_users_converted: int
    overall_conversion_rate: Rate | None


class FunnelPart(Funnel, frozen=True, kw_only=True):
    """The funnel of those who registered with one role, in one state or city; "Unknown" where that is not known."""

    value: str


class FunnelAnalytics(Answer, frozen=True, kw_only=True):
    """A funnel that begins in a range."""

    funnel_steps: list[FunnelStep]
    total_users_entered: int
    total_users_converted: int
    overall_conversion_rate: Rate | None
    breakdown: list[FunnelPart] | None = None  # where it was asked for; the largest first


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Who registered in a period, and how many percent of them acted in the k-th period after it."""

    cohort_period: str  # "2026-10-05", "2026-W41", "2026-10"
    cohort_size: int
    # "period_0", "period_1", ...; None for an empty cohort and for periods that are not over
    retention_by_period: dict[str, Rate | None]


class CohortAnalytics(Answer, frozen=True, kw_only=True):
    """Cohorts in a row; `date_range` goes from the first day of the first one to the last day of the last."""

    cohorts: list[Cohort]


class DayRetention(msgspec.Struct, frozen=True, kw_only=True):
    """Of the people whose day N is over, how many acted on it (or, if rolling, later)."""

    eligible_users: int
    retained_users: int
    retention_rate: Rate | None


class RetentionAnalytics(Answer, frozen=True, kw_only=True):
    """People who registered in a range, 1, 7 and 30 local days later."""

    total_users: int
    d1: DayRetention
    d7: DayRetention
    d30: DayRetention

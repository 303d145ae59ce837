"""What questions about people answer: how far they go, whether they come back."""

from typing import Annotated

import msgspec
from msgspec import Meta

from openride_analytics.schema.results import Answer, Rate, about

Seconds = Annotated[float, Meta(ge=0)]


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: how many people reached it. Their median wait is None for the first, and where nobody came."""

    step_name: Annotated[str, about('as in "Booking created"')]
    step_number: Annotated[int, about("from 1")]
    event_type: str
    count: Annotated[int, about("people who reached it")]
    conversion_rate: Annotated[Rate | None, about("of those of step 1")]
    drop_off_rate: Annotated[Rate | None, about("of those of the step before: did not come here")]
    median_seconds_from_previous: Annotated[
        Seconds | None, about("the element at index floor(n / 2) of the n sorted waits; null for step 1")
    ]


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """People who entered at the first step, and those of them who reached the last."""

    funnel_steps: list[FunnelStep]
    total_users_entered: int
    total_users_converted: int
    overall_conversion_rate: Annotated[Rate | None, about("of those who entered: reached the last step")]


class FunnelPart(Funnel, frozen=True, kw_only=True):
    """The funnel of those who registered with one role, in one state or city; "Unknown" where that is not known."""

    value: Annotated[str, about('a role, state or city, or "Unknown"')]


class FunnelAnalytics(Answer, frozen=True, kw_only=True):
    """A funnel that begins in a range."""

    funnel_steps: list[FunnelStep]
    total_users_entered: Annotated[int, about("people with the first step in the range")]
    total_users_converted: Annotated[int, about("those of them who reached the last step in time")]
    overall_conversion_rate: Annotated[Rate | None, about("of those who entered: reached the last step")]
    breakdown: Annotated[list[FunnelPart] | None, about("only where it was asked for; the largest first")] = (
        None
    )


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Who registered in a period, and how many percent of them acted in the k-th period after it."""

    cohort_period: Annotated[str, about('as in "2026-10-05", "2026-W41", "2026-10"')]
    cohort_size: Annotated[int, about("people who registered in it")]
    retention_by_period: Annotated[
        dict[str, Rate | None],
        about(
            '"period_0", "period_1", ...: percent who acted in the k-th period after; null for an empty cohort '
            "and for periods that are not over"
        ),
    ]


class CohortAnalytics(Answer, frozen=True, kw_only=True):
    """Cohorts in a row; `date_range` goes from the first day of the first one to the last day of the last."""

    cohorts: list[Cohort]


class DayRetention(msgspec.Struct, frozen=True, kw_only=True):
    """Of the people whose day N is over, how many acted on it (or, if rolling, later)."""

    eligible_users: Annotated[int, about("people whose day N after registering is completely over")]
    retained_users: Annotated[int, about("of those: who acted on day N, or, if rolling, on it or later")]
    retention_rate: Annotated[Rate | None, about("retained of eligible")]


class RetentionAnalytics(Answer, frozen=True, kw_only=True):
    """People who registered in a range, 1, 7 and 30 local days later."""

    total_users: Annotated[int, about("people who registered in the range")]
    d1: DayRetention
    d7: DayRetention
    d30: DayRetention

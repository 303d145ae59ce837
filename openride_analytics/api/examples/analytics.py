"""Examples of what `/v1/analytics/...` answers."""

from datetime import UTC, datetime
from typing import Final

from openride_analytics.schema import people
from openride_analytics.schema.analytics import (
    Geography,
    Place,
    PreviousPeriod,
    Trend,
    TrendPoint,
    TrendTotals,
)
from openride_analytics.schema.queries import Granularity, Level, PlaceMetric, TrendMetric

_DAYS: Final = "2026-10-01 to 2026-10-31"
_ZONE: Final = "Africa/Lagos"
_AT: Final = datetime(2026, 11, 24, 5, 0, 18, 562195, UTC)

FUNNEL: Final = people.FunnelAnalytics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    funnel_steps=[
        people.FunnelStep(
            step_name="User registered",
            step_number=1,
            event_type="user.registered",
            count=400,
            conversion_rate=100.0,
            drop_off_rate=0.0,
            median_seconds_from_previous=None,
        ),
        people.FunnelStep(
            step_name="Booking created",
            step_number=2,
            event_type="booking.created",
            count=250,
            conversion_rate=62.5,
            drop_off_rate=37.5,
            median_seconds_from_previous=91842.5,
        ),
    ],
    total_users_entered=400,
    total_users_converted=250,
    overall_conversion_rate=62.5,
)

COHORT: Final = people.CohortAnalytics(
    date_range="2026-10-05 to 2026-10-18",
    timezone=_ZONE,
    generated_at=_AT,
    cohorts=[
        people.Cohort(
            cohort_period="2026-W41",
            cohort_size=120,
            retention_by_period={"period_0": 100.0, "period_1": 45.83},
        ),
        people.Cohort(
            cohort_period="2026-W42",
            cohort_size=98,
            retention_by_period={"period_0": 100.0, "period_1": None},
        ),
    ],
)

RETENTION: Final = people.RetentionAnalytics(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    total_users=400,
    d1=people.DayRetention(eligible_users=400, retained_users=152, retention_rate=38.0),
    d7=people.DayRetention(eligible_users=400, retained_users=97, retention_rate=24.25),
    d30=people.DayRetention(eligible_users=310, retained_users=44, retention_rate=14.19),
)

GEOGRAPHIC: Final = Geography(
    date_range=_DAYS,
    timezone=_ZONE,
    generated_at=_AT,
    metric=PlaceMetric.BOOKINGS,
    level=Level.CITY,
    data_points=[
        Place(state="Lagos", city="Ikeja", value=512.0),
        Place(state="Unknown", city="Unknown", value=3.0),
    ],
    total_value=515.0,
)

TRENDS: Final = Trend(
    date_range="2026-10-01 to 2026-10-02",
    timezone=_ZONE,
    generated_at=_AT,
    metric=TrendMetric.REVENUE,
    granularity=Granularity.DAILY,
    data_points=[
        TrendPoint(timestamp="2026-10-01T00:00:00+01:00", value=410250.0),
        TrendPoint(timestamp="2026-10-02T00:00:00+01:00", value=0.0),
    ],
    totals=TrendTotals(value=410250.0),
    previous_period=PreviousPeriod(
        date_range="2026-09-29 to 2026-09-30",
        data_points=[
            TrendPoint(timestamp="2026-09-29T00:00:00+01:00", value=372100.5),
            TrendPoint(timestamp="2026-09-30T00:00:00+01:00", value=398400.0),
        ],
        totals=TrendTotals(value=770500.5),
    ),
)

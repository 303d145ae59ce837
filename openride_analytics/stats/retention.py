"""Retention: of those who registered, how many act 1, 7 and 30 local days later."""

from typing import Any, Final

from openride_analytics.schema.people import DayRetention, RetentionAnalytics
from openride_analytics.schema.queries import RetentionMode, UserType
from openride_analytics.stats.numbers import rate
from openride_analytics.stats.periods import day_start, days_from, today
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

EARLIER: Final = Earlier(ever=("user.registered",))  # who did so before is not new in the range
LAST_DAY: Final = 30  # the latest that is asked about


async def retention(
    clickhouse: ClickHouse, question: Question, *, user_type: UserType, mode: RetentionMode
) -> RetentionAnalytics:
    """Of the people whose first registration is in the question's range. Raises Retryable."""
    period = question.period
    # The days of registration, then those on which the last of them may act, and the end of the latest.
    days = days_from(period.first_day, (period.last_day - period.first_day).days + LAST_DAY + 2)
    edges = [day_start(day, period.zone) for day in days]
    block = await clickhouse.select(
        statement("analytics/retention"),
        {
            "since": period.since,
            "until": period.until,
            "role": "" if user_type is UserType.ALL else user_type.upper(),
            "edges": [int(edge.timestamp()) for edge in edges],
            "acted_since": edges[1],
            "acted_until": edges[-1],
            "today": int(day_start(today(question.asked_at, period.zone), period.zone).timestamp()),
            "rolling": int(mode is RetentionMode.ROLLING),
        },
        name="analytics/retention",
    )
    return _shape(question, block.one())


def _shape(question: Question, row: dict[str, Any]) -> RetentionAnalytics:
    return RetentionAnalytics(
        **question.heading,
        total_users=row["people"],
        d1=_day(row["eligible_d1"], row["retained_d1"]),
        d7=_day(row["eligible_d7"], row["retained_d7"]),
        d30=_day(row["eligible_d30"], row["retained_d30"]),
    )


def _day(eligible: int, retained: int) -> DayRetention:
    return DayRetention(
        eligible_users=eligible, retained_users=retained, retention_rate=rate(retained, eligible)
    )

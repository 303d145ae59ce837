"""People: how many act, how many register, how far drivers have come."""

from typing import Any, Final

from openride_analytics.schema.events import types_of
from openride_analytics.schema.results import UserMetrics, UserPoint
from openride_analytics.stats.numbers import rate
from openride_analytics.stats.periods import Period, last_days
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.stats.series import Parts, Row, parts, series
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

WEEK: Final = 7
MONTH: Final = 30  # days, whatever the calendar's month
EARLIER: Final = Earlier(days=MONTH, ever=types_of("user", "route"))


async def users(clickhouse: ClickHouse, question: Question) -> UserMetrics:
    """People in the question's range. Raises Retryable."""
    active, people, found = await together(
        _active(clickhouse, question.period),
        _people(clickhouse, question.period),
        _buckets(clickhouse, question),
    )
    return _shape(question, active | people, series(question, found, _point, _EMPTY))


async def _active(clickhouse: ClickHouse, period: Period) -> dict[str, Any]:
    lately = {
        "until": period.until,
        "day": last_days(period, 1),
        "week": last_days(period, WEEK),
        "month": last_days(period, MONTH),
    }
    name = "metrics/users_active"
    return (await clickhouse.select(statement(name), lately, name=name)).one()


async def _people(clickhouse: ClickHouse, period: Period) -> dict[str, Any]:
    name, asked = "metrics/users", {"since": period.since, "until": period.until}
    return (await clickhouse.select(statement(name), asked, name=name)).one()


async def _buckets(clickhouse: ClickHouse, question: Question) -> Parts:
    """Nothing where no series is asked for: it would take as long as the totals."""
    return await parts(clickhouse, question, "metrics/users_series") if question.series else {}


_EMPTY: Row = {"new_registrations": 0, "active_users": 0}


def _point(timestamp: str, row: Row) -> UserPoint:
    return UserPoint(
        timestamp=timestamp,
        new_registrations=row["new_registrations"],
        active_users=row["active_users"],
    )


def _shape(question: Question, row: dict[str, Any], points: list[UserPoint] | None) -> UserMetrics:
    return UserMetrics(
        **question.heading,
        dau=row["dau"],
        wau=row["wau"],
        mau=row["mau"],
        stickiness=rate(row["dau"], row["mau"]),
        new_registrations=row["new_registrations"],
        total_users=row["total_users"],
        kyc_completion_rate=rate(row["verified"], row["drivers"]),
        driver_activation_rate=rate(row["on_road"], row["drivers"]),
        time_series=points,
    )

"""From what was asked to what is computed: defaults filled in, text understood, limits checked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from openride_analytics.schema.queries import Granularity, RangeQuery
from openride_analytics.settings import Api
from openride_analytics.stats.periods import Period, last_days, period, previous, zone


@dataclass(frozen=True)
class Earlier:
    """What an answer reads from before its range: the local `days` that end with it; the period before, if it is
    `compared` with that; and of any time, what is of the types `ever`."""

    days: int = 0
    compared: bool = False
    ever: tuple[str, ...] = ()

    def since(self, asked: Period) -> datetime:
        """From when on it reads everything."""
        begins = previous(asked).since if self.compared else asked.since
        return min(begins, last_days(asked, self.days))


class Heading(TypedDict):
    """What every answer about a range begins with."""

    date_range: str
    timezone: str
    generated_at: datetime


@dataclass(frozen=True)
class Question:
    """A metric over a range. `series` is None where no time series was asked for."""

    period: Period
    series: Granularity | None
    currency: str
    asked_at: datetime

    @property
    def heading(self) -> Heading:
        return {
            "date_range": self.period.label,
            "timezone": self.period.zone.key,
            "generated_at": self.asked_at.astimezone(UTC),
        }


def understand(query: RangeQuery, *, api: Api, now: datetime) -> Question:
    """Raises Invalid, naming the parameter."""
    chosen = zone(query.timezone if query.timezone is not None else api.analytics_timezone)
    return Question(
        period(query.start_date, query.end_date, zone=chosen, now=now, max_days=api.max_range_days),
        query.granularity if query.include_time_series else None,
        api.default_currency,
        now,
    )

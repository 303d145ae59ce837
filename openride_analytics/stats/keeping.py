"""Under which name answers are kept, for how long, and when one that is kept no longer holds.

A range that is not over yet is answered anew after CACHE_TTL_METRICS. What is over changes only by what comes late,
so its answer lives for CACHE_TTL_REPORTS, and with it is kept how many events were stored of what it reads, up to the
end of the range: it holds as long as these are as many. That number is not part of the name, so that it can be looked
up while an answer of which nothing is kept is computed. What happened after that end (a booking cancelled, a payment
refunded) is not in it: such an answer may be CACHE_TTL_REPORTS old.

An INSERT fills one table after the other, so (and because it is looked up meanwhile) the number may be ahead of what an
answer was computed from: as long as it is not known to have stayed the same for a while, the answer lives for
CACHE_TTL_METRICS at most.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

from openride_analytics.clock import Clock
from openride_analytics.settings import Redis
from openride_analytics.stats.periods import Period, today
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

# How long the number of events of a range is taken to be what it was.
LOOK_SECONDS: Final = 1.0
# How long after a change of that number the last table of an INSERT may still lack what the first one has.
SETTLE_SECONDS: Final = 60.0

_MOST_RANGES: Final = 1_000
_RELEASE: Final = version("openride-analytics")


@dataclass(frozen=True)
class Stored:
    """How many events are stored of what an answer reads, None if that does not matter; and for how many seconds the
    answer may be kept."""

    events: int | None
    seconds: int


@dataclass(frozen=True)
class Keeping:
    """The name of an answer, which says all that decides it but what is `stored`. To look that up raises Retryable."""

    name: str
    stored: Callable[[], Coroutine[Any, Any, Stored]]


@dataclass(frozen=True)
class _Version:
    """How many events there were, when that was looked up last, and when first it was so many."""

    events: int
    looked: float
    first: float


class Keeper:
    """Decides how answers are kept."""

    def __init__(self, clickhouse: ClickHouse, settings: Redis, clock: Clock) -> None:
        self._clickhouse = clickhouse
        self._settings = settings
        self._clock = clock
        self._versions: dict[tuple[datetime, datetime, tuple[str, ...]], _Version] = {}

    def keeping(
        self, name: str, question: Question, options: Mapping[str, object], earlier: Earlier
    ) -> Keeping:
        """`name`: of the resource; `options`: what was asked beside the range, defaults filled in; `earlier`: what the
        answer reads from before it."""
        period = question.period
        known = {
            "since": period.since,
            "until": period.until,
            "zone": period.zone.key,
            "today": today(question.asked_at, period.zone),
            "currency": question.currency,
            "options": options,
        }
        if period.until > question.asked_at:
            return self.changing(name, known)
        return Keeping(_name(name, known), lambda: self._stored(period, earlier))

    def changing(self, name: str, known: Mapping[str, object]) -> Keeping:
        """Of an answer that `known` decides, and that goes on changing."""

        async def stored() -> Stored:
            return Stored(None, self._settings.cache_ttl_metrics)

        return Keeping(_name(name, known), stored)

    async def _stored(self, period: Period, earlier: Earlier) -> Stored:
        version = await self._version(period, earlier)
        seconds = self._settings.cache_ttl_reports
        if version.looked - version.first < SETTLE_SECONDS:
            seconds = min(seconds, self._settings.cache_ttl_metrics)
        return Stored(version.events, seconds)

    async def _version(self, period: Period, earlier: Earlier) -> _Version:
        since = earlier.since(period)
        of = since, period.until, earlier.ever
        now, known = self._clock.monotonic(), self._versions.get(of)
        if known is not None and now - known.looked < LOOK_SECONDS:
            return known
        block = await self._clickhouse.select(
            statement("metrics/version"),
            {"since": since, "until": period.until, "ever": earlier.ever},
            name="metrics/version",
        )
        events = int(block.one()["version"])
        known = self._versions.get(of)
        if len(self._versions) >= _MOST_RANGES:
            self._versions.clear()
        first = known.first if known is not None and known.events == events else now
        self._versions[of] = _Version(events, now, first)
        return self._versions[of]


def _name(name: str, known: Mapping[str, object]) -> str:
    return msgspec.json.encode([_RELEASE, name, known], order="deterministic").decode()

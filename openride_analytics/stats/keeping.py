"""Under which name answers are kept, for how long, and when one that is kept no longer holds.

A range that is not over yet is answered anew after CACHE_TTL_METRICS. What is over changes only by what comes late,
so its answer lives for CACHE_TTL_REPORTS, and with it is kept how many events were stored of what it reads, up to the
end of the range: it holds as long as these are as many. That number is not part of the name, so that it can be looked
up while an answer of which nothing is kept is computed. What happened after that end (a booking cancelled, a payment
refunded) is not in it: such an answer may be CACHE_TTL_REPORTS old.

The database is part of the name: services that read different ones may share a Redis.

An INSERT fills one table after the other, so (and because it is looked up meanwhile) the number may be ahead of what an
answer was computed from: as long as it is not known to have stayed the same for a while, the answer lives for
CACHE_TTL_METRICS at most.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

from openride_analytics.clock import Clock
from openride_analytics.settings import Settings
from openride_analytics.stats.periods import Period, today
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.flights import Flights
from openride_analytics.store.sql import statement

# How long the numbers of events of a range are taken to be what they were: for all questions about it, as they come
# together where a dashboard is opened.
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
class _Counts:
    """How many events there were: all that an answer reads from, and of each type those before; when that was looked up
    last, and when first it was the same."""

    since: int
    before: Mapping[str, int]
    looked: float
    first: float

    def of(self, ever: Collection[str]) -> int:
        return self.since + sum(self.before.get(event_type, 0) for event_type in ever)


class Keeper:
    """Decides how answers are kept."""

    def __init__(self, clickhouse: ClickHouse, settings: Settings, clock: Clock) -> None:
        self._clickhouse = clickhouse
        self._settings = settings.redis
        read = settings.clickhouse
        self._database = (read.host, read.port, read.database)
        self._clock = clock
        self._counts: dict[tuple[datetime, datetime], _Counts] = {}
        self._looking: Flights[_Counts] = Flights()

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
        return Keeping(self._name(name, known), lambda: self._stored(period, earlier))

    def changing(self, name: str, known: Mapping[str, object]) -> Keeping:
        """Of an answer that `known` decides, and that goes on changing."""

        async def stored() -> Stored:
            return Stored(None, self._settings.cache_ttl_metrics)

        return Keeping(self._name(name, known), stored)

    def _name(self, name: str, known: Mapping[str, object]) -> str:
        return msgspec.json.encode([_RELEASE, self._database, name, known], order="deterministic").decode()

    async def _stored(self, period: Period, earlier: Earlier) -> Stored:
        counts = await self._look(earlier.since(period), period.until)
        seconds = self._settings.cache_ttl_reports
        if counts.looked - counts.first < SETTLE_SECONDS:
            seconds = min(seconds, self._settings.cache_ttl_metrics)
        return Stored(counts.of(earlier.ever), seconds)

    async def _look(self, since: datetime, until: datetime) -> _Counts:
        known = self._counts.get((since, until))
        if known is not None and self._clock.monotonic() - known.looked < LOOK_SECONDS:
            return known
        return await self._looking.join((since, until), lambda: self._count(since, until))

    async def _count(self, since: datetime, until: datetime) -> _Counts:
        now = self._clock.monotonic()
        block = await self._clickhouse.select(
            statement("metrics/stored"), {"since": since, "until": until}, name="metrics/stored"
        )
        rows = block.dicts()
        inside = sum(int(row["events"]) for row in rows if row["inside"])
        before = {row["event_type"]: int(row["events"]) for row in rows if not row["inside"]}
        known = self._counts.get((since, until))
        same = known is not None and (known.since, known.before) == (inside, before)
        if len(self._counts) >= _MOST_RANGES:
            self._counts.clear()
        counts = _Counts(inside, before, now, known.first if known is not None and same else now)
        self._counts[since, until] = counts
        return counts

"""Which answers may be kept, under which name, and for how long.

A range that is not over yet is answered anew after CACHE_TTL_METRICS. What is over changes only by what comes late,
so its answer lives for CACHE_TTL_REPORTS, under a name that has in it how many events are stored of what the answer
reads, up to the end of the range: one that comes late makes it another name. What happened after that end (a booking
cancelled, a payment refunded) is not in that number: such an answer may be CACHE_TTL_REPORTS old.

An INSERT fills one table after the other, so the number may be ahead of the tables that an answer is computed from: as
long as it is not known to have stayed the same for a while, the answer lives for CACHE_TTL_METRICS at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final

import msgspec

from openride_analytics.clock import Clock
from openride_analytics.settings import Redis
from openride_analytics.stats.periods import today
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
class Keeping:
    """The name of an answer, which says all that decides it, and how many seconds it may be kept."""

    name: str
    seconds: int


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

    async def keeping(
        self, name: str, question: Question, options: Mapping[str, object], earlier: Earlier
    ) -> Keeping:
        """`name`: of the resource; `options`: what was asked beside the range, defaults filled in; `earlier`: what the
        answer reads from before it. Raises Retryable."""
        period, settings = question.period, self._settings
        version = await self._version(question, earlier) if period.until <= question.asked_at else None
        known = {
            "since": period.since,
            "until": period.until,
            "zone": period.zone.key,
            "today": today(question.asked_at, period.zone),
            "currency": question.currency,
            "options": options,
            "stored": version.events if version is not None else None,
        }
        if version is None:
            return Keeping(_name(name, known), settings.cache_ttl_metrics)
        settled = version.looked - version.first >= SETTLE_SECONDS
        seconds = settings.cache_ttl_reports
        return Keeping(_name(name, known), seconds if settled else min(seconds, settings.cache_ttl_metrics))

    def changing(self, name: str, known: Mapping[str, object]) -> Keeping:
        """Of an answer that `known` decides, and that goes on changing."""
        return Keeping(_name(name, known), self._settings.cache_ttl_metrics)

    async def _version(self, question: Question, earlier: Earlier) -> _Version:
        period = question.period
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

"""Which answers may be kept, under which name, and for how long.

A range that is not over yet is answered anew after CACHE_TTL_METRICS. What is over changes only by what comes late,
so its answer lives for CACHE_TTL_REPORTS, under a name that has the number of events stored of the range in it: one
that comes late makes it another name. What became later of those who are counted in the range (a booking cancelled,
a payment refunded after its end) is not in that number: such an answer may be CACHE_TTL_REPORTS old.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final

import msgspec

from openride_analytics.clock import Clock
from openride_analytics.settings import Redis
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

# How long the number of events of a range is taken to be what it was.
LOOK_SECONDS: Final = 1.0

_MOST_RANGES: Final = 1_000
_RELEASE: Final = version("openride-analytics")


@dataclass(frozen=True)
class Keeping:
    """The name of an answer, which says all that decides it, and how many seconds it may be kept."""

    name: str
    seconds: int


class Keeper:
    """Decides how answers are kept."""

    def __init__(self, clickhouse: ClickHouse, settings: Redis, clock: Clock) -> None:
        self._clickhouse = clickhouse
        self._settings = settings
        self._clock = clock
        self._versions: dict[tuple[datetime, datetime], tuple[float, int]] = {}

    async def keeping(self, name: str, question: Question, options: Mapping[str, object]) -> Keeping:
        """`name`: of the resource; `options`: what was asked beside the range, defaults filled in. Raises
        Retryable."""
        period = question.period
        over = period.until <= question.asked_at
        known = {
            "since": period.since,
            "until": period.until,
            "zone": period.zone.key,
            "currency": question.currency,
            "options": options,
            "stored": await self._version(period.since, period.until) if over else None,
        }
        seconds = self._settings.cache_ttl_reports if over else self._settings.cache_ttl_metrics
        return Keeping(_name(name, known), seconds)

    def changing(self, name: str, known: Mapping[str, object]) -> Keeping:
        """Of an answer that `known` decides, and that goes on changing."""
        return Keeping(_name(name, known), self._settings.cache_ttl_metrics)

    async def _version(self, since: datetime, until: datetime) -> int:
        looked, found = self._versions.get((since, until), (-LOOK_SECONDS, 0))
        now = self._clock.monotonic()
        if now - looked < LOOK_SECONDS:
            return found
        block = await self._clickhouse.select(
            statement("metrics/version"),
            {"since": since, "until": until},
            name="metrics/version",
        )
        if len(self._versions) >= _MOST_RANGES:
            self._versions.clear()
        self._versions[since, until] = (now, int(block.one()["version"]))
        return self._versions[since, until][1]


def _name(name: str, known: Mapping[str, object]) -> str:
    return msgspec.json.encode([_RELEASE, name, known], order="deterministic").decode()

"""What dashboards ask, as paths of the API; and the same as the SQL that the service makes of it."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from openride_analytics.store.binding import bind
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock
from openride_analytics.store.wire import Settings
from tests.support.api import resources, serving

METRIC_MS = 100  # of a range of 30 days, at ten million events; twice as long of 90 days
JOURNEY_MS = 300  # funnel, cohort, retention: likewise

_METRICS = ("users", "bookings", "payments", "trips", "drivers", "routes")
_SERIES = ("users", "bookings", "payments", "trips")
_TRENDS = ("bookings", "confirmed_bookings", "payments", "trips", "registrations", "revenue", "active_users")
_PLACES = ("bookings", "revenue", "users", "trips")


@dataclass(frozen=True)
class Asked:
    """A question without its range, and what its 95th percentile should be below."""

    name: str
    path: str
    options: tuple[tuple[str, str], ...]
    goal_ms: int

    def url(self, since: datetime, until: datetime, zone: str) -> str:
        """Of the range [since, until)."""
        edges = {"start_date": since.isoformat(), "end_date": until.isoformat(), "timezone": zone}
        return f"{self.path}?{urlencode(edges | dict(self.options))}"


def _of(kind: str, resource: str, goal_ms: int = METRIC_MS, **options: str) -> Asked:
    name = " ".join([resource, *(f"{key}={value}" for key, value in options.items())])
    return Asked(name, f"/v1/{kind}/{resource}", tuple(options.items()), goal_ms)


QUESTIONS = (
    *(_of("metrics", name) for name in _METRICS),
    *(_of("metrics", name, include_time_series="true") for name in _SERIES),
    _of("metrics", "routes", sort="occupancy"),
    *(_of("analytics", "trends", metric=metric) for metric in _TRENDS),
    _of("analytics", "trends", metric="bookings", granularity="hourly"),
    _of("analytics", "trends", metric="bookings", compare="previous_period"),
    _of("analytics", "trends", metric="trips", group_by="state"),
    _of("analytics", "trends", metric="revenue", group_by="payment_method"),
    _of("analytics", "trends", metric="revenue", group_by="city"),
    *(_of("analytics", "geographic", metric=metric) for metric in _PLACES),
    *(_of("analytics", "geographic", metric=metric, level="hex") for metric in ("bookings", "trips")),
    _of("analytics", "funnel", JOURNEY_MS),
    _of("analytics", "funnel", JOURNEY_MS, breakdown="state"),
    _of("analytics", "cohort", JOURNEY_MS),
    _of("analytics", "cohort", JOURNEY_MS, cohort_type="daily", periods="30"),
    _of("analytics", "retention", JOURNEY_MS),
    _of("analytics", "retention", JOURNEY_MS, mode="rolling"),
)

FEW = tuple(
    question
    for question in QUESTIONS
    if question.name
    in (
        *("users", "bookings", "payments", "drivers", "routes", "funnel"),
        "trends metric=bookings",
        "trends metric=revenue group_by=city",
    )
)
"""One of each kind: for when there is time for no more."""


def ranges(now: datetime, days: int, count: int) -> Iterator[tuple[datetime, datetime, str]]:
    """`count` (at most 27) different ranges of so many days, each in a time zone of its own: none is answered from the
    cache. In turn they end within the next hour, and are over since an hour: of these the service looks up, too, how
    much is stored."""
    for n in range(count):
        until = now + timedelta(hours=-1 if n % 2 else 1, seconds=n)
        yield until - timedelta(days=days), until, f"Etc/GMT{n - 14:+d}"


class Recording(ClickHouse):
    """A client that remembers what it asked, its copies too."""

    asked: ClassVar[list[str]] = []

    async def _query(
        self, sql: str, *, timeout: float, name: str, limits: Settings
    ) -> tuple[tuple[str, ...], tuple[str, ...], list[list[object]]]:
        if name != "metrics/stored":  # that is of keeping an answer, not of computing it
            Recording.asked.append(sql)
        return await super()._query(sql, timeout=timeout, name=name, limits=limits)

    async def stream(
        self, sql: str, params: Mapping[str, object] | None = None, **options: Any
    ) -> AsyncGenerator[RawBlock, None]:
        Recording.asked.append(bind(sql, params or {}))
        async with aclosing(super().stream(sql, params, **options)) as blocks:
            async for block in blocks:
                yield block


async def statements(environ: dict[str, str], urls: list[str]) -> list[list[str]]:
    """The statements that answer each of the URLs, values and all."""
    found = []
    async with resources(environ, clickhouse=Recording) as given, serving(given) as served:
        for url in urls:
            Recording.asked.clear()
            (await served.get(url)).raise_for_status()
            found.append([*Recording.asked])
    return found

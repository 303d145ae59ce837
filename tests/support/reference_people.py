"""What metrics of users, payments and trips are checked against: events counted in Python, one at a time.

And the events: over 40 days around a month in which clocks change, repeated, out of order, in the same
millisecond, and on the edges of ranges.
"""

import asyncio
import random
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.queries import Granularity
from openride_analytics.settings import Settings
from openride_analytics.stats.periods import period
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.events import example
from tests.support.warehouse import Event, prepared

NOW: Final = datetime.now(UTC)
# A month in which New York's clocks change, at a time of year when it is in the past and events of it are kept.
FIRST: Final = date(NOW.year - 1, 10, 15)
LAST: Final = FIRST + timedelta(days=24)
ZONES: Final = ("Africa/Lagos", "UTC", "Asia/Kathmandu", "America/New_York")
LAYOUTS: Final = ("as stored", "merged")

_MILLISECOND: Final = timedelta(milliseconds=1)
_TABLES: Final = (
    "daily_user_metrics",
    "daily_payment_metrics",
    "daily_trip_metrics",
    "route_history",
    "actor_activity",
)


class Chance:
    """Events by seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def some_id(self) -> str:
        """A UUID, with a first digit from 0 to f: UUIDs do not sort by it in ClickHouse."""
        return str(UUID(int=self.rng.getrandbits(128)))

    def moment(self) -> datetime:
        """Some time; often on a quarter hour, or on the edge of a local day or a millisecond off it."""
        start = datetime.combine(FIRST - timedelta(days=8), time(), UTC)
        at = start + timedelta(milliseconds=self.rng.randrange(40 * 86_400_000))
        draw = self.rng.random()
        if draw < 0.15:
            at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        elif draw < 0.4:
            day = self.rng.choice((FIRST, LAST, LAST + timedelta(days=1), at.date()))
            edge = datetime.combine(day, time(), ZoneInfo(self.rng.choice(ZONES)))
            at = edge.astimezone(UTC) + self.rng.choice((-_MILLISECOND, timedelta(), _MILLISECOND))
        return at

    def later(self, at: datetime) -> datetime:
        """When the next event of the same thing is: at the same time, soon, much later, or before."""
        return at + self.rng.choice(
            (
                timedelta(0),
                timedelta(0),
                _MILLISECOND,
                timedelta(hours=7),
                timedelta(days=9),
                -timedelta(days=2),
            )
        )

    def times(self) -> range:
        """How often an event happens that ought to happen once."""
        return range(self.rng.choice((0, 1, 1, 1, 1, 2, 3)))

    def amount(self) -> str:
        """Money, now and then nothing."""
        return str(Decimal(self.rng.choice((0, *(self.rng.randrange(10_000_000) for _ in range(9))))) / 100)

    def event(self, event_type: str, at: datetime, **fields: Any) -> dict[str, Any]:
        """A valid event with an id of its own."""
        some = example(event_type, seed=self.rng.getrandbits(64), **fields)
        return some | {"event_id": self.some_id(), "event_timestamp": at}

    def delivered(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The events in no order, and a tenth of them once more, at another offset."""
        arriving = events + self.rng.sample(events, len(events) // 10)
        self.rng.shuffle(arriving)
        return arriving


def unique(events: Iterable[Event]) -> list[Event]:
    """Each event once, in the order that 'first' and 'latest' are of."""
    once = {event["event_id"]: event for event in events}.values()
    return sorted(once, key=lambda event: (event["event_timestamp"], event["event_id"]))


def between(events: Iterable[Event], since: datetime, until: datetime) -> list[Event]:
    """Those in the range."""
    return [event for event in events if since <= event["event_timestamp"] < until]


def first(events: Iterable[Event], event_type: str, key: str) -> dict[str, Event]:
    """The first event of that type of each entity, of events in order."""
    found: dict[str, Event] = {}
    for event in events:
        if event["event_type"] == event_type:
            found.setdefault(event[key], event)
    return found


def percent(part: int, whole: int) -> float | None:
    """A rate."""
    return round(100 * part / whole, 2) if whole else None


def average(values: Sequence[float]) -> float | None:
    """A mean."""
    return round(sum(values) / len(values), 2) if values else None


def total(amounts: Iterable[str]) -> Decimal:
    """Money added up."""
    return sum(map(Decimal, amounts), Decimal(0))


def cents(amount: Decimal) -> str:
    """Money as it is answered."""
    return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP))


def ask(
    start: date | datetime, end: date | datetime, zone: str, series: Granularity | None = None
) -> Question:
    """What a caller asks, in NGN."""
    asked = period(start.isoformat(), end.isoformat(), zone=ZoneInfo(zone), now=NOW, max_days=400)
    return Question(asked, series, "NGN", NOW)


def month(zone: str, series: Granularity | None = None) -> Question:
    """The 25 days that the events are about."""
    return ask(FIRST, LAST, zone, series)


def instants(events: Sequence[Event], seed: int) -> Question:
    """A range that begins on an event and ends on another."""
    edges = random.Random(seed).sample([event["event_timestamp"] for event in events], 2)
    return ask(min(edges), max(edges), "Asia/Kathmandu")


def totals_of(answer: object) -> dict[str, Any]:
    """The numbers of an answer, without its series."""
    fields = msgspec.to_builtins(answer)
    for name in ("date_range", "timezone", "generated_at", "time_series"):
        del fields[name]
    return dict(fields)


def split(
    answer: Any, until: datetime, events: Iterable[Event]
) -> Iterator[tuple[datetime, datetime, list[Event], dict[str, Any]]]:
    """Where each bucket of an answer begins and ends, the events in it, and its numbers."""
    ordered = unique(events)
    points = msgspec.to_builtins(answer.time_series)
    begins = [datetime.fromisoformat(point.pop("timestamp")) for point in points]
    edges = [*begins, until]
    cuts = [bisect_left(ordered, edge, key=lambda event: event["event_timestamp"]) for edge in edges]
    parts = [ordered[low:high] for low, high in pairwise(cuts)]
    return zip(begins, edges[1:], parts, points, strict=True)


def filled_with(server: EmbeddedClickHouse, name: str, layout: str, events: Sequence[Event]) -> Settings:
    """A database with the events in two batches: what is repeated is mostly in both, and merged or not yet."""
    half = len(events) // 2
    settings = prepared(server, f"{name}_{layout.replace(' ', '_')}", events[:half], events[half:])
    if layout == "as stored":
        return settings

    async def merge() -> None:
        async with opened(settings) as client:
            for table in _TABLES:
                await client.execute(f"OPTIMIZE TABLE {table} FINAL")

    asyncio.run(merge())
    return settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[ClickHouse]:
    """A client on a database."""
    client = ClickHouse(settings.clickhouse)
    await client.open()
    try:
        yield client
    finally:
        await client.close()

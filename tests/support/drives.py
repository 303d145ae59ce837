"""A month of rides by seed, with every awkward case, and a warehouse that has them: as stored, and merged."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from openride_analytics import settings as tree
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.stats.periods import period
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.events import example
from tests.support.warehouse import prepared, store

NOW = datetime.now(UTC)
# A month in which New York's clocks change, at a time of year when it is in the past and events of it are kept.
FIRST = date(NOW.year - 1, 10, 15)
LAST = FIRST + timedelta(days=24)
ZONES = ["Africa/Lagos", "UTC", "Asia/Kathmandu", "America/New_York"]
# Far from one another, and each a good way inside one cell of any resolution.
PICKUPS = [(55.676, 12.568), (6.5244, 3.3792), (9.0765, 7.3986), (7.3775, 3.947)]
CITIES = [("Lagos", "Ikeja"), ("Lagos", "Epe"), ("Oyo", "Ibadan"), ("Ogun", "Epe")]

Event = dict[str, Any]


class Generator:
    """Rides over 40 days: steps missing, repeated (with other values), in one millisecond, on edges of days."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.events: list[Event] = []
        self.drivers, self.routes, self.riders = (self.ids(n) for n in (12, 30, 40))

    def ids(self, n: int) -> list[str]:
        return [str(UUID(int=self.rng.getrandbits(128))) for _ in range(n)]

    def moment(self, n: int) -> datetime:
        start = datetime.combine(FIRST - timedelta(days=8), time(), UTC)
        at = start + timedelta(milliseconds=self.rng.randrange(40 * 86_400_000))
        # Every fifth on a quarter hour, where days of any zone may begin.
        return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0) if n % 5 == 0 else at

    def money(self) -> str:
        return str(Decimal(self.rng.randrange(1_000_000)) / 100)

    def add(self, event_type: str, at: datetime, **changes: Any) -> None:
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        event = example(event_type, event_id=self.ids(1)[0], event_timestamp=at, **changes)
        self.events.append({"currency": "NGN"} | event if event_type.startswith("payment.") else event)

    def some(self, at: datetime) -> Iterator[datetime]:
        """When a step is taken: never, once, or again."""
        for _ in range(self.rng.choice((0, 1, 1, 1, 2, 3))):
            yield at
            at += self.rng.choice(
                (timedelta(0), timedelta(milliseconds=1), timedelta(hours=7), -timedelta(days=2))
            )

    def people(self) -> None:
        for n in range(60):
            user = self.riders[n] if n < 20 else self.ids(1)[0]
            for at in self.some(self.moment(n)):
                state, city = self.rng.choice([*CITIES, (None, None), ("Lagos", None)])
                said = {name: value for name, value in (("state", state), ("city", city)) if value}
                self.add("user.registered", at, user_id=user, **said)
            if n % 7 == 0:
                self.add("user.kyc_verified", self.moment(n), user_id=user)
                self.add("user.upgraded_to_driver", self.moment(n), user_id=user)
        for n in range(60):
            self.add("driver.location.updated", self.moment(n), driver_id=self.rng.choice(self.drivers))

    def made(self) -> None:
        """Routes; every sixth is never created, some again and elsewhere, many change their seats."""
        for n, route in enumerate(self.routes):
            names = {"route_id": route, "driver_id": self.rng.choice(self.drivers)}
            at = self.moment(n) - timedelta(days=self.rng.choice((0, 20)))
            for _ in range(self.rng.choice((1, 1, 2)) if n % 6 else 0):
                (state, city), (_, to) = self.rng.choice(CITIES), self.rng.choice(CITIES)
                self.add(
                    "route.created",
                    at,
                    **names,
                    origin_state=state,
                    origin_city=city,
                    destination_city=to,
                    route_name=f"{city} - {to}",
                    seats_total=self.rng.randint(1, 8),
                )
                at += self.rng.choice((timedelta(0), timedelta(days=1)))
            for _ in range(self.rng.choice((0, 0, 1, 2)) if n % 12 else 0):
                seats = {"seats_total": self.rng.randint(1, 8)} if self.rng.random() < 0.7 else {}
                self.add("route.updated", self.moment(1), **names, route_name=f"Route {n}", **seats)

    def ridden(self, bookings: int) -> None:
        for n in range(bookings):
            at = self.moment(n)
            booking, payment, trip = self.ids(3)
            ids = {
                "booking_id": booking,
                "rider_id": self.rng.choice(self.riders),
                "driver_id": self.rng.choice(self.drivers),
                "route_id": self.rng.choice(self.routes),
            }
            self.booked(at, ids)
            paid = {"payment_id": payment, "booking_id": booking, "rider_id": ids["rider_id"]}
            for when in self.some(at):
                self.add(
                    "payment.success",
                    when,
                    **paid,
                    amount=self.money(),
                    payment_method=self.rng.choice(("card", "ussd", "wallet")),
                    currency=self.rng.choice(("NGN", "NGN", "NGN", "USD")),
                )
            for when in self.some(at):
                self.add(
                    "trip.completed",
                    when,
                    **self.changed(ids),
                    trip_id=trip,
                    driver_earnings=self.money(),
                    distance_km=self.rng.randrange(10_000) / 10,
                    on_time=self.rng.random() < 0.8,
                )

    def booked(self, at: datetime, ids: dict[str, str]) -> None:
        if self.rng.random() < 0.95:  # else what follows is of a booking that nobody knows
            for when in self.some(at):
                lat, lon = self.rng.choice(PICKUPS)
                leaves = self.moment(0).replace(minute=0)
                leaves = leaves.replace(hour=leaves.hour // 12 * 12)
                self.add(
                    "booking.created",
                    when,
                    **self.changed(ids),
                    pickup_lat=lat,
                    pickup_lon=lon,
                    scheduled_departure=leaves,
                    seats_booked=self.rng.randint(1, 4),
                )
        for when in self.some(at):
            self.add("booking.confirmed", when, **self.changed(ids), total_price=self.money())
        for when in self.some(at) if self.rng.random() < 0.3 else ():
            who = self.rng.choice(("RIDER", "DRIVER", "DRIVER", "SYSTEM"))
            self.add("booking.cancelled", when, **self.changed(ids), cancelled_by=who)
        for when in self.some(at):
            self.add("booking.completed", when, **self.changed(ids))

    def changed(self, ids: dict[str, str]) -> dict[str, str]:
        """Seldom, a later event names another driver and route."""
        if self.rng.random() < 0.95:
            return ids
        return ids | {"driver_id": self.rng.choice(self.drivers), "route_id": self.rng.choice(self.routes)}


def generated(seed: int, bookings: int = 300) -> list[Event]:
    """In no order; a tenth of the events are there twice, at another offset."""
    making = Generator(seed)
    making.people()
    making.made()
    making.ridden(bookings)
    events = making.events + making.rng.sample(making.events, len(making.events) // 10)
    making.rng.shuffle(events)
    return events


EVENTS = generated(seed=11)


def ask(start: date | datetime, end: date | datetime, zone: str) -> Question:
    """A question about a range; what it is of is not part of it."""
    asked = period(start.isoformat(), end.isoformat(), zone=ZoneInfo(zone), now=NOW, max_days=400)
    return Question(asked, None, "NGN", NOW)


def ranges(zone: str) -> list[Question]:
    """The month, one day, from one event to another, and a week in which nothing happens."""
    begins, ends = sorted(random.Random(3).sample([event["event_timestamp"] for event in EVENTS], 2))
    quiet = FIRST - timedelta(days=200)
    return [
        ask(FIRST, LAST, zone),
        ask(FIRST + timedelta(days=3), FIRST + timedelta(days=3), zone),
        ask(begins, ends, zone),
        ask(quiet, quiet + timedelta(days=6), zone),
    ]


@pytest.fixture(scope="session", params=["as stored", "merged"])
def drives_settings(clickhouse_server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> tree.Settings:
    """The events in two batches; what is repeated is mostly in both, so before merges it is there twice."""
    half = len(EVENTS) // 2
    name = f"test_drives_{request.param.replace(' ', '_')}"
    settings = prepared(clickhouse_server, name)
    asyncio.run(_fill(settings, [EVENTS[:half], EVENTS[half:]], merged=request.param == "merged"))
    return settings


async def _fill(settings: tree.Settings, batches: list[list[Event]], *, merged: bool) -> None:
    client = ClickHouse(settings.clickhouse)
    await client.open()
    found = await client.select(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    tables: list[str] = found.columns[0]
    if not merged:
        for table in tables:
            await client.execute(f"SYSTEM STOP MERGES {table}")
    for n, batch in enumerate(batches):
        await store(client, batch, token=f"batch {n}")
    if merged:
        for table in tables:
            await client.execute(f"OPTIMIZE TABLE {table} FINAL")
    await client.close()


@pytest.fixture
async def drives(drives_settings: tree.Settings) -> AsyncIterator[ClickHouse]:
    """A client on them."""
    client = ClickHouse(drives_settings.clickhouse)
    await client.open()
    yield client
    await client.close()

"""Drivers and the routes that they offer, from registration to the route's end."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from openride_analytics.simulate.people import LIFETIME, Person, Population, kyc, registration, verdicts
from openride_analytics.simulate.places import CORRIDORS, City, Way
from openride_analytics.simulate.told import LOCAL, Told, between, money, new_id, tell

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
LEAVING = ("Vehicle sold", "Changed job", "Too few bookings", "Vehicle in repair")


@dataclass(frozen=True)
class Route:
    """A seat offer: `days` are weekday numbers from Monday 0. Prices are per seat."""

    id: str
    driver: Person
    way: Way
    seats: int
    price: float
    departs: time
    days: tuple[int, ...]
    regulars: tuple[int, ...]  # riders' places in their population
    created: datetime
    cancelled: datetime
    paused: tuple[datetime, datetime] | None
    repriced: tuple[datetime, float] | None

    def departure(self, day: date) -> datetime | None:
        """When it leaves on that local day, None when it does not."""
        leaves = datetime.combine(day, self.departs, LOCAL)
        if day.weekday() not in self.days or not self.runs(leaves):
            return None
        return leaves

    def runs(self, at: datetime) -> bool:
        """Three days must pass before the first departure: riders book up to two days ahead."""
        away = self.paused is not None and self.paused[0] <= at < self.paused[1] + timedelta(days=2)
        return self.created + timedelta(days=3) <= at < self.cancelled and not away

    def price_at(self, at: datetime) -> float:
        return self.repriced[1] if self.repriced and at >= self.repriced[0] else self.price


@dataclass(frozen=True)
class Driver:
    person: Person
    routes: tuple[Route, ...]
    biography: tuple[Told, ...]  # in no order


class Drivers:
    """The drivers of a world; `riders` are where their regular passengers come from."""

    def __init__(self, seed: int, size: int, riders: Population) -> None:
        self.population = Population(seed, "driver", size)
        self._riders = riders
        self._known: dict[tuple[int, int], Driver] = {}

    def at(self, slot: int, at: datetime) -> Driver:
        return self.driver(slot, self.population.generation(slot, at))

    def driver(self, slot: int, generation: int) -> Driver:
        found = self._known.get((slot, generation))
        if found is None:
            found = self._known[slot, generation] = self._make(slot, generation)
        return found

    def departures(self, day: date) -> Iterator[tuple[Route, datetime]]:
        """The routes that run on a local day, and when."""
        noon = datetime.combine(day, time(12), LOCAL)
        for slot in range(self.population.size):
            for route in self.at(slot, noon).routes:
                leaves = route.departure(day)
                if leaves is not None:
                    yield route, leaves

    def _make(self, slot: int, generation: int) -> Driver:
        person = self.population.person(slot, generation)
        rng = self.population.rng(slot, generation, "driver")
        biography = [registration(rng, person, "DRIVER" if rng.random() < 0.7 else "RIDER")]
        applied = person.registered
        if biography[0].event["role"] == "RIDER":
            applied += between(rng, timedelta(days=2), timedelta(days=30))
            biography.append(tell(rng, "user.upgraded_to_driver", applied, user_id=person.id,
                                  previous_role="RIDER", new_role="DRIVER"))  # fmt: skip
        outcome = list(verdicts(rng, applied))
        biography += [kyc(rng, person, verdict) for verdict in outcome]
        routes: list[Route] = []
        if outcome and outcome[-1].status == "VERIFIED" and rng.random() < 0.93:
            routes = list(self._offer(rng, person, outcome[-1].at))
            biography += [told for route in routes for told in _life(rng, route)]
        return Driver(person, tuple(routes), tuple(biography))

    def _offer(self, rng: random.Random, person: Person, verified: datetime) -> Iterator[Route]:
        """Commuters drive to work and back; others between cities."""
        if rng.random() < 0.7:
            way = _commute(rng, person.city)
            back = Way(way.origin, way.destination, way.stops[::-1])
            yield self._route(rng, person, way, verified, _clock(rng, 5.5, 9.0, 6.9))
            yield self._route(rng, person, back, verified, _clock(rng, 15.5, 20.0, 17.6))
            if rng.random() < 0.25:
                yield self._route(rng, person, way, verified, _clock(rng, 10.0, 15.0, 13.0))
        else:
            yield self._route(rng, person, _journey(rng, person.city), verified, _clock(rng, 5.5, 15.0, 7.0))

    def _route(
        self, rng: random.Random, driver: Person, way: Way, verified: datetime, departs: time
    ) -> Route:
        created = verified + between(rng, timedelta(hours=1), timedelta(days=2))
        seats = rng.choice((3, 4, 4, 4, 6, 7)) if way.intercity else rng.choice((3, 3, 4, 4))
        price = (400 + way.kilometers() * (28 if way.intercity else 55)) * rng.uniform(0.9, 1.15)
        leaves_platform = driver.registered + LIFETIME - between(rng, timedelta(days=1), timedelta(days=5))
        if rng.random() < 0.2:
            leaves_platform -= between(rng, timedelta(days=20), timedelta(days=120))
        paused = created + between(rng, timedelta(days=10), timedelta(days=100))
        repriced = created + between(rng, timedelta(days=15), timedelta(days=120))
        near = self._riders.slots(way.origin)
        return Route(
            id=new_id(rng),
            driver=driver,
            way=way,
            seats=seats,
            price=price,
            departs=departs,
            days=_days(rng, way),
            regulars=tuple(rng.sample(near, min(len(near), 8))),
            created=created,
            cancelled=leaves_platform,
            paused=(paused, paused + timedelta(days=rng.randrange(2, 9))) if rng.random() < 0.2 else None,
            repriced=(repriced, price * rng.uniform(1.05, 1.25)) if rng.random() < 0.5 else None,
        )


def _life(rng: random.Random, route: Route) -> Iterator[Told]:
    """What the platform hears of a route. A pause has no event of its own: it is an update of the status."""
    same = {"route_id": route.id, "driver_id": route.driver.id, "route_name": route.way.name}
    way = route.way
    yield tell(
        rng,
        "route.created",
        route.created,
        **same,
        origin_city=way.origin.name,
        destination_city=way.destination.name,
        origin_state=way.origin.state,
        destination_state=way.destination.state,
        stops_count=len(way.stops),
        seats_total=route.seats,
        base_price=money(route.price),
        departure_time=route.departs.isoformat("minutes"),
        active_days=[WEEKDAYS[day] for day in route.days],
    )
    if route.repriced is not None and route.repriced[0] < route.cancelled:
        at, price = route.repriced
        yield tell(rng, "route.updated", at, **same, updated_fields=["base_price"], base_price=money(price))
    if route.paused is not None and route.paused[1] < route.cancelled:
        begin, end = route.paused
        yield tell(rng, "route.updated", begin, **same, updated_fields=["status"])
        yield tell(rng, "route.activated", end, **same, previous_status="PAUSED", new_status="ACTIVE")
    yield tell(
        rng,
        "route.cancelled",
        max(route.cancelled, route.created + timedelta(hours=1)),
        **same,
        cancellation_reason=rng.choice(LEAVING) if rng.random() < 0.8 else None,
        active_bookings_count=0,
    )


def _commute(rng: random.Random, city: City) -> Way:
    """Across the city, by up to three stops on the way."""
    count = min(len(city.stops), rng.choice((2, 3, 3, 4, 5)))
    picked = sorted(rng.sample(city.stops, count), key=lambda stop: (stop.lat, stop.lon))
    return Way(city, city, tuple(picked if rng.random() < 0.5 else picked[::-1]))


def _journey(rng: random.Random, city: City) -> Way:
    """To a neighbor city. The few routes abroad are rare even where they begin."""
    roads = CORRIDORS[city.name]
    destination, currency = rng.choices(roads, [8 if money_ == "NGN" else 1 for _, money_ in roads])[0]
    stops = (rng.choice(city.stops), rng.choice(destination.stops))
    return Way(city, destination, stops, currency)


def _clock(rng: random.Random, low: float, high: float, mode: float) -> time:
    minutes = round(rng.triangular(low, high, mode) * 12) * 5
    return time(minutes // 60, minutes % 60)


def _days(rng: random.Random, way: Way) -> tuple[int, ...]:
    if way.intercity:
        return tuple(sorted(rng.sample(range(7), rng.choice((2, 3, 4, 7)))))
    return (0, 1, 2, 3, 4) if rng.random() < 0.75 else (0, 1, 2, 3, 4, 5)

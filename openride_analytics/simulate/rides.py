"""A world of riders and drivers, and everything that is told of it, in order of time.

Each local day is planned from the seed and the date alone, so two runs that cover the same day tell the same
events of it, to the byte. Only `live` adds rides that are of that run.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta

from openride_analytics.simulate.demand import departure_events, ride_events
from openride_analytics.simulate.departure import depart
from openride_analytics.simulate.people import Population, registration
from openride_analytics.simulate.routes import Drivers, Route
from openride_analytics.simulate.told import LOCAL, Told, tell

AHEAD = timedelta(days=2)  # a booking is made at most so long before its departure
DAY = timedelta(days=1)
# The rest of the live rate is vehicles that are seen without passengers: it fills what rides leave free.
SHARE_OF_RIDES = 0.7

Plan = Callable[[], Iterable[tuple[datetime, "Told | Plan"]]]


class Rides:
    """The events from two days before `first_day` (a local date) on. One use: it only goes forward."""

    def __init__(self, *, seed: int, drivers: int, riders: int, first_day: date) -> None:
        self._seed = seed
        self._riders = Population(seed, "rider", riders)
        self._drivers = Drivers(seed, drivers, self._riders)
        self._begin = datetime.combine(first_day, time(), LOCAL) - AHEAD
        self._due: list[tuple[datetime, int, Told | Plan]] = []
        self._pushed = 0
        self._push([(self._begin, lambda: self._plan_day(first_day))])

    def prelude(self) -> list[Told]:
        """What was told of today's people and routes before: registrations, verdicts, routes."""
        told = [told for person in self._people() for told in person]
        self._push((one.at, one) for one in told if one.at >= self._begin)
        return sorted((one for one in told if one.at < self._begin), key=lambda one: one.at)

    def until(self, end: datetime) -> Iterator[Told]:
        """What is told from where the last call stopped to `end`, inclusive."""
        while self._due[0][0] <= end:
            _, _, item = heapq.heappop(self._due)
            if isinstance(item, Told):
                yield item
            else:
                self._push(item())

    def live(self, now: datetime, rate: float) -> Iterator[Told]:
        """What is told from `now` on, `rate` events a second or more, without end.

        The planned days go on; riders who want to go at once, and vehicles seen without passengers, make up
        what is missing to the rate. `rate=0`: nothing is added.
        """
        if rate <= 0:
            while True:
                yield from self.until(self._due[0][0])
        rng = random.Random(f"{self._seed}/live/{now.isoformat()}")
        rides_a_second = rate * SHARE_OF_RIDES / self._events_a_ride(now)
        next_ride = now
        slot = 0
        while True:
            at = now + timedelta(seconds=slot / rate)
            while next_ride <= at:
                self._push((told.at, told) for told in self._spontaneous(rng, next_ride))
                next_ride += timedelta(seconds=rng.expovariate(rides_a_second))
            before = slot
            for told in self.until(at):
                slot += 1
                yield told
            if slot == before:
                slot += 1
                yield self._seen(rng, at)

    def _push(self, items: Iterable[tuple[datetime, "Told | Plan"]]) -> None:
        for at, item in items:
            self._pushed += 1  # ties are told in the order in which they were planned
            heapq.heappush(self._due, (at, self._pushed, item))

    def _plan_day(self, day: date) -> Iterator[tuple[datetime, "Told | Plan"]]:
        for route, leaves in self._drivers.departures(day):
            rng = random.Random(f"{self._seed}/departure/{route.id}/{day}")
            for told in departure_events(rng, self._riders, depart(rng, route, leaves)):
                yield told.at, told
        midnight = datetime.combine(day + DAY, time(), LOCAL)
        yield midnight - AHEAD, lambda: self._plan_day(day + DAY)

    def _people(self) -> Iterator[list[Told]]:
        """What is told of each person who is there at the beginning; who comes after them is planned."""
        for slot in range(self._riders.size):
            generation = self._riders.generation(slot, self._begin)
            yield self._rider(slot, generation)
            self._plan_birth(self._riders, slot, generation + 1, self._rider)
        for slot in range(self._drivers.population.size):
            generation = self._drivers.population.generation(slot, self._begin)
            yield list(self._drivers.driver(slot, generation).biography)
            self._plan_birth(self._drivers.population, slot, generation + 1, self._driver)

    def _plan_birth(
        self, people: Population, slot: int, generation: int, tell_of: Callable[[int, int], list[Told]]
    ) -> None:
        def born() -> Iterator[tuple[datetime, Told | Plan]]:
            yield from ((told.at, told) for told in tell_of(slot, generation))
            self._plan_birth(people, slot, generation + 1, tell_of)

        self._push([(people.person(slot, generation).registered, born)])

    def _rider(self, slot: int, generation: int) -> list[Told]:
        rng = self._riders.rng(slot, generation, "biography")
        return [registration(rng, self._riders.person(slot, generation), "RIDER")]

    def _driver(self, slot: int, generation: int) -> list[Told]:
        return list(self._drivers.driver(slot, generation).biography)

    def _spontaneous(self, rng: random.Random, now: datetime) -> Iterator[Told]:
        """A rider who wants to go in minutes, on a route of that time of day if one runs, else on any."""
        route = self._route_now(rng, now)
        if route is None:
            return
        leaves = now + timedelta(minutes=rng.randrange(4, 16))
        departure = depart(rng, route, leaves.replace(second=0, microsecond=0))
        rider = self._riders.at(rng.choice(self._riders.slots(route.way.origin)), now)
        tracked = rng.random() < 0.4
        yield from ride_events(rng, departure, rider.id, now, rng.choice((1, 1, 1, 2)), tracked=tracked)

    def _route_now(self, rng: random.Random, now: datetime) -> Route | None:
        for _ in range(20):
            driver = self._drivers.at(rng.randrange(self._drivers.population.size), now)
            running = [route for route in driver.routes if route.runs(now) and not route.way.intercity]
            if running:
                return rng.choice(running)
        return None

    def _events_a_ride(self, now: datetime) -> float:
        rng = random.Random(self._seed)
        return max(1.0, sum(1 for _ in range(100) for _ in self._spontaneous(rng, now)) / 100)

    def _seen(self, rng: random.Random, at: datetime) -> Told:
        """A driver who waits or drives without passengers."""
        driver = self._drivers.at(rng.randrange(self._drivers.population.size), at).person
        stop = rng.choice(driver.city.stops)
        return tell(
            rng,
            "driver.location.updated",
            at,
            driver_id=driver.id,
            lat=round(stop.lat + rng.gauss(0, 0.01), 6),
            lon=round(stop.lon + rng.gauss(0, 0.01), 6),
            speed_kmh=round(abs(rng.gauss(0, 20)), 1),
            bearing=round(rng.uniform(0, 359.9), 1),
            accuracy_meters=round(rng.triangular(3, 40, 6), 1),
            city=driver.city.name,
            state=driver.city.state,
        )

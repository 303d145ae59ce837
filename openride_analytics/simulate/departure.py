"""One departure of a route: how the vehicle goes, and where it is seen."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from openride_analytics.simulate.places import Stop, bearing
from openride_analytics.simulate.routes import Route
from openride_analytics.simulate.told import LOCAL, Told, between, tell

ON_TIME = timedelta(minutes=10)
RUSH_HOURS = (7, 8, 17, 18)
EXCUSES = ("Vehicle breakdown", "Driver is ill", "Family emergency", "Fuel scarcity", "Road closed")


@dataclass(frozen=True)
class Departure:
    """What happens to the vehicle. `called_off`: when and why the driver decides not to go; `breaks_down`:
    after which share of the way."""

    route: Route
    scheduled: datetime
    leaves: datetime
    arrives: datetime
    called_off: tuple[datetime, str] | None
    breaks_down: float | None

    @property
    def on_time(self) -> bool:
        return self.leaves - self.scheduled <= ON_TIME


def depart(rng: random.Random, route: Route, scheduled: datetime) -> Departure:
    """Three in ten leave late, more in a rush hour; traffic doubles the way's time then."""
    rush = scheduled.astimezone(LOCAL).hour in RUSH_HOURS and not route.way.intercity
    late = rng.random() < (0.36 if rush else 0.22)
    delay = rng.triangular(11, 75, 14) if late else rng.triangular(-3, 10, 2)
    leaves = scheduled + timedelta(seconds=round(delay * 60))
    speed = rng.uniform(45, 70) if route.way.intercity else rng.uniform(22, 38) / (1.6 if rush else 1)
    arrives = leaves + timedelta(hours=max(route.way.kilometers(), 2) / speed)
    called_off = None
    if rng.random() < 0.025:
        when = scheduled - between(rng, timedelta(minutes=5), timedelta(hours=6))
        called_off = (when, rng.choice(EXCUSES))
    breaks_down = rng.uniform(0.1, 0.9) if rng.random() < 0.006 else None
    return Departure(route, scheduled, leaves, arrives, called_off, breaks_down)


def track(rng: random.Random, departure: Departure, trip_id: str) -> Iterator[Told]:
    """Where the vehicle is seen on its way: every few minutes, fewer on a long road."""
    way, minutes = departure.route.way, (departure.arrives - departure.leaves).total_seconds() / 60
    every = 12.0 if way.intercity else 4.0
    speed = way.kilometers() / max(minutes, 1) * 60
    at = rng.uniform(0.5, every)
    while at < minutes * (departure.breaks_down or 1):
        here, course, near_destination = _position(rng, way.stops, at / minutes)
        city = way.destination if near_destination else way.origin
        yield tell(
            rng,
            "driver.location.updated",
            departure.leaves + timedelta(minutes=at),
            driver_id=departure.route.driver.id,
            trip_id=trip_id,
            lat=here.lat,
            lon=here.lon,
            speed_kmh=round(max(0.0, rng.gauss(speed, speed / 3)), 1),
            bearing=course,
            accuracy_meters=round(rng.triangular(3, 40, 6), 1),
            city=city.name,
            state=city.state,
        )
        at += every * rng.uniform(0.7, 1.3)


def _position(rng: random.Random, stops: tuple[Stop, ...], share: float) -> tuple[Stop, float, bool]:
    """The point at a share of the way, the course there, and whether the second half has begun."""
    leg, along = divmod(min(share, 0.9999) * (len(stops) - 1), 1)
    a, b = stops[int(leg)], stops[int(leg) + 1]
    lat = a.lat + (b.lat - a.lat) * along + rng.gauss(0, 0.0008)
    lon = a.lon + (b.lon - a.lon) * along + rng.gauss(0, 0.0008)
    return Stop("", round(lat, 6), round(lon, 6)), bearing(a, b), share >= 0.5

"""Who books a departure, and when."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from openride_analytics.simulate.booking import Booking, BookingStory
from openride_analytics.simulate.departure import Departure, track
from openride_analytics.simulate.people import Population
from openride_analytics.simulate.routes import Route
from openride_analytics.simulate.told import LOCAL, Told, new_id


def demand(rng: random.Random, route: Route, scheduled: datetime) -> int:
    """How many seats riders ask for: full at the peaks of a working day, half empty at a weekend's noon."""
    local = scheduled.astimezone(LOCAL)
    share = 0.85 if local.hour in (5, 6, 7, 8, 16, 17, 18, 19) else 0.6
    if local.weekday() >= 5:
        share *= 0.95 if route.way.intercity else 0.55
    return min(8, max(0, round(rng.gauss(share, 0.25) * route.seats)))


def booked_at(rng: random.Random, route: Route, scheduled: datetime) -> datetime:
    """When a booking is made: the evening before or shortly before leaving, and never at night."""
    local = scheduled.astimezone(LOCAL)
    midnight = local.replace(hour=0, minute=0)
    if rng.random() < (0.6 if route.way.intercity else 0.45):
        hour = rng.triangular(9, 23, 20) if route.way.intercity else rng.triangular(16, 23, 20.5)
        at = midnight - timedelta(days=1) + timedelta(hours=hour)
        if rng.random() < 0.08:
            at -= timedelta(hours=rng.uniform(0, 14))
    else:
        at = local - timedelta(minutes=15 + rng.expovariate(1 / 45))
        at = max(at, midnight + timedelta(hours=4, minutes=rng.uniform(30, 75)))
    return min(at, local - timedelta(minutes=10))


def departure_events(rng: random.Random, riders: Population, departure: Departure) -> Iterator[Told]:
    """All that is told of a departure, in no order."""
    route = departure.route
    wanted, riding = demand(rng, route, departure.scheduled), set[str]()
    while wanted > 0:
        seats = min(wanted, rng.choices((1, 2, 3), (82, 15, 3))[0])
        wanted -= seats
        made = booked_at(rng, route, departure.scheduled)
        slots = route.regulars if rng.random() < 0.65 else riders.slots(route.way.origin)
        rider = riders.at(rng.choice(slots), made)
        if rider.id not in riding:
            riding.add(rider.id)
            yield from ride_events(rng, departure, rider.id, made, seats, tracked=len(riding) == 1)


def ride_events(
    rng: random.Random, departure: Departure, rider: str, made: datetime, seats: int, *, tracked: bool
) -> Iterator[Told]:
    """One booking and, when it is the one whose trip the vehicle's track is told under, the track."""
    way = departure.route.way
    board = rng.randrange(len(way.stops) - 1)
    leave = rng.randrange(board + 1, len(way.stops)) if rng.random() < 0.3 else len(way.stops) - 1
    booking = Booking(
        id=new_id(rng),
        trip_id=new_id(rng),
        rider_id=rider,
        made=made,
        seats=seats,
        price=departure.route.price_at(made) * seats,
        pickup=way.stops[board],
        dropoff=way.stops[leave],
        share=(leave - board) / (len(way.stops) - 1),
    )
    rides = False
    for told in BookingStory(rng, departure, booking).events():
        rides = rides or told.event["event_type"] == "trip.started"
        yield told
    if tracked and rides:
        yield from track(rng, departure, booking.trip_id)

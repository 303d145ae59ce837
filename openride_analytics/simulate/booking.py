"""One booking's life: created, paid for, confirmed, and then ridden, cancelled or refunded."""

import random
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from openride_analytics.simulate.departure import Departure
from openride_analytics.simulate.payment import Order, Payment, pay, refund
from openride_analytics.simulate.places import Stop
from openride_analytics.simulate.told import LOCAL, Told, between, money, stamp, tell

COMMISSION = 0.15
SECOND_THOUGHTS = (
    "Change of plans",
    "Found another ride",
    "Booked by mistake",
    "Departure is too late",
    None,
)
STOPS = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


@dataclass(frozen=True)
class Booking:
    """`price` is for all seats; `share` is how much of the route's way they are taken for."""

    id: str
    trip_id: str
    rider_id: str
    made: datetime
    seats: int
    price: float
    pickup: Stop
    dropoff: Stop
    share: float


class BookingStory:
    """What is told of one booking of a departure."""

    def __init__(self, rng: random.Random, departure: Departure, booking: Booking) -> None:
        self._rng = rng
        self._departure = departure
        self._booking = booking
        self._total = money(booking.price * (0.4 + 0.6 * booking.share))
        self._ids = {
            "booking_id": booking.id,
            "rider_id": booking.rider_id,
            "driver_id": departure.route.driver.id,
            "route_id": departure.route.id,
        }

    def events(self) -> Iterator[Told]:
        """In order of time, but for refunds."""
        rng, made, called_off = self._rng, self._booking.made, self._departure.called_off
        yield self._created()
        if called_off is not None and called_off[0] <= made + timedelta(minutes=15):
            yield self._cancelled(made + timedelta(minutes=1), "DRIVER", called_off[1])
            return
        order = Order(
            self._booking.id, self._booking.rider_id, self._total, self._departure.route.way.currency
        )
        payment = yield from pay(rng, order, made)
        if payment is None:
            yield self._given_up()
            return
        confirmed = payment.at + between(rng, timedelta(seconds=1), timedelta(seconds=30))
        yield self._confirmed(payment, confirmed)
        change = self._change_of_mind(confirmed)
        if change is None:
            yield from self._ride(payment, confirmed)
        else:
            yield from self._called_off(payment, *change)

    def _created(self) -> Told:
        booking = self._booking
        return tell(
            self._rng,
            "booking.created",
            booking.made,
            **self._ids,
            seats_booked=booking.seats,
            total_price=self._total,
            booking_status="PENDING",
            pickup_stop_id=str(uuid.uuid5(STOPS, booking.pickup.name)),
            dropoff_stop_id=str(uuid.uuid5(STOPS, booking.dropoff.name)),
            pickup_lat=booking.pickup.lat,
            pickup_lon=booking.pickup.lon,
            dropoff_lat=booking.dropoff.lat,
            dropoff_lon=booking.dropoff.lon,
            scheduled_departure=stamp(self._departure.scheduled),
        )

    def _confirmed(self, payment: Payment, at: datetime) -> Told:
        return tell(
            self._rng,
            "booking.confirmed",
            at,
            **self._ids,
            seats_booked=self._booking.seats,
            total_price=self._total,
            payment_id=payment.id,
            confirmation_code=f"OR{self._rng.randrange(10**6):06d}",
        )

    def _given_up(self) -> Told:
        """Unpaid bookings are released by the system, unless the rider is quicker."""
        if self._rng.random() < 0.3:
            at = self._booking.made + between(self._rng, timedelta(minutes=12), timedelta(minutes=18))
            return self._cancelled(at, "RIDER", self._rng.choice(SECOND_THOUGHTS))
        return self._cancelled(self._booking.made + timedelta(minutes=20), "SYSTEM", "Payment not received")

    def _change_of_mind(self, confirmed: datetime) -> tuple[datetime, str, str | None] | None:
        """(when, by whom, why) the confirmed booking is cancelled; None when it is ridden."""
        called_off = self._departure.called_off
        if called_off is not None:
            return max(called_off[0], confirmed + timedelta(seconds=30)), "DRIVER", called_off[1]
        left = self._departure.scheduled - confirmed
        if left < timedelta(minutes=2):
            return None
        at = confirmed + left * self._rng.uniform(0.05, 0.95)
        dice = self._rng.random()
        if dice < 0.055:
            return at, "RIDER", self._rng.choice(SECOND_THOUGHTS)
        if dice < 0.065:
            return at, "SYSTEM", "Route is no longer served"
        return None

    def _called_off(self, payment: Payment, at: datetime, who: str, reason: str | None) -> Iterator[Told]:
        """Who cancels late pays half."""
        refunded = who != "RIDER" or self._rng.random() < 0.85
        yield self._cancelled(at, who, reason, refund_initiated=refunded)
        if who == "DRIVER":
            yield self._trip_cancelled(at, "DRIVER", reason or "No reason given")
        if refunded:
            whole = who != "RIDER" or self._departure.scheduled - at > timedelta(hours=2)
            yield refund(self._rng, payment, at, 1.0 if whole else 0.5, reason or "Booking cancelled")

    def _cancelled(
        self, at: datetime, who: str, reason: str | None, *, refund_initiated: bool | None = None
    ) -> Told:
        return tell(
            self._rng,
            "booking.cancelled",
            at,
            **self._ids,
            cancellation_reason=reason,
            cancelled_by=who,
            refund_initiated=refund_initiated,
        )

    def _trip_cancelled(self, at: datetime, who: str, reason: str, *, driven_km: float | None = None) -> Told:
        return tell(
            self._rng,
            "trip.cancelled",
            at.astimezone(LOCAL),
            trip_id=self._booking.trip_id,
            **self._ids,
            cancellation_reason=reason,
            cancelled_by=who,
            was_started=driven_km is not None,
            partial_distance_km=driven_km,
        )

    def _ride(self, payment: Payment, confirmed: datetime) -> Generator[Told, None, None]:
        """The trip, as the driver's phone tells it: in local time."""
        rng, departure, booking = self._rng, self._departure, self._booking
        leaves = departure.leaves + between(rng, timedelta(0), timedelta(seconds=40))
        leaves = max(leaves, confirmed + timedelta(seconds=20))
        if rng.random() < 0.02:
            yield self._trip_cancelled(leaves, "RIDER", "Rider did not show up")
            return
        yield self._started(leaves)
        takes = (departure.arrives - departure.leaves) * booking.share
        distance = round(departure.route.way.kilometers() * booking.share * rng.uniform(0.97, 1.05), 2)
        if departure.breaks_down is not None and departure.breaks_down < booking.share:
            stops = leaves + takes * departure.breaks_down
            driven = round(distance * departure.breaks_down, 2)
            yield self._trip_cancelled(stops, "DRIVER", "Vehicle breakdown", driven_km=driven)
            yield refund(rng, payment, stops, 0.75, "Trip not finished")
            return
        yield from self._arrived(leaves, leaves + takes, distance)
        if rng.random() < 0.006:
            complained = leaves + takes + timedelta(hours=3)
            yield refund(rng, payment, complained, rng.choice((0.25, 0.5, 1.0)), "Complaint")

    def _started(self, leaves: datetime) -> Told:
        return tell(
            self._rng,
            "trip.started",
            leaves.astimezone(LOCAL),
            trip_id=self._booking.trip_id,
            **self._ids,
            scheduled_departure=stamp(self._departure.scheduled),
            actual_departure=stamp(leaves),
            start_lat=self._booking.pickup.lat,
            start_lon=self._booking.pickup.lon,
            passengers_count=self._booking.seats,
        )

    def _arrived(self, leaves: datetime, arrives: datetime, distance: float) -> Iterator[Told]:
        charged = float(self._total)
        commission = round(charged * COMMISSION, 2)
        times = {"actual_departure": stamp(leaves), "actual_arrival": stamp(arrives)}
        minutes = round((arrives - leaves).total_seconds() / 60)
        yield tell(
            self._rng,
            "trip.completed",
            arrives.astimezone(LOCAL),
            trip_id=self._booking.trip_id,
            **self._ids,
            **times,
            duration_minutes=minutes,
            distance_km=distance,
            end_lat=self._booking.dropoff.lat,
            end_lon=self._booking.dropoff.lon,
            driver_earnings=f"{charged - commission:.2f}",
            platform_commission=f"{commission:.2f}",
            on_time=self._departure.on_time,
        )
        yield tell(
            self._rng,
            "booking.completed",
            arrives + between(self._rng, timedelta(seconds=1), timedelta(seconds=8)),
            **self._ids,
            trip_id=self._booking.trip_id,
            seats_booked=self._booking.seats,
            total_price=self._total,
            **times,
            duration_minutes=minutes,
        )

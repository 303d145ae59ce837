"""The nineteen events, as they arrive: frozen structs in one union, tagged by `event_type`.

The field order within a struct is the contract's. Unknown fields are ignored; a field that may be left out
and has no default may be null too. Types are checked by decoding; building a struct in Python runs only its
`__post_init__`.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

from openride_analytics.schema.types import (
    Bearing,
    Canceller,
    ClockTime,
    Count,
    Currency,
    Flag,
    Id,
    Instant,
    KycStatus,
    Latitude,
    Longitude,
    Milliseconds,
    Money,
    PaymentMethod,
    Phone,
    Quantity,
    Role,
    Seats,
    Text,
    Weekday,
    check_instant,
    check_money,
)


# gc=False: no event can be part of a cycle, so the collector need not walk the tens of thousands in flight.
class Event(Struct, frozen=True, kw_only=True, gc=False, tag_field="event_type"):
    """What every event has. `event_id` is None where the producer gave none."""

    ACTOR: ClassVar[str | None] = (
        None  # the field that holds who acts, or the first of those; see `first_actors`
    )

    event_timestamp: Instant
    event_id: Id | None = None


class UserRegistered(Event, frozen=True, kw_only=True, gc=False, tag="user.registered"):
    ACTOR = "user_id"

    user_id: Id
    phone: Phone
    role: Role
    full_name: Text | None = None
    email: Text | None = None
    city: Text | None = None
    state: Text | None = None
    referral_code: Text | None = None


class UserKycVerified(Event, frozen=True, kw_only=True, gc=False, tag="user.kyc_verified"):
    user_id: Id
    kyc_status: KycStatus
    verification_notes: Text | None = None
    verified_by: Text | None = None


class UserUpgradedToDriver(Event, frozen=True, kw_only=True, gc=False, tag="user.upgraded_to_driver"):
    ACTOR = "user_id"

    user_id: Id
    previous_role: Literal["RIDER"] = "RIDER"
    new_role: Literal["DRIVER"] = "DRIVER"


class BookingCreated(Event, frozen=True, kw_only=True, gc=False, tag="booking.created"):
    ACTOR = "rider_id"

    booking_id: Id
    rider_id: Id
    driver_id: Id
    route_id: Id
    seats_booked: Seats
    total_price: Money
    booking_status: Literal["PENDING"] = "PENDING"
    pickup_stop_id: Id
    dropoff_stop_id: Id
    pickup_lat: Latitude
    pickup_lon: Longitude
    dropoff_lat: Latitude
    dropoff_lon: Longitude
    scheduled_departure: Instant

    def __post_init__(self) -> None:
        check_money("total_price", self.total_price)
        check_instant("scheduled_departure", self.scheduled_departure)


class BookingConfirmed(Event, frozen=True, kw_only=True, gc=False, tag="booking.confirmed"):
    ACTOR = "rider_id"

    booking_id: Id
    rider_id: Id
    driver_id: Id
    route_id: Id
    seats_booked: Seats
    total_price: Money
    payment_id: Id
    confirmation_code: Text

    def __post_init__(self) -> None:
        check_money("total_price", self.total_price)


class BookingCancelled(Event, frozen=True, kw_only=True, gc=False, tag="booking.cancelled"):
    booking_id: Id
    rider_id: Id
    driver_id: Id
    route_id: Id
    cancellation_reason: Text | None = None
    cancelled_by: Canceller
    refund_initiated: Flag = False


class BookingCompleted(Event, frozen=True, kw_only=True, gc=False, tag="booking.completed"):
    ACTOR = "rider_id"

    booking_id: Id
    rider_id: Id
    driver_id: Id
    route_id: Id
    trip_id: Id
    seats_booked: Seats
    total_price: Money
    actual_departure: Instant
    actual_arrival: Instant
    duration_minutes: Count

    def __post_init__(self) -> None:
        check_money("total_price", self.total_price)
        check_instant("actual_departure", self.actual_departure)
        check_instant("actual_arrival", self.actual_arrival)


class _Payment(Event, frozen=True, kw_only=True, gc=False):
    """What initiated, success and failed share."""

    ACTOR = "rider_id"

    payment_id: Id
    booking_id: Id
    rider_id: Id
    amount: Money
    currency: Currency = "NGN"
    payment_method: PaymentMethod
    provider: Text = "interswitch"

    def __post_init__(self) -> None:
        check_money("amount", self.amount)


class PaymentInitiated(_Payment, frozen=True, kw_only=True, gc=False, tag="payment.initiated"):
    provider_transaction_id: Text | None = None


class PaymentSuccess(_Payment, frozen=True, kw_only=True, gc=False, tag="payment.success"):
    provider_transaction_id: Text
    processing_time_ms: Milliseconds
    card_last4: Text | None = None


class PaymentFailed(_Payment, frozen=True, kw_only=True, gc=False, tag="payment.failed"):
    provider_transaction_id: Text | None = None
    error_code: Text
    error_message: Text
    processing_time_ms: Milliseconds | None = None


class PaymentRefunded(Event, frozen=True, kw_only=True, gc=False, tag="payment.refunded"):
    payment_id: Id
    booking_id: Id
    rider_id: Id
    refund_amount: Money
    original_amount: Money
    currency: Currency = "NGN"
    refund_reason: Text
    refunded_by: Text | None = None
    provider_refund_id: Text | None = None

    def __post_init__(self) -> None:
        check_money("refund_amount", self.refund_amount)
        check_money("original_amount", self.original_amount)


class TripStarted(Event, frozen=True, kw_only=True, gc=False, tag="trip.started"):
    ACTOR = "rider_id"

    trip_id: Id
    booking_id: Id
    driver_id: Id
    rider_id: Id
    route_id: Id
    scheduled_departure: Instant
    actual_departure: Instant
    start_lat: Latitude
    start_lon: Longitude
    passengers_count: Seats

    def __post_init__(self) -> None:
        check_instant("scheduled_departure", self.scheduled_departure)
        check_instant("actual_departure", self.actual_departure)


class TripCompleted(Event, frozen=True, kw_only=True, gc=False, tag="trip.completed"):
    ACTOR = "rider_id"

    trip_id: Id
    booking_id: Id
    driver_id: Id
    rider_id: Id
    route_id: Id
    actual_departure: Instant
    actual_arrival: Instant
    duration_minutes: Count
    distance_km: Quantity
    end_lat: Latitude
    end_lon: Longitude
    driver_earnings: Money
    platform_commission: Money
    on_time: Flag

    def __post_init__(self) -> None:
        check_instant("actual_departure", self.actual_departure)
        check_instant("actual_arrival", self.actual_arrival)
        check_money("driver_earnings", self.driver_earnings)
        check_money("platform_commission", self.platform_commission)


class TripCancelled(Event, frozen=True, kw_only=True, gc=False, tag="trip.cancelled"):
    trip_id: Id
    booking_id: Id
    driver_id: Id
    rider_id: Id
    route_id: Id
    cancellation_reason: Text
    cancelled_by: Canceller
    was_started: Flag = False
    partial_distance_km: Quantity | None = None


class _Route(Event, frozen=True, kw_only=True, gc=False):
    """What every route event says: which route, whose, and its name."""

    ACTOR = "driver_id"

    route_id: Id
    driver_id: Id
    route_name: Text


class RouteCreated(_Route, frozen=True, kw_only=True, gc=False, tag="route.created"):
    origin_city: Text
    destination_city: Text
    origin_state: Text
    destination_state: Text
    stops_count: Count
    seats_total: Seats
    base_price: Money
    departure_time: ClockTime
    active_days: list[Weekday]

    def __post_init__(self) -> None:
        check_money("base_price", self.base_price)


class RouteActivated(_Route, frozen=True, kw_only=True, gc=False, tag="route.activated"):
    previous_status: Literal["PAUSED"] = "PAUSED"
    new_status: Literal["ACTIVE"] = "ACTIVE"


class RouteCancelled(_Route, frozen=True, kw_only=True, gc=False, tag="route.cancelled"):
    cancellation_reason: Text | None = None
    active_bookings_count: Count = 0


class RouteUpdated(_Route, frozen=True, kw_only=True, gc=False, tag="route.updated"):
    updated_fields: list[Text]
    seats_total: Seats | None = None
    base_price: Money | None = None
    departure_time: ClockTime | None = None

    def __post_init__(self) -> None:
        if self.base_price is not None:
            check_money("base_price", self.base_price)


class DriverLocationUpdated(Event, frozen=True, kw_only=True, gc=False, tag="driver.location.updated"):
    ACTOR = "driver_id"

    driver_id: Id
    trip_id: Id | None = None
    lat: Latitude
    lon: Longitude
    speed_kmh: Quantity | None = None
    bearing: Bearing | None = None
    accuracy_meters: Quantity | None = None
    city: Text | None = None
    state: Text | None = None


# kind -> its structs; a kind is what one topic is about.
KINDS: dict[str, tuple[type[Event], ...]] = {
    "user": (UserRegistered, UserKycVerified, UserUpgradedToDriver),
    "booking": (BookingCreated, BookingConfirmed, BookingCancelled, BookingCompleted),
    "payment": (PaymentInitiated, PaymentSuccess, PaymentFailed, PaymentRefunded),
    "trip": (TripStarted, TripCompleted, TripCancelled),
    "route": (RouteCreated, RouteActivated, RouteCancelled, RouteUpdated),
    "location": (DriverLocationUpdated,),
}


def event_type(struct: type[Event]) -> str:
    """The tag of a struct: `event_type(TripStarted) == "trip.started"`."""
    tag = struct.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{struct.__name__} is not one of the events")
    return tag


# event_type -> (kind, struct), in the contract's order.
EVENT_TYPES: dict[str, tuple[str, type[Event]]] = {
    event_type(struct): (kind, struct) for kind, structs in KINDS.items() for struct in structs
}


def types_of(*kinds: str) -> tuple[str, ...]:
    """All event types of those kinds."""
    return tuple(name for name, (kind, _) in EVENT_TYPES.items() if kind in kinds)


class Entity(NamedTuple):
    """What the events of a kind are about: the `field` that holds its id, and its `type`."""

    field: str
    type: str


# kind -> what `entity_id` and `entity_type` say.
ENTITY: dict[str, Entity] = {
    "user": Entity("user_id", "user"),
    "booking": Entity("booking_id", "booking"),
    "payment": Entity("payment_id", "payment"),
    "trip": Entity("trip_id", "trip"),
    "route": Entity("route_id", "route"),
    "location": Entity("driver_id", "driver"),
}


def first_actors(struct: type[Event], events: Sequence[Event]) -> list[UUID | None]:
    """Of each of the events, which are all of one type, who acted, or the first of those who did: the rider before
    the driver; None where nobody did: a KYC verdict, a refund and a cancellation by the system are nobody's act."""
    if issubclass(struct, BookingCancelled | TripCancelled):
        return [_canceller(event) for event in events]  # type: ignore[arg-type] # all of them are `struct`s
    if struct.ACTOR is not None:
        return list(map(attrgetter(struct.ACTOR), events))
    return [None] * len(events)


def _canceller(event: BookingCancelled | TripCancelled) -> UUID | None:
    match event.cancelled_by:
        case "RIDER":
            return event.rider_id
        case "DRIVER":
            return event.driver_id
        case "SYSTEM":
            return None

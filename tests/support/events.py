"""Valid events to start from: one example of each type, and a stream of them in life-like proportions."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from openride_analytics.schema.events import EVENT_TYPES

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)

# As a change: leave the field out.
ABSENT: Final = object()

_IDS = {
    "user": ("user_id",),
    "booking": ("booking_id", "rider_id", "driver_id", "route_id"),
    "payment": ("payment_id", "booking_id", "rider_id"),
    "trip": ("trip_id", "booking_id", "driver_id", "rider_id", "route_id"),
    "route": ("route_id", "driver_id"),
    "location": ("driver_id",),
}

_LEAVES = "2026-11-20T13:00:00Z"
_ARRIVES = "2026-11-20T14:05:30.250+01:00"
_PAYING = {"amount": "4500.00", "payment_method": "card"}

# What each type must have, beside its ids and the common fields; a UUID here stands for one made of the seed.
_SOME_ID = UUID(int=0)
_REQUIRED: dict[str, dict[str, Any]] = {
    "user.registered": {"phone": "+2348012345678", "role": "RIDER"},
    "user.kyc_verified": {"kyc_status": "VERIFIED"},
    "user.upgraded_to_driver": {},
    "booking.created": {
        "seats_booked": 2,
        "total_price": "4500.00",
        "pickup_stop_id": _SOME_ID,
        "dropoff_stop_id": _SOME_ID,
        "pickup_lat": 6.5244,
        "pickup_lon": 3.3792,
        "dropoff_lat": 7.3775,
        "dropoff_lon": 3.947,
        "scheduled_departure": _LEAVES,
    },
    "booking.confirmed": {
        "seats_booked": 2,
        "total_price": "4500.00",
        "payment_id": _SOME_ID,
        "confirmation_code": "C00042",
    },
    "booking.cancelled": {"cancelled_by": "RIDER"},
    "booking.completed": {
        "trip_id": _SOME_ID,
        "seats_booked": 2,
        "total_price": "4500.00",
        "actual_departure": _LEAVES,
        "actual_arrival": _ARRIVES,
        "duration_minutes": 65,
    },
    "payment.initiated": _PAYING,
    "payment.success": {**_PAYING, "provider_transaction_id": "TX1", "processing_time_ms": 850},
    "payment.failed": {**_PAYING, "error_code": "51", "error_message": "Insufficient funds"},
    "payment.refunded": {
        "refund_amount": "4500.00",
        "original_amount": "4500.00",
        "refund_reason": "Booking cancelled",
    },
    "trip.started": {
        "scheduled_departure": _LEAVES,
        "actual_departure": _LEAVES,
        "start_lat": 6.5244,
        "start_lon": 3.3792,
        "passengers_count": 2,
    },
    "trip.completed": {
        "actual_departure": _LEAVES,
        "actual_arrival": _ARRIVES,
        "duration_minutes": 65,
        "distance_km": 128.4,
        "end_lat": 7.3775,
        "end_lon": 3.947,
        "driver_earnings": "3825.00",
        "platform_commission": "675.00",
        "on_time": True,
    },
    "trip.cancelled": {"cancellation_reason": "Breakdown", "cancelled_by": "DRIVER"},
    "route.created": {
        "route_name": "Lagos - Ibadan",
        "origin_city": "Lagos",
        "destination_city": "Ibadan",
        "origin_state": "Lagos",
        "destination_state": "Oyo",
        "stops_count": 3,
        "seats_total": 4,
        "base_price": "4500.00",
        "departure_time": "07:30",
        "active_days": ["MON", "FRI"],
    },
    "route.activated": {"route_name": "Lagos - Ibadan"},
    "route.cancelled": {"route_name": "Lagos - Ibadan"},
    "route.updated": {"route_name": "Lagos - Ibadan", "updated_fields": ["base_price"]},
    "driver.location.updated": {"lat": 6.5244, "lon": 3.3792},
}

# What each type may have; no value here is the field's default.
_OPTIONAL: dict[str, dict[str, Any]] = {
    "user.registered": {
        "full_name": "Adébáyọ̀ Ògúnlésì",
        "email": "bayo@example.com",
        "city": "Ìbàdàn",
        "state": "Oyo",
        "referral_code": "R1",
    },
    "user.kyc_verified": {"verification_notes": "All papers seen", "verified_by": "agent 7"},
    "user.upgraded_to_driver": {"previous_role": "RIDER", "new_role": "DRIVER"},
    "booking.created": {"booking_status": "PENDING"},
    "booking.confirmed": {},
    "booking.cancelled": {"cancellation_reason": "Change of plans", "refund_initiated": True},
    "booking.completed": {},
    "payment.initiated": {"currency": "USD", "provider": "paystack", "provider_transaction_id": "TX1"},
    "payment.success": {"currency": "USD", "provider": "paystack", "card_last4": "4242"},
    "payment.failed": {
        "currency": "USD",
        "provider": "paystack",
        "provider_transaction_id": "TX1",
        "processing_time_ms": 900,
    },
    "payment.refunded": {"currency": "USD", "refunded_by": "agent 7", "provider_refund_id": "RF1"},
    "trip.started": {},
    "trip.completed": {},
    "trip.cancelled": {"was_started": True, "partial_distance_km": 12.5},
    "route.created": {},
    "route.activated": {"previous_status": "PAUSED", "new_status": "ACTIVE"},
    "route.cancelled": {"cancellation_reason": "Road closed", "active_bookings_count": 2},
    "route.updated": {"seats_total": 5, "base_price": "5000.00", "departure_time": "08:15:30"},
    "driver.location.updated": {
        "trip_id": _SOME_ID,
        "speed_kmh": 54.2,
        "bearing": 271.5,
        "accuracy_meters": 8.0,
        "city": "Ibadan",
        "state": "Oyo",
    },
}

# Of a hundred events of a running service, roughly.
_SHARES = {
    "user.registered": 2,
    "booking.created": 13,
    "booking.confirmed": 12,
    "booking.completed": 11,
    "booking.cancelled": 1,
    "payment.initiated": 12,
    "payment.success": 12,
    "trip.started": 12,
    "trip.completed": 11,
    "route.created": 1,
    "driver.location.updated": 13,
}


def example(
    event_type: str,
    /,
    *,
    seed: int = 0,
    full: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """A valid event of this type as JSON values: only what is required or, if `full`, every field.

    The same seed gives the same ids. `changes` replace or add fields; ABSENT leaves one out.
    """
    kind, _ = EVENT_TYPES[event_type]
    rng = random.Random(f"{event_type}/{seed}")
    event: dict[str, Any] = {"event_type": event_type, "event_timestamp": NOW.isoformat()}
    if full:
        event["event_id"] = _SOME_ID
    event |= dict.fromkeys(_IDS[kind], _SOME_ID) | _REQUIRED[event_type]
    if full:
        event |= _OPTIONAL[event_type]
    for name, value in event.items():
        if value is _SOME_ID:
            event[name] = str(UUID(int=rng.getrandbits(128), version=4))
    event |= changes
    return {name: value for name, value in event.items() if value is not ABSENT}


def message(event_type: str, /, **options: Any) -> bytes:
    """`example(event_type, ...)` as the bytes of a message."""
    return msgspec.json.encode(example(event_type, **options))


def stream(n: int, *, seed: int = 0, end: datetime = NOW) -> Iterator[tuple[str, bytes]]:
    """`n` valid messages, each with its kind, in life-like proportions, a second apart, ending at `end`."""
    rng = random.Random(seed)
    names = rng.choices(list(_SHARES), weights=list(_SHARES.values()), k=n)
    for i, name in enumerate(names):
        at = (end - timedelta(seconds=n - i)).isoformat()
        value = message(name, seed=rng.getrandbits(64), full=rng.random() < 0.5, event_timestamp=at)
        yield EVENT_TYPES[name][0], value

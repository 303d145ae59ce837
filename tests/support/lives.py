"""What people do over some months, by seed, with every awkward case: for funnels, cohorts and retention."""

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from openride_analytics.schema.events import EVENT_TYPES

NOW: Final = datetime.now(UTC)
# A month in which New York's clocks change, at a time of year when it is in the past and events of it are kept.
FIRST: Final = date(NOW.year - 1, 10, 15)
ZONES: Final = ("Africa/Lagos", "UTC", "Asia/Kathmandu", "America/New_York")

_START: Final = datetime.combine(FIRST - timedelta(days=20), time(), UTC)
_DAYS: Final = 70
_QUARTERS: Final = _DAYS * 96
# Which types are many in one life: those of the usual questions.
_USUAL: Final = ("booking.created", "payment.success", "booking.confirmed", "trip.completed")
_NEXT: Final = (
    timedelta(0),
    timedelta(0),
    timedelta(milliseconds=1),
    timedelta(minutes=15),
    timedelta(hours=24),
    timedelta(days=7),
    timedelta(days=30),
    timedelta(days=30, milliseconds=1),
    -timedelta(hours=30),
)


def lives(seed: int, people: int = 150) -> list[dict[str, Any]]:
    """Events out of order, some of them twice; some people never register, or more than once."""
    rng = random.Random(seed)
    ids = [_id(rng) for _ in range(people)]
    events = [event for n, who in enumerate(ids) for event in _life(rng, who, ids, registers=n % 6)]
    events += rng.sample(events, len(events) // 8)  # the same event again, at another offset
    rng.shuffle(events)
    return events


def _life(rng: random.Random, who: str, people: list[str], *, registers: int) -> list[dict[str, Any]]:
    at = _START + timedelta(minutes=15) * rng.randrange(_QUARTERS)
    if rng.random() < 0.5:
        at += timedelta(milliseconds=rng.randrange(900_000))
    events = []
    # 0: never; 4: again, in the same millisecond; 5: again, some time after, or before in the order of arrival; both
    # mostly as somebody else
    for _ in range((0, 1, 1, 1, 2, 2)[registers]):
        events.append(_registration(rng, at, who))
        at += timedelta(0) if registers == 4 else rng.choice(_NEXT)
    for _ in range(rng.choice((0, 2, 5, 12, 20))):
        event_type = rng.choice(_USUAL) if rng.random() < 0.6 else rng.choice(list(EVENT_TYPES))
        events.append(
            _registration(rng, at, who)
            if event_type == "user.registered" and registers == 5
            else _event(
                rng, event_type if event_type != "user.registered" else "booking.created", at, who, people
            )
        )
        at += rng.choice(_NEXT)
    return events


def _registration(rng: random.Random, at: datetime, who: str) -> dict[str, Any]:
    return {
        "event_id": _id(rng),
        "event_type": "user.registered",
        "event_timestamp": at,
        "user_id": who,
        "role": rng.choice(("RIDER", "RIDER", "DRIVER", "ADMIN")),
        "state": rng.choice(("Lagos", "Oyo", None)),
        "city": rng.choice(("Ìbàdàn", "Ikeja", "", None)),
    }


def _event(rng: random.Random, event_type: str, at: datetime, who: str, people: list[str]) -> dict[str, Any]:
    kind = EVENT_TYPES[event_type][0]
    event = {"event_id": _id(rng), "event_type": event_type, "event_timestamp": at}
    if kind == "user":
        return event | {"user_id": who}
    if kind in ("route", "location"):
        return event | {"driver_id": who, "route_id": _id(rng), "route_name": "Home", "lat": 6.5, "lon": 3.4}
    event |= {"rider_id": who, "booking_id": _id(rng), "currency": "NGN"}
    if kind == "payment":
        return event | {"payment_id": _id(rng)}
    by = rng.choice(("RIDER", "DRIVER", "SYSTEM")) if event_type.endswith(".cancelled") else None
    own = {"trip_id": _id(rng), "route_id": _id(rng), "driver_id": rng.choice(people), "cancelled_by": by}
    return event | own


def _id(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128)))

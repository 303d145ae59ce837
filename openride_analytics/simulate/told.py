"""An event as the simulation tells it, before it is bytes."""

import random
import uuid
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import msgspec

from openride_analytics.schema.events import ENTITY, EVENT_TYPES

LOCAL = timezone(timedelta(hours=1))  # Nigeria: UTC+1 all year
_encoder = msgspec.json.Encoder()


class Told(NamedTuple):
    """One event: when, on which kind of topic, under which key; `event` is what JSON says, in that order."""

    at: datetime
    kind: str
    key: str
    event: dict[str, object]

    def encode(self) -> bytes:
        return _encoder.encode(self.event)


def tell(rng: random.Random, event_type: str, at: datetime, **fields: object) -> Told:
    """Fields that are None are left out."""
    kind, _ = EVENT_TYPES[event_type]
    event: dict[str, object] = {
        "event_id": new_id(rng),
        "event_type": event_type,
        "event_timestamp": stamp(at),
    }
    event.update((name, value) for name, value in fields.items() if value is not None)
    return Told(at, kind, str(event[ENTITY[kind].field]), event)


def new_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def stamp(at: datetime) -> str:
    """RFC 3339 with milliseconds; in UTC as `Z`, else with the offset that `at` has."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(amount: float) -> str:
    """Naira are charged in fifties; a money string always has two places."""
    return f"{max(50, round(amount / 50) * 50)}.00"


def between(rng: random.Random, low: timedelta, high: timedelta) -> timedelta:
    return low + (high - low) * rng.random()

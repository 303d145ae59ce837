"""Messages that can never be stored: every way in which one can be bad, and the reason it must be given."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from msgspec import Raw

from openride_analytics.errors import Reason
from openride_analytics.schema.events import EVENT_TYPES, KINDS
from tests.support.events import ABSENT, NOW, message

Hostile = tuple[bytes | None, Reason, str]
_Maker = Callable[[random.Random, datetime], Hostile]

_DEEP = 100_000
_BIG_INTEGER = Raw(str(2**70).encode())
_BIG_NUMBER = Raw(b"1E999999")

# A valid event of any type around it makes each of these bytes the only thing wrong.
_NOT_JSON: tuple[Callable[[bytes], bytes], ...] = (
    lambda good: b"",
    lambda good: b" \n",
    lambda good: b"\xef\xbb\xbf" + good,
    lambda good: good[:-1],
    lambda good: good + b"}",
    lambda good: good + good,
    lambda good: good.replace(b'"', b"'"),
    lambda good: good[:-1] + b",}",
    lambda good: good[:-1] + b',"extra":NaN}',
    lambda good: good[:-1] + b',"extra":-Infinity}',
    lambda good: good[:-1] + b',"extra":01}',
    lambda good: good[:-1] + b',"extra":"\x01"}',
    lambda good: good[:-1] + b',"extra":"\\ud800"}',
    lambda good: good[:-1] + b',"extra":"\xff"}',
    lambda good: good[:-1] + b',"extra":"\xc0\xaf"}',
    lambda good: good[:-1] + b',"extra":"\xed\xa0\x80"}',
    lambda good: good[:-1] + b',"\xfe":1}',
    lambda good: good[:-1] + b',"city":"\xff"}',
)

_DEEPLY_NESTED: tuple[Callable[[bytes], bytes], ...] = (
    lambda good: b"[" * _DEEP,
    lambda good: b"[" * _DEEP + b"]" * _DEEP,
    lambda good: good[:-1] + b',"extra":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    lambda good: good[:-1] + b',"event_id":' + b'{"":' * _DEEP + b"1" + b"}" * _DEEP + b"}",
)

_NOT_AN_OBJECT = (
    b"null",
    b"true",
    b"5",
    b'"text"',
    b"[]",
    b'["event_type"]',
    b"1E999999",
    str(2**70).encode(),
)

_NO_EVENT_TYPE: tuple[object, ...] = (ABSENT, None, 5, True, [], {"event_type": "trip.started"})

_UNKNOWN_EVENT_TYPE = (
    "",
    "trip",
    "Trip.Started",
    "trip.started ",
    "trip.started\0",
    "user.deleted",
    "_Route",
)

# (event type, what is changed)
_VIOLATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("user.registered", {"phone": "+234801234567"}),
    ("user.registered", {"phone": "+2348012345678\n"}),
    ("user.registered", {"role": "rider"}),
    ("user.registered", {"user_id": ABSENT}),
    ("user.registered", {"user_id": "42"}),
    ("user.registered", {"event_timestamp": ABSENT}),
    ("user.registered", {"event_timestamp": "2026-11-20T12:00:00"}),
    ("user.registered", {"event_timestamp": "2026-11-20"}),
    ("user.registered", {"event_timestamp": "0000-01-01T00:00:00Z"}),
    ("user.registered", {"event_timestamp": 1795176000}),
    ("user.kyc_verified", {"event_id": "42"}),
    ("user.upgraded_to_driver", {"previous_role": "ADMIN"}),
    ("booking.created", {"seats_booked": 9}),
    ("booking.created", {"seats_booked": _BIG_INTEGER}),
    ("booking.created", {"total_price": _BIG_NUMBER}),
    ("booking.created", {"total_price": "1E999999"}),
    ("booking.created", {"total_price": "NaN"}),
    ("booking.created", {"total_price": "Infinity"}),
    ("booking.created", {"total_price": "-0.01"}),
    ("booking.created", {"total_price": "0.001"}),
    ("booking.created", {"total_price": "1_000"}),
    ("booking.created", {"total_price": "1000000000000"}),
    ("booking.created", {"pickup_lat": 90.1}),
    ("booking.created", {"pickup_lon": _BIG_NUMBER}),
    ("booking.created", {"scheduled_departure": "0001-01-01T00:00:00Z"}),
    ("booking.created", {"scheduled_departure": "9999-12-31T23:59:59Z"}),
    ("booking.created", {"scheduled_departure": "2026-11-20T13:00:00"}),
    ("booking.completed", {"duration_minutes": _BIG_INTEGER}),
    ("booking.completed", {"duration_minutes": -1}),
    ("booking.cancelled", {"cancelled_by": "NOBODY"}),
    ("payment.initiated", {"currency": "ZZZ"}),
    ("payment.initiated", {"payment_method": None}),
    ("payment.success", {"processing_time_ms": _BIG_INTEGER}),
    ("payment.success", {"provider_transaction_id": None}),
    ("payment.refunded", {"refund_amount": _BIG_INTEGER}),
    ("trip.completed", {"distance_km": _BIG_NUMBER}),
    ("trip.completed", {"distance_km": -1}),
    ("trip.completed", {"on_time": "yes"}),
    ("route.created", {"departure_time": "25:00"}),
    ("route.created", {"active_days": ["MON", "MONDAY"]}),
    ("route.updated", {"updated_fields": [1]}),
    ("driver.location.updated", {"lat": -90.5}),
    ("driver.location.updated", {"bearing": 360}),
    ("driver.location.updated", {"speed_kmh": _BIG_NUMBER}),
)

_FAR_TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999-23:59",
    "1969-12-31T23:59:59Z",
)


def _any(rng: random.Random, now: datetime, **changes: Any) -> tuple[bytes, str]:
    """A good message of any type, but for the changes, and its kind."""
    name = rng.choice(list(EVENT_TYPES))
    changes = {"event_timestamp": now.isoformat(), **changes}
    value = message(name, seed=rng.getrandbits(64), full=rng.random() < 0.5, **changes)
    return value, EVENT_TYPES[name][0]


def _tombstone(rng: random.Random, now: datetime) -> Hostile:
    return None, Reason.INVALID_JSON, _any(rng, now)[1]


def _broken(how: Callable[[bytes], bytes]) -> _Maker:
    def make(rng: random.Random, now: datetime) -> Hostile:
        good, kind = _any(rng, now)
        return how(good), Reason.INVALID_JSON, kind

    return make


def _not_an_object(value: bytes) -> _Maker:
    return lambda rng, now: (value, Reason.NOT_AN_OBJECT, _any(rng, now)[1])


def _tagged(tag: object, reason: Reason) -> _Maker:
    def make(rng: random.Random, now: datetime) -> Hostile:
        value, kind = _any(rng, now, event_type=tag)
        return value, reason, kind

    return make


def _wrong_topic(rng: random.Random, now: datetime) -> Hostile:
    good, kind = _any(rng, now)
    return good, Reason.WRONG_TOPIC, rng.choice([other for other in KINDS if other != kind])


def _violating(name: str, changes: dict[str, Any]) -> _Maker:
    def make(rng: random.Random, now: datetime) -> Hostile:
        changed = {"event_timestamp": now.isoformat(), **changes}
        value = message(name, seed=rng.getrandbits(64), full=rng.random() < 0.5, **changed)
        return value, Reason.SCHEMA_VIOLATION, EVENT_TYPES[name][0]

    return make


def _two_tags(rng: random.Random, now: datetime) -> Hostile:
    good, kind = _any(rng, now)
    other = b"trip.started" if kind == "user" else b"user.registered"
    return b'{"event_type":"' + other + b'",' + good[1:], Reason.SCHEMA_VIOLATION, kind


def _at(when: Callable[[datetime], str]) -> _Maker:
    def make(rng: random.Random, now: datetime) -> Hostile:
        value, kind = _any(rng, now, event_timestamp=when(now))
        return value, Reason.TIMESTAMP_OUT_OF_RANGE, kind

    return make


def _fixed(time: str) -> _Maker:
    return _at(lambda now: time)


def _too_large(max_bytes: int) -> _Maker:
    def make(rng: random.Random, now: datetime) -> Hostile:
        good, kind = _any(rng, now)
        filler = b',"extra":"' + b"x" * (max_bytes + 1 - len(good) - len(b',"extra":""')) + b'"}'
        return good[:-1] + filler, Reason.TOO_LARGE, kind

    return make


def _small(max_age_days: int) -> list[_Maker]:
    makers: list[_Maker] = [_tombstone, _wrong_topic, _two_tags]
    makers += [_broken(how) for how in _NOT_JSON]
    makers += [_not_an_object(value) for value in _NOT_AN_OBJECT]
    makers += [_tagged(tag, Reason.MISSING_EVENT_TYPE) for tag in _NO_EVENT_TYPE]
    makers += [_tagged(tag, Reason.UNKNOWN_EVENT_TYPE) for tag in _UNKNOWN_EVENT_TYPE]
    makers += [_violating(name, changes) for name, changes in _VIOLATIONS]
    makers += [_fixed(time) for time in _FAR_TIMES]
    makers += [
        _at(lambda now: (now + timedelta(hours=25)).isoformat()),
        _at(lambda now: (now - timedelta(days=max_age_days, hours=1)).isoformat()),
    ]
    return makers


def hostile_messages(
    seed: int, n: int, *, now: datetime = NOW, max_bytes: int = 1 << 20, max_age_days: int = 730
) -> Iterator[Hostile]:
    """`n` messages, each with the reason it must be refused for and the kind of topic it is sent to.

    Every way to be bad comes first once (there are about 110), then any of them; the large ones (beyond
    `max_bytes`, or 100,000 deep) are then one in a hundred, so that 1,000 messages are about 20 MB.
    """
    rng = random.Random(seed)
    small = _small(max_age_days)
    large = [_too_large(max_bytes), *(_broken(how) for how in _DEEPLY_NESTED)]
    once = [*small, *large]
    rng.shuffle(once)
    for i in range(n):
        maker = once[i] if i < len(once) else rng.choice(large if rng.random() < 0.01 else small)
        yield maker(rng, now)

"""From the bytes of one message to an event, or to the reason why it can never be stored. Pure.

A good message is parsed once. Only one that failed is looked at again, question by question, to say why: see
`diagnosis`.
"""

import re
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from openride_analytics.errors import Reason, Rejected
from openride_analytics.ingest.diagnosis import diagnose, too_deep
from openride_analytics.schema.events import EVENT_TYPES, KINDS, Event
from openride_analytics.schema.fields import EXPECTED, MONEY_FIELDS

_DAY = 86_400.0

# All nineteen, also for a topic of one: msgspec lets a struct's tag be missing where it is no union's member.
_union: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    reduce(or_, (struct for _, struct in EVENT_TYPES.values()))
)

# Decimal() takes "1_000", " 1 " and the digits of every script too; a producer's decimal is like this.
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

# The money of a struct, as written.
_written: dict[type[Event], msgspec.json.Decoder[Any]] = {
    struct: msgspec.json.Decoder(
        msgspec.defstruct("Written", [(name, msgspec.Raw, msgspec.Raw()) for name in names])
    )
    for struct, names in MONEY_FIELDS.items()
    if names
}


class Decoder:
    """Decodes the messages of one topic: `Decoder("trip", max_bytes=..., max_age_days=...)(value, now)`."""

    __slots__ = ("_kind", "_max_age", "_max_bytes", "_money", "_structs")

    def __init__(self, kind: str, max_bytes: int, max_age_days: int) -> None:
        self._kind = kind
        self._max_bytes = max_bytes
        self._max_age = max_age_days * _DAY
        self._structs = frozenset(KINDS[kind])
        self._money = {struct: MONEY_FIELDS[struct] for struct in KINDS[kind] if MONEY_FIELDS[struct]}

    def __call__(self, value: bytes | None, now: float) -> Event:
        """The event that a message holds; `now` is in epoch seconds. Raises Rejected, and nothing else."""
        if value is None:
            raise Rejected(Reason.INVALID_JSON, "a tombstone: the message has no value")
        if len(value) > self._max_bytes:
            raise Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {self._max_bytes} are taken")
        try:
            if not value.isascii():
                str(value, "utf-8")  # msgspec looks for bad UTF-8 only in what it keeps
            event = _union.decode(value)
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
            raise diagnose(value, self._kind) from None
        if type(event) not in self._structs or too_deep(value):
            raise diagnose(value, self._kind)
        for field in self._money.get(type(event), ()):
            amount = getattr(event, field)
            # Nearly always the digits stand there as Decimal writes them, between quotes.
            if amount is not None and f'"{amount}"'.encode() not in value:
                _check_digits(value, type(event), field)
        self._check_age(event.event_timestamp.timestamp(), now)
        return event

    def _check_age(self, at: float, now: float) -> None:
        if at > now + _DAY:
            raise Rejected(Reason.TIMESTAMP_OUT_OF_RANGE, "event_timestamp: more than 24 h in the future")
        # A DateTime holds no time before 1970, whatever age is allowed.
        if at < now - self._max_age or at < 0:
            days = f"{self._max_age / _DAY:g}"
            raise Rejected(
                Reason.TIMESTAMP_OUT_OF_RANGE, f"event_timestamp: more than {days} days old, or before 1970"
            )


def _check_digits(value: bytes, struct: type[Event], field: str) -> None:
    """Refuse money that only Decimal() would read; a JSON number is always well written."""
    written = bytes(getattr(_written[struct].decode(value), field))
    if written.startswith(b'"') and not _DECIMAL.fullmatch(msgspec.json.decode(written, type=str)):
        raise Rejected(Reason.SCHEMA_VIOLATION, f"{field}: expected {EXPECTED[struct][field]}")

"""From the bytes of one message to an event, or to the reason why it can never be stored. Pure.

A good message is parsed once. Only one that failed is looked at again, question by question, to say why: see
`diagnosis`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_

import msgspec
import numpy as np
from msgspec.structs import astuple

from openride_analytics.errors import Reason, Rejected
from openride_analytics.ingest.diagnosis import diagnose, too_deep
from openride_analytics.schema.events import EVENT_TYPES, KINDS, Event
from openride_analytics.schema.fields import EXPECTED, MONEY_FIELDS
from openride_analytics.store.native import Ticks, milliseconds

_DAY = 86_400.0
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# All nineteen, also for a topic of one: msgspec lets a struct's tag be missing where it is no union's member.
_union: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    reduce(or_, (struct for _, struct in EVENT_TYPES.values()))
)

# Decimal() takes "1_000", " 1 " and the digits of every script too; a producer's decimal is like this.
_is_decimal = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch

# As nearly all money is written: digits in a text, or no text at all.
_is_plain = re.compile(rb'"[0-9]+(?:\.[0-9]*)?"|[^"]*').fullmatch

# The money of a struct, as written.
_written: dict[type[Event], Callable[[bytes], msgspec.Struct]] = {
    struct: msgspec.json.Decoder(
        msgspec.defstruct("Written", [(name, msgspec.Raw, msgspec.Raw()) for name in names])
    ).decode
    for struct, names in MONEY_FIELDS.items()
    if names
}


class Decoder:
    """Decodes the messages of one topic."""

    __slots__ = ("_kind", "_max_age", "_max_bytes", "_structs")

    def __init__(self, kind: str, max_bytes: int, max_age_days: int) -> None:
        self._kind = kind
        self._max_bytes = max_bytes
        self._max_age = max_age_days * _DAY
        self._structs = frozenset(KINDS[kind])

    def __call__(self, value: bytes | None, now: float) -> Event:
        """The event that a message holds; `now` is in epoch seconds. Raises Rejected, and nothing else."""
        (outcome,), _ = self.all([value], now)
        if isinstance(outcome, Rejected):
            raise outcome
        return outcome

    def all(self, values: Sequence[bytes | None], now: float) -> tuple[list[Event | Rejected], Ticks]:
        """The event that each message holds, or why it can never be stored; and when each happened, in ms since 1970.

        A rejected one happened at any time.
        """
        outcomes = list(map(self._event, values))
        at = milliseconds(
            [_NEVER if isinstance(event, Rejected) else event.event_timestamp for event in outcomes]
        )
        # A DateTime holds no time before 1970, whatever age is allowed.
        oldest, newest = max(now - self._max_age, 0) * 1000, (now + _DAY) * 1000
        for place in np.flatnonzero((at < oldest) | (at > newest)):
            if not isinstance(outcomes[place], Rejected):
                outcomes[place] = self._out_of_range(future=at[place] > newest)
        return outcomes, at

    def _event(self, value: bytes | None) -> Event | Rejected:
        """Whenever it happened."""
        if value is None:
            return Rejected(Reason.INVALID_JSON, "a tombstone: the message has no value")
        if len(value) > self._max_bytes:
            return Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {self._max_bytes} are taken")
        try:
            if not value.isascii():
                str(value, "utf-8")  # msgspec looks for bad UTF-8 only in what it keeps
            event = _union.decode(value)
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
            return diagnose(value, self._kind)
        if type(event) not in self._structs or too_deep(value):
            return diagnose(value, self._kind)
        written = _written.get(type(event))
        if written is not None:
            for place, money in enumerate(astuple(written(value))):
                if not _is_plain(money) and not _is_decimal(msgspec.json.decode(money, type=str)):
                    field = MONEY_FIELDS[type(event)][place]
                    expected = EXPECTED[type(event)][field]
                    return Rejected(Reason.SCHEMA_VIOLATION, f"{field}: expected {expected}")
        return event

    def _out_of_range(self, *, future: bool) -> Rejected:
        if future:
            return Rejected(Reason.TIMESTAMP_OUT_OF_RANGE, "event_timestamp: more than 24 h in the future")
        days = f"{self._max_age / _DAY:g}"
        return Rejected(
            Reason.TIMESTAMP_OUT_OF_RANGE, f"event_timestamp: more than {days} days old, or before 1970"
        )

"""Moves all instants of a file's events by one span, so that the newest event happens now."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.schema.fields import field_types


def _holds_instant(hint: Any) -> bool:
    return hint is datetime or any(_holds_instant(argument) for argument in get_args(hint))


INSTANTS = frozenset(
    name
    for _, struct in EVENT_TYPES.values()
    for name, hint in field_types(struct).items()
    if _holds_instant(hint)
)

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


class _Timed(msgspec.Struct):
    event_timestamp: str


_timed = msgspec.json.Decoder(_Timed)


def newest(lines: Iterable[bytes]) -> datetime | None:
    """The latest event_timestamp of the lines that have one."""
    latest: datetime | None = None
    for line in lines:
        try:
            at = parse_instant(_timed.decode(line).event_timestamp)
        except (msgspec.MsgspecError, ValueError):
            continue
        if latest is None or at > latest:
            latest = at
    return latest


def span_to(now: float, latest: datetime) -> timedelta:
    """How far to move events so that `latest` comes to `now` (epoch seconds), in whole seconds, not beyond it."""
    return timedelta(seconds=(datetime.fromtimestamp(now, UTC) - latest) // timedelta(seconds=1))


def rebase(line: bytes, span: timedelta) -> bytes:
    """The event with its instants moved; everything else in it stays as written, but for spaces between.

    Raises ValueError (msgspec's errors are ones) for what is no JSON object or no instant.
    """
    event = _decoder.decode(line)
    for name in INSTANTS & event.keys():
        written = msgspec.json.decode(event[name])
        if isinstance(written, str):
            event[name] = msgspec.Raw(_encoder.encode(move(written, span)))
    return _encoder.encode(event)


def move(written: str, span: timedelta) -> str:
    """An RFC 3339 instant later by `span`, with the offset and the kind of fraction that it had."""
    at = parse_instant(written) + span
    precise = at.microsecond % 1000 != 0
    fraction = "microseconds" if precise else "milliseconds" if "." in written else "seconds"
    moved = at.isoformat(timespec=fraction)
    return moved.removesuffix("+00:00") + "Z" if written[-1] in "zZ" else moved


def parse_instant(written: str) -> datetime:
    """Raises ValueError for what is no instant, or has no offset."""
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError("an instant without an offset")
    return at

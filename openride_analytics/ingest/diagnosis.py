"""Why a message cannot be decoded: questions in order, each asked only if the one before was answered well.

Details name the field and what was expected, and never repeat what the message said: that may be personal.
"""

import re

import msgspec

from openride_analytics.errors import Reason, Rejected
from openride_analytics.schema.events import EVENT_TYPES, Event
from openride_analytics.schema.fields import EXPECTED

# Python's own limit depends on how deep the caller stands; this one makes a message's fate always the same.
MAX_DEPTH = 128

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_WHITESPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"

_PLACE = re.compile(r" - at `\$\.(?P<path>(?P<field>\w+)[^`]*)`$")
_MISSING = re.compile(r"missing required field `(?P<field>\w+)`")
_GOT = re.compile(r", got `(?P<type>\w+)`")
_CHECKED = re.compile(r"^(?P<field>\w+): ")


class _Tagged(msgspec.Struct):
    event_type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_whole = msgspec.json.Decoder(msgspec.Raw)
_tagged = msgspec.json.Decoder(_Tagged)
_text = msgspec.json.Decoder(str)
_structs = {struct: msgspec.json.Decoder(struct) for _, struct in EVENT_TYPES.values()}


def too_deep(value: bytes) -> bool:
    """Whether arrays and objects are nested deeper than MAX_DEPTH. `value` must be well-formed JSON."""
    if value.find(b"{", 1) < 0 and b"[" not in value:  # nearly always
        return False
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", value).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def diagnose(value: bytes, kind: str) -> Rejected:
    """The first thing wrong with a message of this kind's topic that could not be decoded."""
    return _wrong_json(value) or _wrong_object(value, kind)


def _wrong_json(value: bytes) -> Rejected | None:
    if not value.strip(_WHITESPACE):
        return Rejected(Reason.INVALID_JSON, "the value is empty")
    if value.startswith(_BOM):
        return Rejected(Reason.INVALID_JSON, "the value begins with a byte order mark")
    try:
        str(value, "utf-8")
        _whole.decode(value)
    except UnicodeDecodeError as error:
        return Rejected(Reason.INVALID_JSON, f"not UTF-8 at byte {error.start}")
    except RecursionError:
        return Rejected(Reason.INVALID_JSON, f"nested deeper than {MAX_DEPTH}")
    except msgspec.DecodeError as error:  # its message holds a position, nothing of the value
        return Rejected(Reason.INVALID_JSON, f"not JSON: {error}")
    if too_deep(value):
        return Rejected(Reason.INVALID_JSON, f"nested deeper than {MAX_DEPTH}")
    return None


def _wrong_object(value: bytes, kind: str) -> Rejected:
    if not value.lstrip(_WHITESPACE).startswith(b"{"):
        return Rejected(Reason.NOT_AN_OBJECT, "expected an object")
    tag = _tagged.decode(value).event_type
    if isinstance(tag, msgspec.UnsetType):
        return Rejected(Reason.MISSING_EVENT_TYPE, "event_type: required")
    try:
        name = _text.decode(tag)
    except msgspec.ValidationError:
        return Rejected(Reason.MISSING_EVENT_TYPE, "event_type: expected text")
    if name not in EVENT_TYPES:
        return Rejected(Reason.UNKNOWN_EVENT_TYPE, f"event_type: none of the {len(EVENT_TYPES)} known types")
    right_kind, struct = EVENT_TYPES[name]
    if right_kind != kind:
        return Rejected(
            Reason.WRONG_TOPIC,
            f"event_type: {name} belongs to the {right_kind} topic, this is the {kind} topic",
        )
    try:
        _structs[struct].decode(value)
    except msgspec.ValidationError as error:
        return Rejected(Reason.SCHEMA_VIOLATION, _violation(str(error), struct))
    # Only a tag that is given twice can be right for its own struct and wrong for the union.
    return Rejected(Reason.SCHEMA_VIOLATION, "event_type: given more than once, with different values")


def _violation(said: str, struct: type[Event]) -> str:
    """msgspec's message, or that of a struct's own check, in our words: its own may quote the value."""
    expected = EXPECTED[struct]
    if missing := _MISSING.search(said):
        return f"{missing['field']}: required, expected {expected[missing['field']]}"
    if place := _PLACE.search(said):
        if place["field"] not in expected:
            return f"{place['field']}: given more than once, with different values"
        got = _GOT.search(said)
        return f"{place['path']}: expected {expected[place['field']]}" + (
            f", got {got['type']}" if got else ""
        )
    if checked := _CHECKED.match(said):
        return f"{checked['field']}: expected {expected[checked['field']]}"
    return "the fields do not fit together"

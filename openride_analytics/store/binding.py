"""`{name:Type}` placeholders in SQL → literals that ClickHouse reads back as exactly the value given.

On the client, because asynch has no parameters on the wire. The set of types is closed, and every literal
is built from a checked value, never from a caller's text as it came.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from openride_analytics.errors import Fatal

MOMENT_YEARS: Final = range(1900, 2300)  # in UTC
DATE_YEARS: Final = range(1970, 2149)

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*):([^{}]+)\}")
_ESCAPES: Final = {"\\": "\\\\", "'": "\\'"} | {chr(c): f"\\x{c:02X}" for c in (*range(0x20), 0x7F)}
_ESCAPED: Final = str.maketrans(_ESCAPES)


def bind(sql: str, params: Mapping[str, object], *, identifiers: Collection[str] = ()) -> str:
    """The statement with every placeholder replaced, `{x:Identifier}` by one of `identifiers` only.

    Raises Fatal if a placeholder has no value, a value no placeholder, or a type is unknown; TypeError and
    ValueError if a value is not of its placeholder's type.
    """
    used: set[str] = set()

    def literal(match: re.Match[str]) -> str:
        name, type_ = match[1], match[2].replace(" ", "")
        if name not in params:
            raise Fatal(f"SQL placeholder {name} has no value")
        used.add(name)
        if type_ == "Identifier":
            return _identifier(name, params[name], identifiers)
        if type_ not in LITERALS:
            raise Fatal(f"SQL placeholder {name} has the unknown type {type_}")
        try:
            return LITERALS[type_](params[name])
        except (TypeError, ValueError) as error:
            raise type(error)(f"SQL placeholder {name}: {type_} expected") from None

    bound = _PLACEHOLDER.sub(literal, sql)
    if unused := params.keys() - used:
        raise Fatal(f"no SQL placeholder for {', '.join(sorted(unused))}")
    return bound


def quote(value: str) -> str:
    """A string literal. No control character survives in it, so it cannot end a comment's line either."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a surrogate is no character") from None
    return f"'{value.translate(_ESCAPED)}'"


def _exactly(value: object, type_: type) -> Any:
    if type(value) is not type_:
        raise TypeError
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return quote(str(value))


def _integer(value: object, low: int, high: int) -> str:
    if not low <= _exactly(value, int) <= high:
        raise ValueError
    return f"{value}" if value >= 0 else f"({value})"  # type: ignore[operator] # `-` before it would be a comment


def _float(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return f"toFloat64({quote(repr(float(value)))})"


def _moment(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError
    if value.tzinfo is None:
        raise ValueError
    moment = value.astimezone(UTC)
    if moment.year not in MOMENT_YEARS:
        raise ValueError
    text = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    return f"toDateTime64('{text}', 3, 'UTC')"


def _date(value: object) -> str:
    day: date = _exactly(value, date)
    if day.year not in DATE_YEARS:
        raise ValueError
    return f"toDate('{day.isoformat()}')"


def _id(value: object) -> str:
    return f"'{_exactly(value, UUID)}'"


def _uuid(value: object) -> str:
    return f"toUUID({_id(value)})"


def _array(value: object, item: Callable[[Any], str], type_: str) -> str:
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        raise TypeError
    return f"CAST([{', '.join(map(item, value))}], 'Array({type_})')"


def _identifier(name: str, value: object, allowed: Collection[str]) -> str:
    if (
        value not in allowed
        or not isinstance(value, str)
        or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value)
    ):
        raise Fatal(f"SQL placeholder {name}: not one of the allowed identifiers")
    return f"`{value}`"


_INTEGERS: Final = {
    **{f"UInt{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
    **{f"Int{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
_SCALARS: Final[dict[str, Callable[[Any], str]]] = {
    "String": _string,
    "UUID": _uuid,
    "Date": _date,
    "Float64": _float,
    "DateTime64(3,'UTC')": _moment,
    **{type_: partial(_integer, low=low, high=high) for type_, (low, high) in _INTEGERS.items()},
}
LITERALS: Final[dict[str, Callable[[Any], str]]] = {
    **_SCALARS,
    **{f"Array({t})": partial(_array, item=_SCALARS[t], type_=t) for t in ("String", *_INTEGERS)},
    "Array(UUID)": partial(_array, item=_id, type_="UUID"),  # fifty toUUID() would take a millisecond
}

"""Query parameters: a struct says which there are; here they are decoded.

Every problem of a query string is found at once, and says what would be allowed. What a value means (a zone,
a range) is checked where it is understood, in `stats`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from openride_analytics.api.allowed import allowed
from openride_analytics.errors import Invalid, quotable

T = TypeVar("T", bound=msgspec.Struct)

MAX_PARAMETERS: Final = 100


def asks(struct: type[T]) -> Provide:
    """A dependency: the request's query, decoded into `struct`."""

    def decoded(request: Request[Any, Any, Any]) -> Any:
        return decode(request.scope["query_string"], struct)

    return Provide(decoded, sync_to_thread=False, use_cache=False)


def decode(query_string: bytes, struct: type[T], *, others: Collection[str] = ()) -> T:
    """Raises a group of Invalid: one for each unknown, repeated or malformed parameter. `others` are left alone."""
    given = pairs(query_string)
    fields = parameters(struct)
    known = ", ".join(fields) or "none"
    values: dict[str, Any] = {}
    problems: list[Invalid] = []
    for name, text in given:
        if name in others:
            continue
        if name not in fields:
            problems.append(Invalid(quotable(name), "is not a parameter of this resource", known))
        elif name in values:
            problems.append(Invalid(name, "is given more than once", "once"))
        else:
            field = fields[name]
            try:
                values[name] = msgspec.convert(text, field.type, strict=False)
            except msgspec.ValidationError:
                values[name] = None
                problems.append(Invalid(name, "is not allowed", field.allowed))
    for name, field in fields.items():
        if field.required and name not in values:
            problems.append(Invalid(name, "is missing", field.allowed))
    if problems:
        raise ExceptionGroup("query", problems)
    return struct(**values)


class _Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


def asks_nothing(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """The guard of resources without parameters."""
    decode(connection.scope["query_string"], _Nothing)


@dataclass(frozen=True)
class Field:
    """One parameter: its type, and what is allowed as JSON schema and in words."""

    type: Any
    required: bool
    schema: dict[str, Any]  # JSON schema, without references
    allowed: str


@cache
def parameters(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """The parameters that the struct has a field for."""
    hints = get_type_hints(struct, include_extras=True)
    found: dict[str, Field] = {}
    for field in msgspec.structs.fields(struct):
        schema = _flat(msgspec.json.schema(hints[field.name]))
        if field.default not in (msgspec.NODEFAULT, None):
            schema["default"] = msgspec.to_builtins(field.default)
        found[field.name] = Field(_given(hints[field.name]), field.required, schema, allowed(schema, {}))
    return found


def _given(hint: Any) -> Any:
    """What a text may be converted to: without the None of "not given", which "null" would become."""
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(inner) not in (Union, UnionType):
        return hint
    (given,) = (kind for kind in get_args(inner) if kind is not NoneType)
    return given


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references and without the null that stands for "not given"."""
    definitions = schema.pop("$defs", {})
    if {"type": "null"} in schema.get("anyOf", ()):
        (given,) = (option for option in schema.pop("anyOf") if option != {"type": "null"})
        schema = {**given, **schema}
    if "$ref" in schema:
        enum = definitions[schema.pop("$ref").rpartition("/")[2]]
        schema = {"type": "string", "enum": enum["enum"], **schema}
    return schema


def pairs(query_string: bytes) -> list[tuple[str, str]]:
    """Names and values of a query, as many as there may be. Raises Invalid."""
    try:
        return parse_qsl(
            query_string.decode("ascii", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise Invalid("query", "has too many parameters", f"at most {MAX_PARAMETERS}") from None

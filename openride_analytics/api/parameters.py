"""Query parameters: a struct says which there are; here they are decoded, and described for OpenAPI.

Every problem of a query string is found at once, and says what would be allowed. What a value means (a zone,
a range) is checked where it is understood, in `stats`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.di import Provide
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema

from openride_analytics.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)

MAX_PARAMETERS: Final = 100

DESCRIPTIONS: Final = {
    "start_date": "First day of the range (2026-10-01), or the instant it begins (2026-10-01T08:00:00+01:00). "
    "Default: the 30 days to end_date.",
    "end_date": "Last day of the range, inclusive; an instant is excluded. Default: today.",
    "timezone": "IANA name of the time zone that days, weeks and months are of. Default: the service's.",
    "include_time_series": "Also give the numbers bucket by bucket.",
    "granularity": "How long the buckets of the time series are; weeks begin on Monday.",
    "steps": "2 to 10 event types, with commas between. Default: user.registered, booking.created, "
    "payment.success, booking.confirmed, trip.completed.",
    "window_days": "How many times 24 hours after their first step people have for all the others.",
    "breakdown": "Give the funnel also for each role, state or city that people registered with.",
    "cohort_type": "How long the periods are: days, weeks (from Monday) or months.",
    "periods": "How many cohorts there are, and for how many periods each is followed.",
    "user_type": "The role that people registered with.",
    "mode": "Whether people have to act on the very day (exact), or on it or later (rolling).",
    "limit": "How many to list at most.",
    "sort": "What to list first: those with the most of it.",
    "metric": "What is counted or added up.",
    "level": "How large the places are; a hex is an H3 cell of the pickup.",
    "resolution": "H3 resolution of hexes; it has no meaning for states and cities.",
    "compare": "Also give the same over as many days just before.",
    "moving_average": "Also give the mean over that many buckets, up to each one.",
    "dataset": "What to export; `datasets` says what there is, and which columns.",
    "columns": "Names of columns, with commas between. Default: those that `datasets` says.",
    "offset": "How many to pass over.",
    "group_by": "state, city (of the route's origin; of registrations, as registered); payment_method of payments "
    "and revenue. Active users have no groups.",
}


def asks(struct: type[T]) -> Provide:
    """A dependency: the request's query, decoded into `struct`."""

    def decoded(request: Request[Any, Any, Any]) -> Any:
        return decode(request.scope["query_string"], struct)

    return Provide(decoded, sync_to_thread=False, use_cache=False)


def decode(query_string: bytes, struct: type[T], *, others: Collection[str] = ()) -> T:
    """Raises a group of Invalid: one for each unknown, repeated or malformed parameter. `others` are left alone."""
    given = _pairs(query_string)
    fields = _fields(struct)
    known = ", ".join(fields) or "none"
    values: dict[str, Any] = {}
    problems: list[Invalid] = []
    for name, text in given:
        if name in others:
            continue
        if name not in fields:
            problems.append(Invalid(_shown(name), "is not a parameter of this resource", known))
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


def documented(struct: type[msgspec.Struct]) -> type[Operation]:
    """An OpenAPI operation that has the struct's fields for query parameters."""

    def parameters() -> Iterator[Parameter]:
        for name, field in _fields(struct).items():
            yield Parameter(
                name=name,
                param_in="query",
                required=field.required,
                description=DESCRIPTIONS.get(name),
                schema=_openapi(field.schema),
            )

    @dataclass
    class Asking(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *parameters()]

    return Asking


@dataclass(frozen=True)
class _Field:
    type: Any
    required: bool
    schema: dict[str, Any]  # JSON schema, without references
    allowed: str


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, _Field]:
    hints = get_type_hints(struct, include_extras=True)
    found: dict[str, _Field] = {}
    for field in msgspec.structs.fields(struct):
        schema = _flat(msgspec.json.schema(hints[field.name]))
        if field.default not in (msgspec.NODEFAULT, None):
            schema["default"] = msgspec.to_builtins(field.default)
        found[field.name] = _Field(hints[field.name], field.required, schema, _allowed(schema))
    return found


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references and without the null that stands for "not given"."""
    definitions = schema.get("$defs", {})
    if "anyOf" in schema:
        (schema,) = (option for option in schema["anyOf"] if option.get("type") != "null")
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return dict(schema)


def _allowed(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "boolean":
        return "true, false"
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f" from {low} to {high}" if low is not None and high is not None else ""
    return f"{'an integer' if schema.get('type') == 'integer' else 'a ' + str(schema.get('type'))}{bounds}"


def _openapi(schema: dict[str, Any]) -> Schema:
    return Schema(
        type=OpenAPIType(schema.get("type", "string")),
        enum=schema.get("enum"),
        default=schema.get("default"),
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
    )


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query_string.decode("ascii", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise Invalid("query", "has too many parameters", f"at most {MAX_PARAMETERS}") from None


def _shown(name: str) -> str:
    """A name that somebody else chose, fit to be quoted."""
    return "".join(char if char.isprintable() else "?" for char in name[:64])

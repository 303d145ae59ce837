"""What is known of each struct's fields from their types alone: said in words, and which hold money."""

from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Meta
from msgspec.structs import fields

from openride_analytics.schema.events import EVENT_TYPES, Event


def field_types(struct: type[Event]) -> dict[str, Any]:
    """The struct's fields and their annotations, `Annotated` and all."""
    hints = get_type_hints(struct, include_extras=True)
    return {field.name: hints[field.name] for field in fields(struct)}


def describe(hint: Any) -> str:
    """A type in words: `describe(Seats) == "an integer from 1 to 8"`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        said = next((m.description for m in arguments[1:] if isinstance(m, Meta) and m.description), None)
        return said or describe(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(describe(argument) for argument in arguments)
    if origin is Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin is list:
        return f"a list, each item {describe(arguments[0])}"
    return "null" if hint is type(None) else hint.__name__


def _holds(hint: Any, plain: type) -> bool:
    return hint is plain or any(_holds(argument, plain) for argument in get_args(hint))


# struct -> field -> what it expects, in words.
EXPECTED: dict[type[Event], dict[str, str]] = {
    struct: {name: describe(hint) for name, hint in field_types(struct).items()}
    for _, struct in EVENT_TYPES.values()
}

# struct -> its fields that hold money.
MONEY_FIELDS: dict[type[Event], tuple[str, ...]] = {
    struct: tuple(name for name, hint in field_types(struct).items() if _holds(hint, Decimal))
    for _, struct in EVENT_TYPES.values()
}

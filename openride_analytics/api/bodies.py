"""Bodies of requests: a struct says what they hold; here they are decoded."""

import asyncio
import re
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, InternalServerException

from openride_analytics.api.allowed import Schema, allowed, resolved
from openride_analytics.api.problems import Unprocessable
from openride_analytics.errors import Invalid, quotable

T = TypeVar("T", bound=msgspec.Struct)

BODY_SECONDS: Final = 30.0  # whoever does not send it keeps a place that others want

_JSON: Final = "application/json"


def _number(text: str) -> float:
    """JSON has one kind of numbers: 8.0 is an integer, as JSON Schema has it."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


_EXACT: Final = 1 << 53  # below it, floats hold all integers
_DECODER: Final = msgspec.json.Decoder(float_hook=_number)


async def sent(request: Request[Any, Any, Any]) -> bytes:
    """The body as it came. Raises Unprocessable, and what becomes a 408."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise HTTPException(status_code=408, detail=f"a body comes within {BODY_SECONDS:g} s") from None
    except InternalServerException:  # Litestar's word for a caller who has left, which is no defect of ours
        raise Unprocessable([Invalid("body", "did not come to its end")]) from None


async def decoded(request: Request[Any, Any, Any], struct: type[T]) -> T:
    """The body as that struct. Raises Unprocessable, and what becomes a 408 or 415."""
    if request.headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(status_code=415, detail=f"a body is {_JSON}")
    body = await sent(request)
    try:
        return msgspec.convert(_DECODER.decode(body), struct)
    except msgspec.ValidationError as error:
        raise Unprocessable([_wrong(str(error), struct)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unprocessable([Invalid("body", "is not JSON", "a JSON object")]) from None


def _wrong(said: str, struct: type[msgspec.Struct]) -> Invalid:
    """msgspec's message: the field that it is about, and what that may be."""
    problem, _, place = said.partition(" - at `")
    path = place.rpartition("`$")[2].strip("`$.")  # of a key, "key` in `$.filters`"
    schema, definitions = _schema(struct)
    at = _within(schema, path, definitions)
    if (named := _NAMED.fullmatch(problem)) is None:
        return Invalid(path or "body", problem, allowed(at, definitions))
    name, fields = named["field"], at.get("properties", {})
    field = f"{path}.{name}" if path else name
    if name in fields:
        return Invalid(field, "is missing", allowed(fields[name], definitions))
    return Invalid(quotable(field), "is not a field of this", ", ".join(fields))


@cache
def _schema(struct: type[msgspec.Struct]) -> tuple[Schema, Schema]:
    """The struct's, and what its references name."""
    schema = msgspec.json.schema(struct)
    return schema, schema["$defs"]


def _within(schema: Schema, path: str, definitions: Schema) -> Schema:
    """What the schema says of a path like `parameters.day`, `recipients[0]` or `filters[...]`."""
    schema = resolved(schema, definitions)
    for step in _STEP.findall(path):
        options = [resolved(option, definitions) for option in schema.get("anyOf", [schema])]
        schema = next((found for option in options if (found := _step(option, step)) is not None), {})
        schema = resolved(schema, definitions)
    return schema


def _step(schema: Schema, step: str) -> Schema | None:
    if step == "[...]":
        return schema.get("additionalProperties")
    return schema.get("items") if step.startswith("[") else schema.get("properties", {}).get(step)


_NAMED: Final = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>.*)`", re.DOTALL)
_STEP: Final = re.compile(r"\[[^\]]*\]|[^.\[]+")

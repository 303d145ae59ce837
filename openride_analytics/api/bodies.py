"""Bodies of requests: a struct says what they hold; here they are decoded, and described for OpenAPI."""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
)

from openride_analytics.api.problems import Unprocessable
from openride_analytics.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)

_JSON: Final = "application/json"


async def decoded(request: Request[Any, Any, Any], struct: type[T]) -> T:
    """The body as that struct. Raises Unprocessable, and what becomes a 415."""
    if request.headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        raise HTTPException(status_code=415, detail=f"a body is {_JSON}")
    try:
        return msgspec.json.decode(await request.body(), type=struct)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        raise Unprocessable([Invalid(path.strip("`$.") or "body", problem)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unprocessable([Invalid("body", "is not JSON", "a JSON object")]) from None


def described(struct: type[msgspec.Struct], example: dict[str, Any]) -> type[Operation]:
    """An OpenAPI operation that has the struct for its body."""
    found = msgspec.json.schema(struct)
    definitions = found.get("$defs", {})
    schema = _schema(found, definitions)

    @dataclass
    class Telling(Operation):
        def __post_init__(self) -> None:
            examples: dict[str, Example | Reference] = {"example": Example(value=example)}
            self.request_body = RequestBody(
                {_JSON: OpenAPIMediaType(schema, examples=examples)}, required=True
            )

    return Telling


def _schema(found: dict[str, Any], definitions: dict[str, Any]) -> Schema:
    """Without references."""
    if "$ref" in found:
        found = definitions[found["$ref"].rpartition("/")[2]] | {
            key: value for key, value in found.items() if key != "$ref"
        }
    properties = found.get("properties")
    more = found.get("additionalProperties")
    items = found.get("items")
    return Schema(
        type=OpenAPIType(found["type"]) if "type" in found else None,
        description=found.get("description"),
        enum=found.get("enum"),
        default=found.get("default"),
        minimum=found.get("minimum"),
        min_length=found.get("minLength"),
        max_length=found.get("maxLength"),
        min_items=found.get("minItems"),
        max_items=found.get("maxItems"),
        max_properties=found.get("maxProperties"),
        required=found.get("required") or None,
        any_of=[_schema(option, definitions) for option in found["anyOf"]] if "anyOf" in found else None,
        items=_schema(items, definitions) if isinstance(items, dict) else None,
        properties={name: _schema(part, definitions) for name, part in properties.items()}
        if properties
        else None,
        additional_properties=_schema(more, definitions) if isinstance(more, dict) else more,
    )

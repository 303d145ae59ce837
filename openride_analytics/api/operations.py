"""An operation as OpenAPI describes it: its parameters, its headers, and an example of every answer.

What a parameter is stands at its field of the query's struct, what an answer holds at those of its own; here is only
how both are said.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.openapi.spec import Operation

from openride_analytics.api import responses
from openride_analytics.api.parameters import parameters
from openride_analytics.api.problems import MEDIA_TYPE

Schema = Mapping[str, Any]  # as JSON schema

_HAS_ALREADY: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags of answers that the caller has: if it is one of them, 304.",
    "schema": {"type": "string"},
    "example": responses.TAG,
}
_NOISE: Final = ("deprecated", "allowEmptyValue", "allowReserved")  # the framework states these defaults


def documented(
    query: type[msgspec.Struct] | None = None, *, example: object = None, schema: Schema | None = None
) -> type[Operation]:
    """An OpenAPI operation that has the query's fields for parameters. `example`: of the good answer, a struct (so it
    cannot have another shape than what is sent) or a text. `schema`: of a good answer that is no struct; of a file
    (contentMediaType) there is no example.
    """

    class Described(Operation):
        def to_schema(self) -> dict[str, Any]:
            said = super().to_schema()
            kept = str(304) in said["responses"]
            given = [_quiet(parameter) for parameter in said.get("parameters", [])]
            asked = (
                []
                if query is None
                else [_parameter(name, field) for name, field in parameters(query).items()]
            )
            if every := [*given, *asked, *([_HAS_ALREADY] if kept else [])]:
                said["parameters"] = every
            said["responses"] = dict(sorted(said["responses"].items()))
            for status, response in said["responses"].items():
                _complete(int(status), response, kept=kept, example=example, schema=schema)
            return _quiet(said)

    return Described


def _complete(
    status: int, response: dict[str, Any], *, kept: bool, example: object, schema: Schema | None
) -> None:
    """Headers and examples, in place."""
    content = response.get("content", {})
    media_type = next(iter(content), None)
    response["headers"] = responses.headers(status, problem=media_type == MEDIA_TYPE, kept=kept)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        response["description"] = "The answer."
    if media_type == MEDIA_TYPE:
        content[media_type]["example"] = responses.example(status)
    elif media_type is not None and (status < HTTPStatus.MULTIPLE_CHOICES or schema is None):
        if example is not None:
            content[media_type]["example"] = msgspec.to_builtins(example)
        if schema is not None or isinstance(example, str):
            content[media_type]["schema"] = schema or {"type": "string"}


def _parameter(name: str, field: Any) -> dict[str, Any]:
    schema = dict(field.schema)
    description, examples = schema.pop("description", ""), schema.pop("examples", [])
    likely = schema.get("default", next(iter(schema.get("enum", [])), schema.get("minimum")))
    said = {
        "name": name,
        "in": "query",
        "required": field.required,
        "description": description,
        "schema": schema,
        "example": examples[0] if examples else likely,
    }
    if "items" in schema:  # a list with commas between
        said |= {"schema": {**schema, "type": "array"}, "style": "form", "explode": False}
    return said


def _quiet(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if not (key in _NOISE and value is False)}

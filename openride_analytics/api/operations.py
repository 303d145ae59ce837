"""An operation as OpenAPI describes it: its parameters, its body, its headers, and an example of every answer.

What a parameter is stands at its field of the query's struct, what a body or an answer holds at those of its own; here
is only how all that is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec
from litestar.openapi.spec import Operation

from openride_analytics.api import headers, responses
from openride_analytics.api.parameters import parameters
from openride_analytics.api.problems import MEDIA_TYPE

Schema = Mapping[str, Any]  # as JSON schema

_NOTHING: Final[Mapping[int, Sequence[str]]] = {}
_NOISE: Final = ("deprecated", "allowEmptyValue", "allowReserved")  # the framework states these defaults


def documented(
    query: type[msgspec.Struct] | None = None,
    *,
    path: type[msgspec.Struct] | None = None,
    takes: Sequence[Schema] = (),
    body: msgspec.Struct | None = None,
    body_required: bool = True,
    example: object = None,
    schema: Schema | None = None,
    files: Sequence[str] = (),
    sends: Mapping[int, Sequence[str]] = _NOTHING,
) -> type[Operation]:
    """An OpenAPI operation that has the fields of `query` and `path`, and the headers it `takes`, for parameters.

    `body`: an example of the request's, a struct; whether there has to be one: `body_required`. `example`: of the good
    answer, a struct (so it cannot have another shape than what is sent) or a text. `schema`: of a good answer that is
    no struct. `files`: media types of a good answer that is a file; there is no example of it. `sends`: by status,
    headers (of `headers.SENT`) that the operation's answers have beside those of all.
    """
    good = _Good(example, schema, files)

    class Described(Operation):
        taken: ClassVar = None if body is None else type(body)

        def to_schema(self) -> dict[str, Any]:
            said = super().to_schema()
            kept = str(304) in said["responses"]
            asked = [*_parameters(path, "path"), *_parameters(query, "query"), *takes]
            if every := [*asked, *([headers.IF_NONE_MATCH] if kept else [])]:
                said["parameters"] = every
            if body is not None:
                said["requestBody"] = _body(body, required=body_required)
            said["responses"] = dict(sorted(said["responses"].items()))
            for status, response in said["responses"].items():
                _complete(int(status), response, good)
                problem = MEDIA_TYPE in response.get("content", {})
                response["headers"] = responses.headers(
                    int(status), problem=problem, kept=kept, others=sends.get(int(status), ())
                )
            return _quiet(said)

    return Described


@dataclass(frozen=True)
class _Good:
    """What is sent if all is well."""

    example: object
    schema: Schema | None
    files: Sequence[str]


def _complete(status: int, response: dict[str, Any], good: _Good) -> None:
    """Words, schemas and examples, in place."""
    if status in responses.GOOD:
        response["description"] = responses.GOOD[status]
        if good.files:
            response["content"] = {kind: {"schema": {"contentMediaType": kind}} for kind in good.files}
    content = response.get("content", {})
    media_type = next(iter(content), None)
    if media_type == MEDIA_TYPE:
        content[media_type]["example"] = responses.example(status)
    elif media_type is not None and (status in responses.GOOD or good.schema is None):
        if good.example is not None:
            content[media_type]["example"] = msgspec.to_builtins(good.example)
        if good.schema is not None or isinstance(good.example, str):
            content[media_type]["schema"] = good.schema or {"type": "string"}


def _body(example: msgspec.Struct, *, required: bool) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{type(example).__name__}"}
    return {
        "required": required,
        "content": {"application/json": {"schema": schema, "example": msgspec.to_builtins(example)}},
    }


def _parameters(struct: type[msgspec.Struct] | None, place: str) -> list[dict[str, Any]]:
    if struct is None:
        return []
    return [_parameter(name, field) | {"in": place} for name, field in parameters(struct).items()]


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

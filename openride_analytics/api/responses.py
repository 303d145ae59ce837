"""What answers there are beside the good one, and the headers that come with them, as OpenAPI tells them."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.openapi import ResponseSpec

from openride_analytics.api.problems import (
    MEDIA_TYPE,
    RETRY_AFTER_SECONDS,
    FieldError,
    Problem,
    problem,
    too_much,
)

_PROBLEMS: Final = {
    400: "A parameter is wrong: which one, and what is allowed.",
    401: "No token, or one that is not valid; only where tokens are asked for.",
    403: "A token without a role, or with one that does not allow this; only where tokens are asked for.",
    404: "There is no such thing, or it is not the caller's.",
    409: "It is not in a state for that.",
    413: "The body is too large.",
    422: "The body is wrong: which field, and what is allowed.",
    429: "Too many requests in a minute; only where RATE_LIMIT_PER_MINUTE is set.",
    500: "A defect; the log has it under request_id.",
    503: "A dependency cannot answer now.",
    504: "It takes more time, memory or rows than one question may: what to narrow.",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem responses of an operation. 500 is one of every operation's."""
    return {
        status: ResponseSpec(
            Problem, description=_PROBLEMS[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in (*statuses, 500)
    }


PROBLEMS: Final = problems(400, 401, 403, 429, 503, 504)

# Of answers that are kept: who has one already is not sent it again.
KEPT: Final = {304: ResponseSpec(None, description="The answer is still the one that If-None-Match names.")}

TAG: Final = 'W/"9c1185a5c5e9fc5461280897"'


def _header(description: str, example: object, **schema: Any) -> dict[str, Any]:
    return {
        "description": description,
        "required": True,
        "schema": {"type": "string", **schema},
        "example": example,
    }


_REQUEST_ID: Final = "5f2b8c0e9d1a4b7f8e6d3c2b1a09f8e7"

HEADERS: Final = {
    "X-Request-ID": _header(
        "The caller's X-Request-ID, or a new one: the log has the request under it.",
        _REQUEST_ID,
        pattern="^[A-Za-z0-9._-]{1,64}$",
    ),
    "X-Cache": _header("Whether it was kept from before.", "HIT", enum=["HIT", "MISS"]),
    "ETag": _header("The same for the same numbers.", TAG, pattern='^W/"[0-9a-f]+"$'),
    "Cache-Control": _header(
        "How many seconds the caller may keep it.", "private, max-age=60", pattern="^private, max-age=[0-9]+$"
    ),
    "WWW-Authenticate": _header("What is wrong with the token.", 'Bearer realm="openride-analytics"'),
    "Retry-After": _header("Seconds.", RETRY_AFTER_SECONDS, type="integer", minimum=1),
}
_OF_PROBLEMS: Final = {
    401: "WWW-Authenticate",
    403: "WWW-Authenticate",
    429: "Retry-After",
    503: "Retry-After",
}


def headers(status: int, *, problem: bool, kept: bool) -> dict[str, Any]:
    """References to the headers that a response of that status has; `kept`: where good answers are."""
    names = ["X-Request-ID"]
    if kept and status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
        names += ["X-Cache", "ETag", "Cache-Control"]
    if problem and status in _OF_PROBLEMS:
        names.append(_OF_PROBLEMS[status])
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def example(status: int) -> Any:
    """A problem of that status, as it is sent."""
    said = msgspec.structs.replace(_EXAMPLES.get(status, problem(status)), request_id=_REQUEST_ID)
    return msgspec.to_builtins(said)


_WRONG: Final = FieldError("granularity", "is not allowed", "daily, hourly, monthly, weekly")
_EXAMPLES: Final = {
    400: problem(
        400,
        "invalid-parameter",
        title="Invalid parameter",
        detail=f"{_WRONG.field}: {_WRONG.problem}",
        errors=[_WRONG],
    ),
    401: problem(401, detail="a bearer token is needed"),
    403: problem(403, detail="this asks for the role viewer"),
    429: problem(429, detail="too many requests; again in 5 s"),
    500: problem(500, "internal"),
    503: problem(503, "unavailable", detail="clickhouse cannot answer now; try again later"),
    504: too_much(["time"]),
}

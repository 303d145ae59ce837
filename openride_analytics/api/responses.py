"""What answers there are, and the headers that come with them, as OpenAPI tells them."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.openapi import ResponseSpec

from openride_analytics.api.headers import REQUEST_ID, sent
from openride_analytics.api.problems import (
    MEDIA_TYPE,
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
    408: "The body did not come in time.",
    409: "It is not in a state for that.",
    410: "There was such a thing, and it is gone.",
    413: "The body is too large.",
    415: "The body is not JSON, or it is compressed.",
    416: "There is no such part of it.",
    422: "The body is wrong: which field, and what is allowed.",
    429: "Too many requests in a minute, only where RATE_LIMIT_PER_MINUTE is set; or too many exports that wait.",
    500: "A defect; the log has it under request_id.",
    501: "This service has no such part: a setting that it needs is not set.",
    503: "A dependency cannot answer now, or as much is under way as there may be.",
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

# Of files that can be had in parts.
PART: Final = {206: ResponseSpec(None, description="The part that was asked for.")}

GOOD: Final = {
    200: "The answer.",
    201: "It is made; or, with an Idempotency-Key that came before, what has become of it.",
    202: "It is taken up; or, with an Idempotency-Key that came before, what has become of it.",
    204: "It is done.",
    206: "The part that was asked for.",
}

_OF_PROBLEMS: Final = {
    401: "WWW-Authenticate",
    403: "WWW-Authenticate",
    429: "Retry-After",
    503: "Retry-After",
}


def headers(status: int, *, problem: bool, kept: bool, others: Iterable[str] = ()) -> dict[str, Any]:
    """References to the headers that a response of that status has; `kept`: where good answers are."""
    names = ["X-Request-ID", *others]
    if kept and status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
        names += ["X-Cache", "ETag", "Cache-Control"]
    if problem and status in _OF_PROBLEMS:
        names.append(_OF_PROBLEMS[status])
    return sent(names)


def example(status: int) -> Any:
    """A problem of that status, as it is sent."""
    said = msgspec.structs.replace(_EXAMPLES.get(status, problem(status)), request_id=REQUEST_ID)
    return msgspec.to_builtins(said)


_WRONG: Final = FieldError("granularity", "is not allowed", "daily, hourly, monthly, weekly")
_TOO_MANY: Final = FieldError("row_limit", "is too large", "at most 100000")
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
    404: problem(404, detail="there is nothing at this path"),
    408: problem(408, detail="a body comes within 30 s"),
    409: problem(409, detail="this export is processing: it has no file"),
    410: problem(410, detail="the file of this export is gone; have it made again"),
    413: problem(413, detail="at most 1048576 bytes"),
    415: problem(415, detail="a body is application/json"),
    416: problem(416, detail="the file has 48213 bytes"),
    422: problem(
        422,
        "invalid-body",
        title="Invalid body",
        detail=f"{_TOO_MANY.field}: {_TOO_MANY.problem}",
        errors=[_TOO_MANY],
    ),
    429: problem(429, detail="too many requests; again in 5 s"),
    500: problem(500, "internal"),
    501: problem(501, "not-configured", detail="reports need DATABASE_URL"),
    503: problem(503, "unavailable", detail="clickhouse cannot answer now; try again later"),
    504: too_much(["time"]),
}

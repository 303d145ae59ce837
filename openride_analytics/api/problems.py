"""Errors → HTTP: the one table. RFC 9457 problem details, never a stack trace, SQL or a secret.

What may be said to a caller is decided here: an `Invalid` says all it knows; a `TooMuch` which limit it met, and what
to ask less of; of a dependency only its name; of a defect nothing but the id under which the log has it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from openride_analytics.errors import Invalid, Retryable, TooMuch
from openride_analytics.telemetry.metrics import UNMATCHED

log = logging.getLogger("openride.api")

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5
_AGAIN: Final = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_TYPE: Final = "urn:openride:problem:"
_MOST_ERRORS: Final = 20
_LESS: Final = (
    "ask for a shorter range, a coarser granularity, no time series, or fewer columns, steps, periods or "
    "groups"
)


class FieldError(msgspec.Struct, frozen=True):
    """One wrong parameter: what is wrong with it, and what would be right."""

    field: str
    problem: str
    allowed: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457; `errors` names each wrong parameter, `request_id` finds the request in the log."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = None
    request_id: str | None = None


class Unprocessable(Exception):  # noqa: N818 - the name of the status
    """A body whose fields are wrong: `errors` says which."""

    def __init__(self, errors: Sequence[Invalid]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = list(errors)


class NotConfigured(Exception):  # noqa: N818
    """A part of the service that this one does not have; its text says which setting it needs."""


class Full(Exception):  # noqa: N818
    """There is as much under way as there may be; its text says of what."""


def describe(error: BaseException) -> tuple[Problem, Mapping[str, str]]:
    """The problem that an error is to a caller, and the headers that go with it."""
    causes = list(_leaves(error))
    if isinstance(error, NotConfigured):
        return problem(501, "not-configured", detail=str(error)), {}
    if isinstance(error, Full):
        return problem(503, "full", detail=f"{error}; try again later"), _AGAIN
    if isinstance(error, Unprocessable):
        fields = [field for cause in error.errors for field in _fields(cause)][:_MOST_ERRORS]
        detail = "; ".join(f"{field.field}: {field.problem}" for field in fields)
        return problem(422, "invalid-body", title="Invalid body", detail=detail, errors=fields), {}
    if causes and all(isinstance(cause, Invalid | ValidationException) for cause in causes):
        fields = [field for cause in causes for field in _fields(cause)][:_MOST_ERRORS]
        detail = (
            "; ".join(f"{field.field}: {field.problem}" for field in fields) or "the request is not valid"
        )
        return problem(400, "invalid-parameter", title="Invalid parameter", detail=detail, errors=fields), {}
    if causes and all(isinstance(cause, TooMuch | Retryable) for cause in causes):
        return _not_answered(causes)
    if len(causes) == 1 and isinstance(causes[0], HTTPException):
        return _of_http(causes[0])
    return problem(500, "internal"), {}


def _not_answered(causes: list[BaseException]) -> tuple[Problem, Mapping[str, str]]:
    """Too much was asked, or a dependency is away: only then it makes sense to ask again."""
    limits = sorted({cause.limit for cause in causes if isinstance(cause, TooMuch)})
    if limits:
        return too_much(limits), {}
    away = sorted({cause.dependency for cause in causes if isinstance(cause, Retryable)})
    detail = f"{', '.join(away)} cannot answer now; try again later"
    return problem(503, "unavailable", detail=detail), _AGAIN


def too_much(limits: Sequence[str]) -> Problem:
    """A question met those limits of its budget."""
    detail = f"this takes more {' and '.join(limits)} than one question may have: {_LESS}"
    return problem(504, "too-much", title="Too much asked", detail=detail)


def problem(
    status: int,
    slug: str = "",
    *,
    title: str | None = None,
    detail: str | None = None,
    errors: list[FieldError] | None = None,
) -> Problem:
    """A problem of that status; without a `slug` it is no more than what the status says."""
    return Problem(_TYPE + slug if slug else "about:blank", title or _phrase(status), status, detail, errors)


def respond(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer a request that ended with `error`; what is our fault is logged here, once."""
    described, headers = describe(error)
    request_id = str(request.scope["state"].get("request_id", ""))
    # By its template: a path may hold ids, or be a signed link.
    extra = {"request_id": request_id, "method": request.method, "route": route_of(request.scope)}
    if described.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", extra=extra, exc_info=error)
    elif described.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
        why = "; ".join(str(cause) for cause in _leaves(error))
        log.warning("request could not be answered", extra={**extra, "problem": why})
    return Response(
        msgspec.structs.replace(described, request_id=request_id or None),
        status_code=described.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers),
    )


def with_head(allowed: str) -> str:
    """Whatever can be had by GET can be asked for by HEAD: the envelope sees to that."""
    methods = {method.strip() for method in allowed.split(",") if method.strip()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def route_of(scope: Mapping[str, Any]) -> str:
    """The template of the route that a request has met."""
    return str(scope.get("path_template") or UNMATCHED)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Several questions asked at once fail as a group."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _fields(error: BaseException) -> Iterator[FieldError]:
    if isinstance(error, Invalid):
        yield FieldError(error.field, error.problem, error.allowed)
    elif isinstance(error, ValidationException) and isinstance(error.extra, list):
        # The framework decodes nothing but the ids in paths.
        for item in error.extra:
            if isinstance(item, dict):
                yield FieldError(str(item.get("key", "")), "is not an id", "a UUID")


def _of_http(error: HTTPException) -> tuple[Problem, Mapping[str, str]]:
    """What the framework found: no such path, not that method, a body too large..."""
    status, headers = error.status_code, dict(error.headers or {})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem(500, "internal"), {}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = with_head(next((value for key, value in headers.items() if key.lower() == "allow"), ""))
        return problem(405, detail=f"allowed here: {allowed}"), {"Allow": allowed}
    if status == HTTPStatus.NOT_FOUND:
        return problem(404, detail="there is nothing at this path"), {}
    detail = error.detail if error.detail != _phrase(status) else None
    return problem(status, detail=detail), headers


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"

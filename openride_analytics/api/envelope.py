"""What holds for every request, whatever it asks: an id, a time, a count, headers, a limit, a last resort.

It stands around the whole application, so that paths nobody knows and defects of the framework are counted
and answered like everything else.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, cast
from uuid import uuid4

import msgspec
from litestar.config.cors import CORSConfig
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPResponseStartEvent

from openride_analytics.api import cors as origins
from openride_analytics.api.caller import answered_while_listening
from openride_analytics.api.problems import MEDIA_TYPE, Full, Problem, describe, problem, route_of, with_head
from openride_analytics.api.room import Room
from openride_analytics.clock import Clock
from openride_analytics.telemetry import Metrics, Traces, spans
from openride_analytics.telemetry.metrics import METHODS

log = logging.getLogger("openride.api")

MAX_BODY_BYTES: Final = 1 << 20
MAX_REQUESTS: Final = 700  # under way; far more than ClickHouse is asked at once, and the streams besides

# Asked every few seconds by machines, and about themselves only: they are not traced, and there is always room.
_PROBES: Final = frozenset({"/metrics", "/health", "/health/live", "/health/ready"})
# Methods whose body the application reads. With others it means nothing (RFC 9110, 9.3.1), and is thrown away.
_READ: Final = frozenset({"POST", "PUT", "PATCH"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),  # as an image or script of another page; not CORS
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


class Envelope:
    """An ASGI application around another."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        clock: Clock,
        traces: Traces | None = None,
        cors: CORSConfig | None = None,
    ) -> None:
        self._app = app
        self._traces = traces or Traces()
        self._cors = cors
        self._metrics = metrics
        self._clock = clock
        self._room = Room(MAX_REQUESTS, "requests")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers HTTP only."""
        if scope["type"] != ScopeType.HTTP:
            return
        asked = scope["method"]
        request_id = _request_id(scope["headers"])
        state = {**(scope.get("state") or {}), "request_id": request_id, "head": asked == "HEAD"}
        # A copy: the server below still knows that a HEAD is to have no body.
        inner = cast("HTTPScope", {**scope, "method": "GET" if asked == "HEAD" else asked, "state": state})
        reply = _Reply(send, request_id, [*origins.readable_by(self._cors, scope["headers"])])
        begun = self._clock.monotonic()
        with self._traced(scope["path"], scope["headers"]) as span:
            try:
                await self._handle(inner, receive, reply, request_id)
            finally:
                self._account(asked, inner, reply.status, self._clock.monotonic() - begun, request_id, span)

    def _traced(
        self, path: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> AbstractContextManager[spans.Span]:
        if path in _PROBES:
            return nullcontext(spans.INVALID_SPAN)
        given = next((value for name, value in headers if name == b"traceparent"), b"")
        return self._traces.root("HTTP", spans.SpanKind.SERVER, traceparent=given)

    async def _handle(self, scope: HTTPScope, receive: Receive, reply: "_Reply", request_id: str) -> None:
        try:
            with nullcontext() if scope["path"] in _PROBES else self._room.place():
                await self._answer(scope, receive, reply)
        except Full as error:
            await reply.problem(*describe(error))
        except Exception:
            # The application answers its own errors; this is one that it could not even do that with.
            log.exception("request failed beyond its error handler", extra={"request_id": request_id})
            if not reply.status:
                await reply.problem(problem(500, "internal"))

    async def _answer(self, scope: HTTPScope, receive: Receive, reply: "_Reply") -> None:
        if _is_encoded(scope["headers"]):  # a few kilobytes may be gigabytes
            await reply.problem(problem(415, detail="a body is to come as it is, without Content-Encoding"))
            return
        if _content_length(scope["headers"]) > MAX_BODY_BYTES:
            await reply.problem(problem(413, detail=f"at most {MAX_BODY_BYTES} bytes"))
        elif self._cors is not None and origins.is_preflight(scope["method"], scope["headers"]):
            await self._answer_preflight(self._cors, scope["headers"], reply)
        elif scope["method"] in _READ and _has_body(scope["headers"]):
            await self._app(scope, receive, reply.send)
        else:
            await answered_while_listening(self._app, scope, receive, reply.send)

    async def _answer_preflight(
        self, config: CORSConfig, given: Iterable[tuple[bytes, bytes]], reply: "_Reply"
    ) -> None:
        if errors := origins.refused(config, given):
            detail = "; ".join(f"{error.field}: {error.problem}" for error in errors)
            await reply.problem(
                problem(400, "preflight", title="Not for this page", detail=detail, errors=errors)
            )
        else:
            await reply.empty(origins.allowed(config))

    def _account(
        self, method: str, scope: Scope, status: int, seconds: float, request_id: str, span: spans.Span
    ) -> None:
        method = method if method in METHODS else "OTHER"
        route = route_of(cast("HTTPScope", scope))  # a path as such would be a label without end
        status = status or 499  # as nginx has it: ended before there was an answer
        self._metrics.http_requests_total.labels(method, route, str(status)).inc()
        self._metrics.http_request_duration_seconds.labels(method, route).observe(seconds)
        if span.is_recording():
            _describe(span, method, route, status)
        log.debug(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 1),
                "request_id": request_id,
            },
        )


def _describe(span: spans.Span, method: str, route: str, status: int) -> None:
    """Only now it is known what was asked."""
    span.update_name(f"{method} {route}")
    span.set_attributes({spans.HTTP_METHOD: method, spans.HTTP_ROUTE: route, spans.HTTP_STATUS: status})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        spans.failed(span, str(status))


class _Reply:
    """The way out: adds the headers that every response has, and remembers the status."""

    def __init__(self, send: Send, request_id: str, readable: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._request_id = request_id
        self._readable = readable  # to a page of another origin
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = self._with_headers(message)
        await self._send(message)

    async def problem(self, said: Problem, also: Mapping[str, str] = MappingProxyType({})) -> None:
        """Answer without the application; `also`: headers."""
        headers, body = _written(said, self._request_id)
        headers += [(name.lower().encode(), value.encode()) for name, value in also.items()]
        await self._whole(said.status, headers, body)

    async def empty(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Answer without the application, and without a body."""
        await self._whole(204, headers, b"")

    async def _whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def _with_headers(self, message: HTTPResponseStartEvent) -> HTTPResponseStartEvent:
        headers = [*_stamped(message["headers"], self._request_id), *self._readable]
        return {**message, "headers": headers}


def unasked(said: Problem) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body for what is no request, and so comes to no application."""
    request_id = uuid4().hex
    headers, body = _written(said, request_id)
    return _stamped(headers, request_id), body


def _written(said: Problem, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    body = msgspec.json.encode(msgspec.structs.replace(said, request_id=request_id))
    return [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())], body


def _stamped(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """The same, with the headers that every response has, and HEAD among the methods that a path has."""
    given = [(name, _allowing(value) if name == b"allow" else value) for name, value in headers]
    names = {name.lower() for name, _ in given}
    added = [(name, value) for name, value in _HEADERS if name not in names]
    return [*given, *added, (b"x-request-id", request_id.encode())]


def _allowing(methods: bytes) -> bytes:
    """The framework knows of no HEAD."""
    return with_head(methods.decode("latin-1")).encode("latin-1")


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's, if it is one that can be logged as it is; else a new one."""
    given = next((value for name, value in headers if name == b"x-request-id"), b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") and value != b"0" for name, value in headers)


def _is_encoded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"content-encoding" and value.strip().lower() != b"identity" for name, value in headers
    )


def _content_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    value = next((value for name, value in headers if name == b"content-length"), b"0")
    return int(value) if value.isdigit() else 0

"""`/v1/metrics/realtime`: what is going on now, asked for once or followed as it changes."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any, Final

import msgspec
from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Caller
from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.examples.metrics import REALTIME
from openride_analytics.api.health import Check
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.api.room import Room
from openride_analytics.clock import utc_now, wait
from openride_analytics.errors import Retryable, TooMuch
from openride_analytics.schema.queries import RangeQuery
from openride_analytics.schema.results import RealtimeMetrics
from openride_analytics.stats.questions import understand
from openride_analytics.stats.realtime import Condition, realtime

log = logging.getLogger("openride.api")

EVERY_SECONDS: Final = 2.0  # the numbers of an answer are at most so old
MAX_STREAMS: Final = 500  # of the requests that there may be: the rest is left to questions
RETRY_MS: Final = 3_000  # how long a browser waits before it connects again

_EVENT: Final = {
    "description": "One event of the stream.",
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["metrics", "unavailable"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/RealtimeMetrics"},
        },
        "retry": {"type": "integer", "description": "ms until a browser connects again"},
    },
    "required": ["event", "data"],
}


def realtime_routes(api: Api, stopping: asyncio.Event) -> list[ControllerRouterHandler]:
    """The routes of /v1/metrics/realtime; streams end when `stopping` is set."""
    feed = _Feed(api)

    @get(
        "/",
        summary="What is going on now",
        operation_class=documented(RangeQuery, example=REALTIME),
        responses=PROBLEMS,
    )
    async def get_realtime(asked: NamedDependency[RangeQuery]) -> RealtimeMetrics:
        """The last 15 minutes, hour or day, as each number says; at most two seconds old. The parameters of a range
        are checked, and do not apply.
        """
        feed.understand(asked)
        return await feed.latest()

    @get(
        "/stream",
        summary="What is going on now, as it changes",
        operation_class=documented(RangeQuery, example=_streamed(), schema=_EVENT),
        responses=PROBLEMS,
        media_type="text/event-stream",
        middleware=[Room(MAX_STREAMS, "streams")],
    )
    async def get_stream(
        asked: NamedDependency[RangeQuery], request: Request[Caller, Any, Any]
    ) -> ServerSentEvent:
        """Server-Sent Events: `metrics` every two seconds, its data what /v1/metrics/realtime answers; `unavailable`
        while there is none. It has no end but the token's and the server's; browsers connect again by themselves.
        """
        feed.understand(asked)
        first = await feed.latest()  # what cannot be answered now is an error, not a stream
        headers_only = request.scope["state"].get("head")
        return ServerSentEvent(
            () if headers_only else _events(feed, first, stopping, until=request.user.expires or inf),
            headers={"Cache-Control": "no-store"},
        )

    return [
        Router(
            "/v1/metrics/realtime",
            route_handlers=[get_realtime, get_stream],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]


class _Feed:
    """The newest answer, or why there is none: one query every EVERY_SECONDS however many ask."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._clickhouse = questions(api.resources)
        self._asking: asyncio.Task[RealtimeMetrics] | None = None
        self._answered = 0.0
        self._waiting = 0

    def understand(self, query: RangeQuery) -> None:
        """Raises Invalid for parameters that would be wrong anywhere."""
        given = self._api.resources
        understand(query, api=given.settings.api, now=utc_now(given.clock))

    async def latest(self) -> RealtimeMetrics:
        """Whoever comes while it is asked for waits for the same. Raises Retryable, TooMuch."""
        asking, now = self._asking, self._api.resources.clock.monotonic()
        if asking is None or (asking.done() and now - self._answered >= EVERY_SECONDS):
            asking = self._asking = asyncio.create_task(self._ask(), name="realtime")
        self._waiting += 1
        try:
            return await asyncio.shield(asking)  # one caller's leaving is not the others' loss
        finally:
            self._waiting -= 1
            if not self._waiting and not asking.done():
                self._asking = None  # who comes now must not join what ends
                asking.cancel()

    async def _ask(self) -> RealtimeMetrics:
        given = self._api.resources
        try:
            report = await self._api.health.report()
            return await realtime(
                self._clickhouse,
                now=utc_now(given.clock),
                currency=given.settings.api.default_currency,
                conditions={check.name: _condition(check) for check in report.checks},
            )
        finally:
            self._answered = given.clock.monotonic()


async def _events(
    feed: _Feed, first: RealtimeMetrics, stopping: asyncio.Event, *, until: float
) -> AsyncIterator[ServerSentEventMessage]:
    """No longer than until the caller's token expires, by the clock that it was checked by."""
    yield _message("metrics", first)
    while not await wait(stopping, EVERY_SECONDS) and time.time() < until:
        try:
            yield _message("metrics", await feed.latest())
        except Retryable as error:
            yield _message("unavailable", {"detail": f"{error.dependency} cannot answer now"})
        except TooMuch as error:  # there is nothing to narrow: wait for a quieter moment
            yield _message("unavailable", {"detail": f"it takes more {error.limit} than it may now"})


def _streamed() -> str:
    """The first event of a stream, as an example."""
    return _message("metrics", REALTIME).encode().decode()


def _message(event: str, data: object) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=msgspec.json.encode(data).decode(), event=event, retry=RETRY_MS)


def _condition(check: Check) -> Condition:
    if check.state == "down" and check.critical:
        return Condition.DOWN
    return Condition.DEGRADED if check.state in ("down", "degraded") else Condition.OK

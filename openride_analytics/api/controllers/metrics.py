"""`/v1/metrics/...`: the numbers."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.kept import Kept
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.queries import RangeQuery
from openride_analytics.schema.results import BookingMetrics
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.questions import Question, understand


def metrics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/metrics."""
    given = api.resources
    kept = Kept(given)

    def question(query: RangeQuery) -> Question:
        now = datetime.fromtimestamp(given.clock.time(), UTC)
        return understand(query, api=given.settings.api, now=now)

    @get(
        "/bookings", summary="Bookings in a range", operation_class=documented(RangeQuery), responses=PROBLEMS
    )
    async def get_bookings(
        request: Request[Any, Any, Any], asked: NamedDependency[RangeQuery]
    ) -> Response[BookingMetrics]:
        understood = question(asked)
        return await kept.answer(
            request, "bookings", understood, lambda: bookings(given.clickhouse, understood)
        )

    return [
        Router(
            "/v1/metrics",
            route_handlers=[get_bookings],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]

"""`/v1/metrics/...`: the numbers of a range."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.kept import Kept
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema import results
from openride_analytics.schema.queries import RangeQuery
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.payments import payments
from openride_analytics.stats.questions import Question, understand
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import users
from openride_analytics.store.clickhouse import ClickHouse

T = TypeVar("T", bound=results.Answer)
Asking = Request[Any, Any, Any]


def metrics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/metrics, but for realtime."""
    given = api.resources
    kept = Kept(given)
    ranged = documented(RangeQuery)

    async def answer(
        request: Asking,
        query: RangeQuery,
        name: str,
        compute: Callable[[ClickHouse, Question], Awaitable[T]],
    ) -> Response[T]:
        now = datetime.fromtimestamp(given.clock.time(), UTC)
        question = understand(query, api=given.settings.api, now=now)
        return await kept.answer(request, name, question, lambda: compute(given.clickhouse, question))

    @get("/users", summary="People in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_users(request: Asking, asked: NamedDependency[RangeQuery]) -> Response[results.UserMetrics]:
        return await answer(request, asked, "users", users)

    @get("/bookings", summary="Bookings in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_bookings(
        request: Asking, asked: NamedDependency[RangeQuery]
    ) -> Response[results.BookingMetrics]:
        return await answer(request, asked, "bookings", bookings)

    @get("/payments", summary="Payments in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_payments(
        request: Asking, asked: NamedDependency[RangeQuery]
    ) -> Response[results.PaymentMetrics]:
        return await answer(request, asked, "payments", payments)

    @get("/trips", summary="Trips in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_trips(request: Asking, asked: NamedDependency[RangeQuery]) -> Response[results.TripMetrics]:
        return await answer(request, asked, "trips", trips)

    return [
        Router(
            "/v1/metrics",
            route_handlers=[get_users, get_bookings, get_payments, get_trips],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]

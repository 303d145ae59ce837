"""`/v1/metrics/...`: the numbers of a range."""

from functools import partial

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.kept import Asking, Kept
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema import results
from openride_analytics.schema.queries import DriversQuery, RangeQuery, RoutesQuery
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.drivers import drivers
from openride_analytics.stats.payments import payments
from openride_analytics.stats.routes import routes
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import users


def metrics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/metrics, but for realtime."""
    clickhouse = questions(api.resources)
    kept = Kept(api.resources)
    ranged = documented(RangeQuery)

    @get("/users", summary="People in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_users(request: Asking, asked: NamedDependency[RangeQuery]) -> Response[results.UserMetrics]:
        return await kept.answer(request, "users", asked, partial(users, clickhouse))

    @get("/bookings", summary="Bookings in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_bookings(
        request: Asking, asked: NamedDependency[RangeQuery]
    ) -> Response[results.BookingMetrics]:
        return await kept.answer(request, "bookings", asked, partial(bookings, clickhouse))

    @get("/payments", summary="Payments in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_payments(
        request: Asking, asked: NamedDependency[RangeQuery]
    ) -> Response[results.PaymentMetrics]:
        return await kept.answer(request, "payments", asked, partial(payments, clickhouse))

    @get("/trips", summary="Trips in a range", operation_class=ranged, responses=PROBLEMS)
    async def get_trips(request: Asking, asked: NamedDependency[RangeQuery]) -> Response[results.TripMetrics]:
        return await kept.answer(request, "trips", asked, partial(trips, clickhouse))

    @get(
        "/drivers",
        summary="Drivers with a trip completed in a range",
        operation_class=documented(DriversQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(DriversQuery)},
    )
    async def get_drivers(
        request: Asking, asked: NamedDependency[DriversQuery]
    ) -> Response[results.DriverMetrics]:
        compute = partial(drivers, clickhouse, sort=asked.sort, limit=asked.limit)
        return await kept.answer(request, "drivers", asked, compute)

    @get(
        "/routes",
        summary="Routes with a booking confirmed in a range",
        operation_class=documented(RoutesQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(RoutesQuery)},
    )
    async def get_routes(
        request: Asking, asked: NamedDependency[RoutesQuery]
    ) -> Response[results.RouteMetrics]:
        compute = partial(routes, clickhouse, sort=asked.sort, limit=asked.limit)
        return await kept.answer(request, "routes", asked, compute)

    return [
        Router(
            "/v1/metrics",
            route_handlers=[get_users, get_bookings, get_payments, get_trips, get_drivers, get_routes],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]

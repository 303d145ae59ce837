"""`/v1/metrics/...`: the numbers of a range."""

from functools import partial

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.examples import metrics as examples
from openride_analytics.api.kept import Asking, Kept
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks
from openride_analytics.api.responses import KEPT, PROBLEMS
from openride_analytics.schema import results
from openride_analytics.schema.queries import DriversQuery, RangeQuery, RoutesQuery
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.drivers import drivers
from openride_analytics.stats.payments import payments
from openride_analytics.stats.routes import EARLIER as OF_ROUTES
from openride_analytics.stats.routes import routes
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import EARLIER as OF_USERS
from openride_analytics.stats.users import users


def metrics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/metrics, but for realtime."""
    clickhouse = questions(api.resources)
    kept = Kept(api.resources)

    @get(
        "/users",
        summary="People in a range",
        operation_class=documented(RangeQuery, example=examples.USERS),
        responses=KEPT | PROBLEMS,
    )
    async def get_users(request: Asking, asked: NamedDependency[RangeQuery]) -> Response[results.UserMetrics]:
        """Who acted on the range's last day (dau) and on the 7 and 30 days that end with it (wau, mau), who
        registered in the range, and how far drivers have come by its end. Acting is what a rider or driver does:
        registering, booking, paying, traveling, driving, cancelling; a KYC decision and a refund are nobody's act.
        """
        return await kept.answer(request, "users", asked, partial(users, clickhouse), earlier=OF_USERS)

    @get(
        "/bookings",
        summary="Bookings in a range",
        operation_class=documented(RangeQuery, example=examples.BOOKINGS),
        responses=KEPT | PROBLEMS,
    )
    async def get_bookings(
        request: Asking, asked: NamedDependency[RangeQuery]
    ) -> Response[results.BookingMetrics]:
        """Counts are of distinct bookings with that event in the range, so a booking created before it may be
        confirmed in it. The rates are of the bookings created in the range, whatever became of them by now. Bookings
        carry no currency: values are in the default one.
        """
        return await kept.answer(request, "bookings", asked, partial(bookings, clickhouse))

    @get(
        "/payments",
        summary="Payments in a range",
        operation_class=documented(RangeQuery, example=examples.PAYMENTS),
        responses=KEPT | PROBLEMS,
    )
    async def get_payments(
        request: Asking, asked: NamedDependency[RangeQuery]
    ) -> Response[results.PaymentMetrics]:
        """Counts are of distinct payments with that event in the range. success_rate is of those initiated in it,
        refund_rate of those that succeeded in it, by now. total_revenue is gross; net_revenue is less every refund of
        the range; other currencies are listed apart and never added up.
        """
        return await kept.answer(request, "payments", asked, partial(payments, clickhouse))

    @get(
        "/trips",
        summary="Trips in a range",
        operation_class=documented(RangeQuery, example=examples.TRIPS),
        responses=KEPT | PROBLEMS,
    )
    async def get_trips(request: Asking, asked: NamedDependency[RangeQuery]) -> Response[results.TripMetrics]:
        """Counts are of distinct trips with that event in the range; completion_rate is of those started in it, by
        now. Means, sums and punctuality are of the trips completed in it.
        """
        return await kept.answer(request, "trips", asked, partial(trips, clickhouse))

    @get(
        "/drivers",
        summary="Drivers with a trip completed in a range",
        operation_class=documented(DriversQuery, example=examples.DRIVERS),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(DriversQuery)},
    )
    async def get_drivers(
        request: Asking, asked: NamedDependency[DriversQuery]
    ) -> Response[results.DriverMetrics]:
        """The first `limit` of them, and how the earnings of all of them are spread. A driver's cancellation_rate is
        of their bookings created in the range: those that the driver ever cancelled.
        """
        compute = partial(drivers, clickhouse, sort=asked.sort, limit=asked.limit)
        return await kept.answer(request, "drivers", asked, compute)

    @get(
        "/routes",
        summary="Routes with a booking confirmed in a range",
        operation_class=documented(RoutesQuery, example=examples.ROUTES),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(RoutesQuery)},
    )
    async def get_routes(
        request: Asking, asked: NamedDependency[RoutesQuery]
    ) -> Response[results.RouteMetrics]:
        """The first `limit` of them. avg_occupancy is the mean over a route's departures in the range of seats on
        bookings confirmed and never cancelled, in percent of the seats there are; it may pass 100.
        """
        compute = partial(routes, clickhouse, sort=asked.sort, limit=asked.limit)
        return await kept.answer(request, "routes", asked, compute, earlier=OF_ROUTES)

    return [
        Router(
            "/v1/metrics",
            route_handlers=[get_users, get_bookings, get_payments, get_trips, get_drivers, get_routes],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]

"""`/v1/metrics/...`: the numbers."""

from datetime import UTC, datetime

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.health import Check
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.queries import DriversQuery, RangeQuery, RoutesQuery
from openride_analytics.schema.results import BookingMetrics, DriverMetrics, RealtimeMetrics, RouteMetrics
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.drivers import drivers
from openride_analytics.stats.questions import Question, understand
from openride_analytics.stats.realtime import Condition, realtime
from openride_analytics.stats.routes import routes


def metrics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/metrics."""
    given = api.resources

    def question(query: RangeQuery) -> Question:
        now = datetime.fromtimestamp(given.clock.time(), UTC)
        return understand(query, api=given.settings.api, now=now)

    @get(
        "/bookings", summary="Bookings in a range", operation_class=documented(RangeQuery), responses=PROBLEMS
    )
    async def get_bookings(asked: NamedDependency[RangeQuery]) -> BookingMetrics:
        return await bookings(given.clickhouse, question(asked))

    @get(
        "/realtime",
        summary="Now: the range does not apply",
        operation_class=documented(RangeQuery),
        responses=PROBLEMS,
    )
    async def get_realtime(asked: NamedDependency[RangeQuery]) -> RealtimeMetrics:
        understood = question(asked)
        report = await api.health.report()
        return await realtime(
            given.clickhouse,
            now=understood.asked_at,
            currency=understood.currency,
            conditions={check.name: _condition(check) for check in report.checks},
        )

    @get(
        "/drivers",
        summary="Drivers with a trip completed in a range",
        operation_class=documented(DriversQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(DriversQuery)},
    )
    async def get_drivers(asked: NamedDependency[DriversQuery]) -> DriverMetrics:
        return await drivers(given.clickhouse, question(asked), sort=asked.sort, limit=asked.limit)

    @get(
        "/routes",
        summary="Routes with a booking confirmed in a range",
        operation_class=documented(RoutesQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(RoutesQuery)},
    )
    async def get_routes(asked: NamedDependency[RoutesQuery]) -> RouteMetrics:
        return await routes(given.clickhouse, question(asked), sort=asked.sort, limit=asked.limit)

    return [
        Router(
            "/v1/metrics",
            route_handlers=[get_bookings, get_drivers, get_routes, get_realtime],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]


def _condition(check: Check) -> Condition:
    if check.state == "down" and check.critical:
        return Condition.DOWN
    return Condition.DEGRADED if check.state in ("down", "degraded") else Condition.OK

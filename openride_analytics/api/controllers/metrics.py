"""`/v1/metrics/...`: the numbers."""

from datetime import UTC, datetime

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.health import Check
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.queries import RangeQuery
from openride_analytics.schema.results import (
    BookingMetrics,
    PaymentMetrics,
    RealtimeMetrics,
    TripMetrics,
    UserMetrics,
)
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.payments import payments
from openride_analytics.stats.questions import Question, understand
from openride_analytics.stats.realtime import Condition, realtime
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import users


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

    @get("/users", summary="People in a range", operation_class=documented(RangeQuery), responses=PROBLEMS)
    async def get_users(asked: NamedDependency[RangeQuery]) -> UserMetrics:
        return await users(given.clickhouse, question(asked))

    @get(
        "/payments", summary="Payments in a range", operation_class=documented(RangeQuery), responses=PROBLEMS
    )
    async def get_payments(asked: NamedDependency[RangeQuery]) -> PaymentMetrics:
        return await payments(given.clickhouse, question(asked))

    @get("/trips", summary="Trips in a range", operation_class=documented(RangeQuery), responses=PROBLEMS)
    async def get_trips(asked: NamedDependency[RangeQuery]) -> TripMetrics:
        return await trips(given.clickhouse, question(asked))

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

    return [
        Router(
            "/v1/metrics",
            route_handlers=[get_users, get_bookings, get_payments, get_trips, get_realtime],
            dependencies={"asked": asks(RangeQuery)},
            tags=["metrics"],
        )
    ]


def _condition(check: Check) -> Condition:
    if check.state == "down" and check.critical:
        return Condition.DOWN
    return Condition.DEGRADED if check.state in ("down", "degraded") else Condition.OK

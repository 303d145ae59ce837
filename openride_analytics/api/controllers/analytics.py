"""`/v1/analytics/...`: where and when."""

from functools import partial

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.examples import analytics as examples
from openride_analytics.api.kept import Asking, Kept
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks
from openride_analytics.api.responses import KEPT, PROBLEMS
from openride_analytics.schema.analytics import Geography, Trend
from openride_analytics.schema.queries import GeographicQuery, TrendsQuery
from openride_analytics.stats.geographic import EARLIER as OF_PLACES
from openride_analytics.stats.geographic import geographic
from openride_analytics.stats.trends import earlier as of_trends
from openride_analytics.stats.trends import trends


def analytics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/analytics."""
    clickhouse = questions(api.resources)
    kept = Kept(api.resources)

    @get(
        "/geographic",
        summary="A metric by place",
        operation_class=documented(GeographicQuery, example=examples.GEOGRAPHIC),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(GeographicQuery)},
    )
    async def get_geographic(request: Asking, asked: NamedDependency[GeographicQuery]) -> Response[Geography]:
        """Bookings and trips are where their route begins, revenue where the route begins that was paid for, or,
        with level hex, where the pickup is. People are where they said they live; there are no hexes of them. What
        cannot be placed is "Unknown", and never left out.
        """
        compute = partial(geographic, clickhouse, query=asked)
        return await kept.answer(request, "geographic", asked, compute, earlier=OF_PLACES)

    @get(
        "/trends",
        summary="A metric over time",
        operation_class=documented(TrendsQuery, example=examples.TRENDS),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(TrendsQuery)},
    )
    async def get_trends(request: Asking, asked: NamedDependency[TrendsQuery]) -> Response[Trend]:
        """Bucket by bucket, without a gap. An entity counts in each bucket in which it has the event, and once in
        totals. An hourly bucket is the n-th hour since local midnight; a week or month begins where it does, even
        before start_date. Not every metric can be grouped by everything: 400 says by what it can.
        """
        compute = partial(trends, clickhouse, query=asked)
        return await kept.answer(request, "trends", asked, compute, earlier=of_trends(asked))

    return [Router("/v1/analytics", route_handlers=[get_geographic, get_trends], tags=["analytics"])]

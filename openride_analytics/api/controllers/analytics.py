"""`/v1/analytics/...`: where and when."""

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.kept import Asking, Kept
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.analytics import Geography, Trend
from openride_analytics.schema.queries import GeographicQuery, TrendsQuery
from openride_analytics.stats.geographic import geographic
from openride_analytics.stats.trends import trends


def analytics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/analytics."""
    clickhouse = questions(api.resources)
    kept = Kept(api.resources)

    @get(
        "/geographic",
        summary="A metric by place",
        operation_class=documented(GeographicQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(GeographicQuery)},
    )
    async def get_geographic(request: Asking, asked: NamedDependency[GeographicQuery]) -> Response[Geography]:
        return await kept.answer(request, "geographic", asked, lambda q: geographic(clickhouse, q, asked))

    @get(
        "/trends",
        summary="A metric over time",
        operation_class=documented(TrendsQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(TrendsQuery)},
    )
    async def get_trends(request: Asking, asked: NamedDependency[TrendsQuery]) -> Response[Trend]:
        return await kept.answer(request, "trends", asked, lambda q: trends(clickhouse, q, asked))

    return [Router("/v1/analytics", route_handlers=[get_geographic, get_trends], tags=["analytics"])]

"""`/v1/analytics/...`: where and when."""

from datetime import UTC, datetime

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.analytics import Geography, Trend
from openride_analytics.schema.queries import GeographicQuery, RangeQuery, TrendsQuery
from openride_analytics.stats.geographic import geographic
from openride_analytics.stats.questions import Question, understand
from openride_analytics.stats.trends import trends


def analytics(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/analytics."""
    given = api.resources

    def question(query: RangeQuery) -> Question:
        now = datetime.fromtimestamp(given.clock.time(), UTC)
        return understand(query, api=given.settings.api, now=now)

    @get(
        "/geographic",
        summary="A metric by place",
        operation_class=documented(GeographicQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(GeographicQuery)},
    )
    async def get_geographic(asked: NamedDependency[GeographicQuery]) -> Geography:
        return await geographic(given.clickhouse, question(asked), asked)

    @get(
        "/trends",
        summary="A metric over time",
        operation_class=documented(TrendsQuery),
        responses=PROBLEMS,
        dependencies={"asked": asks(TrendsQuery)},
    )
    async def get_trends(asked: NamedDependency[TrendsQuery]) -> Trend:
        return await trends(given.clickhouse, question(asked), asked)

    return [Router("/v1/analytics", route_handlers=[get_geographic, get_trends], tags=["analytics"])]

"""`/v1/analytics/...`: how far people go, and whether they come back."""

from datetime import UTC, datetime

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.people import CohortAnalytics, FunnelAnalytics, RetentionAnalytics
from openride_analytics.schema.queries import CohortQuery, FunnelQuery, RetentionQuery
from openride_analytics.stats.cohort import calendar, cohort
from openride_analytics.stats.funnel import course, funnel
from openride_analytics.stats.questions import understand
from openride_analytics.stats.retention import retention


def people(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/analytics that are about people."""
    given = api.resources

    def now() -> datetime:
        return datetime.fromtimestamp(given.clock.time(), UTC)

    @get(
        "/funnel",
        summary="How far people go through a sequence of events",
        operation_class=documented(FunnelQuery),
        dependencies={"asked": asks(FunnelQuery)},
        responses=PROBLEMS,
    )
    async def get_funnel(asked: NamedDependency[FunnelQuery]) -> FunnelAnalytics:
        question = understand(asked, api=given.settings.api, now=now())
        return await funnel(given.clickhouse, question, course(asked))

    @get(
        "/cohort",
        summary="Who comes back, by when they registered: end_date and the limit of a range do not apply",
        operation_class=documented(CohortQuery),
        dependencies={"asked": asks(CohortQuery)},
        responses=PROBLEMS,
    )
    async def get_cohort(asked: NamedDependency[CohortQuery]) -> CohortAnalytics:
        return await cohort(given.clickhouse, calendar(asked, api=given.settings.api, now=now()))

    @get(
        "/retention",
        summary="Of those who registered in a range, who acts 1, 7 and 30 days later",
        operation_class=documented(RetentionQuery),
        dependencies={"asked": asks(RetentionQuery)},
        responses=PROBLEMS,
    )
    async def get_retention(asked: NamedDependency[RetentionQuery]) -> RetentionAnalytics:
        question = understand(asked, api=given.settings.api, now=now())
        return await retention(given.clickhouse, question, user_type=asked.user_type, mode=asked.mode)

    return [
        Router("/v1/analytics", route_handlers=[get_funnel, get_cohort, get_retention], tags=["analytics"])
    ]

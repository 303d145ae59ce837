"""`/v1/analytics/...`: how far people go, and whether they come back."""

from functools import partial

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.kept import Asking, Kept
from openride_analytics.api.parameters import asks, documented
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.schema.people import CohortAnalytics, FunnelAnalytics, RetentionAnalytics
from openride_analytics.schema.queries import CohortQuery, FunnelQuery, RetentionQuery
from openride_analytics.stats.cohort import calendar, cohort
from openride_analytics.stats.funnel import course, funnel
from openride_analytics.stats.retention import retention


def people(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/analytics that are about people."""
    given = api.resources

    clickhouse = questions(given)
    kept = Kept(given)

    @get(
        "/funnel",
        summary="How far people go through a sequence of events",
        operation_class=documented(FunnelQuery),
        dependencies={"asked": asks(FunnelQuery)},
        responses=PROBLEMS,
    )
    async def get_funnel(request: Asking, asked: NamedDependency[FunnelQuery]) -> Response[FunnelAnalytics]:
        steps = course(asked)
        return await kept.answer(request, "funnel", asked, lambda q: funnel(clickhouse, q, steps))

    @get(
        "/cohort",
        summary="Who comes back, by when they registered: end_date and the limit of a range do not apply",
        operation_class=documented(CohortQuery),
        dependencies={"asked": asks(CohortQuery)},
        responses=PROBLEMS,
    )
    async def get_cohort(request: Asking, asked: NamedDependency[CohortQuery]) -> Response[CohortAnalytics]:
        periods = calendar(asked, api=given.settings.api, now=kept.now)
        known = {
            "days": periods.days,
            "granularity": periods.granularity,
            "zone": periods.zone.key,
            "over": periods.over,
            "cohorts": periods.cohorts,
        }
        return await kept.changing(request, "cohort", known, lambda: cohort(clickhouse, periods))

    @get(
        "/retention",
        summary="Of those who registered in a range, who acts 1, 7 and 30 days later",
        operation_class=documented(RetentionQuery),
        dependencies={"asked": asks(RetentionQuery)},
        responses=PROBLEMS,
    )
    async def get_retention(
        request: Asking, asked: NamedDependency[RetentionQuery]
    ) -> Response[RetentionAnalytics]:
        compute = partial(retention, clickhouse, user_type=asked.user_type, mode=asked.mode)
        return await kept.answer(request, "retention", asked, compute)

    return [
        Router("/v1/analytics", route_handlers=[get_funnel, get_cohort, get_retention], tags=["analytics"])
    ]

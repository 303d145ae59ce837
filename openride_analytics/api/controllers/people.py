"""`/v1/analytics/...`: how far people go, and whether they come back."""

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
from openride_analytics.schema.people import CohortAnalytics, FunnelAnalytics, RetentionAnalytics
from openride_analytics.schema.queries import CohortQuery, FunnelQuery, RetentionQuery
from openride_analytics.stats.cohort import calendar, cohort
from openride_analytics.stats.funnel import EARLIER as OF_FUNNELS
from openride_analytics.stats.funnel import course, funnel
from openride_analytics.stats.retention import EARLIER as OF_RETENTION
from openride_analytics.stats.retention import retention


def people(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/analytics that are about people."""
    given = api.resources

    clickhouse = questions(given)
    kept = Kept(given)

    @get(
        "/funnel",
        summary="How far people go through a sequence of events",
        operation_class=documented(FunnelQuery, example=examples.FUNNEL),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(FunnelQuery)},
    )
    async def get_funnel(request: Asking, asked: NamedDependency[FunnelQuery]) -> Response[FunnelAnalytics]:
        """A person enters once, with the first event of step 1 in the range; each next step is the earliest such
        event at or after the one before, and within `window_days` times 24 hours of the entry, also beyond the range.
        """
        compute = partial(funnel, clickhouse, course=course(asked))
        return await kept.answer(request, "funnel", asked, compute, earlier=OF_FUNNELS)

    @get(
        "/cohort",
        summary="Who comes back, by when they registered",
        operation_class=documented(CohortQuery, example=examples.COHORT),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(CohortQuery)},
    )
    async def get_cohort(request: Asking, asked: NamedDependency[CohortQuery]) -> Response[CohortAnalytics]:
        """Cohorts in a row, from the period that holds start_date up to the current one. A person is active in the
        k-th period after the own one if they acted in it, registration itself not counted; period_0 is 100 by
        definition. end_date and the limit of a range do not apply.
        """
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
        operation_class=documented(RetentionQuery, example=examples.RETENTION),
        responses=KEPT | PROBLEMS,
        dependencies={"asked": asks(RetentionQuery)},
    )
    async def get_retention(
        request: Asking, asked: NamedDependency[RetentionQuery]
    ) -> Response[RetentionAnalytics]:
        """Local days after the one of registration. Only people whose day N is completely over are eligible for dN,
        and the rate is of those.
        """
        compute = partial(retention, clickhouse, user_type=asked.user_type, mode=asked.mode)
        return await kept.answer(request, "retention", asked, compute, earlier=OF_RETENTION)

    return [
        Router("/v1/analytics", route_handlers=[get_funnel, get_cohort, get_retention], tags=["analytics"])
    ]

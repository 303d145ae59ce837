"""`/v1/exports/metrics/excel`: the metrics of a range as a workbook."""

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Role
from openride_analytics.api.access import at_least
from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.clock import utc_now
from openride_analytics.exports.workbook import MEDIA_TYPE, file_name, metrics_workbook
from openride_analytics.schema.queries import WorkbookQuery
from openride_analytics.stats.questions import understand


def workbook(api: Api) -> list[ControllerRouterHandler]:
    """The route of the workbook. Nothing is kept: each is made when it is asked for."""
    given = api.resources

    @get(
        "/metrics/excel",
        summary="All metrics of a range as a workbook, beside the period before",
        operation_class=documented(WorkbookQuery, files=[MEDIA_TYPE], sends={200: ["Content-Disposition"]}),
        dependencies={"asked": asks(WorkbookQuery)},
        guards=[at_least(Role.ANALYST)],
        responses=PROBLEMS,
        media_type=MEDIA_TYPE,
    )
    async def get_workbook(asked: NamedDependency[WorkbookQuery]) -> Response[bytes]:
        """One sheet an area, with tables and charts, a summary beside the period before (as many days, just before),
        and what each number means.
        """
        now = utc_now(given.clock)
        question = understand(asked.ranged(), api=given.settings.api, now=now)
        made = await metrics_workbook(questions(given), question)
        headers = {
            "Content-Disposition": f'attachment; filename="{file_name(question.period)}"',
            "Cache-Control": "no-store",
        }
        return Response(made, media_type=MEDIA_TYPE, headers=headers)

    return [Router("/v1/exports", route_handlers=[get_workbook], tags=["exports"])]

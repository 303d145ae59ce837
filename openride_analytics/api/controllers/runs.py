"""Runs of schedules: asked for, listed, and looked at before they are mailed."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Caller
from openride_analytics.api.bodies import decoded, sent
from openride_analytics.api.examples import reports as examples
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks, asks_nothing
from openride_analytics.api.responses import problems
from openride_analytics.api.whose import whose
from openride_analytics.reports.desk import Busy, Reports
from openride_analytics.schema.reports import (
    ExecuteRequest,
    Execution,
    ExecutionList,
    ExecutionPath,
    ExecutionsQuery,
    SchedulePath,
)

Asking = Request[Caller, Any, Any]
_PROBLEMS: Final = problems(400, 401, 403, 404, 429, 501, 503)
_BUSY: Final = "a run that was asked for has not ended yet"
# It is what a mail will be: its own styles, its images inside, and nothing that runs or loads.
_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; sandbox"
)


def runs(desk: Reports) -> list[ControllerRouterHandler]:
    """The routes of one schedule's runs, and of each run."""
    return [*_asking(desk), *_having(desk)]


def _asking(desk: Reports) -> list[ControllerRouterHandler]:
    @post(
        "/schedule/{schedule_id:str}/execute",
        status_code=202,
        summary="Run it now",
        operation_class=documented(
            path=SchedulePath,
            body=examples.EXECUTE,
            body_required=False,
            example=examples.PENDING,
            sends={202: ["Location.report"]},
        ),
        responses=_PROBLEMS | problems(408, 409, 413, 415, 422),
        guards=[asks_nothing],
    )
    async def execute(request: Asking, schedule_id: FromPath[UUID]) -> Response[Execution]:
        """Over the latest period that is over, whether or not that was reported, and whether or not the schedule is
        active. With `to_self` it is a dry run, which the owner's address alone gets. 409 while another one of the
        schedule has not ended.
        """
        asked = await decoded(request, ExecuteRequest) if await sent(request) else ExecuteRequest()
        try:
            found = await desk.execute(schedule_id, whose(request), to_self=asked.to_self)
        except Busy:
            raise HTTPException(status_code=409, detail=_BUSY) from None
        if found is None:
            raise NotFoundException
        headers = {"Location": f"/v1/reports/executions/{found.id}"}
        return Response(found, status_code=202, headers=headers)

    @get(
        "/schedule/{schedule_id:str}/preview",
        summary="What it would mail now",
        operation_class=documented(path=SchedulePath, example=examples.PREVIEW),
        responses=_PROBLEMS | problems(504),
        guards=[asks_nothing],
        media_type="text/html",
    )
    async def preview(request: Asking, schedule_id: FromPath[UUID]) -> Response[str]:
        """The HTML of a mail over the latest period that is over, its images inside."""
        found = await desk.preview(schedule_id, whose(request))
        if found is None:
            raise NotFoundException
        return Response(found, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    return [execute, preview]


def _having(desk: Reports) -> list[ControllerRouterHandler]:
    @get(
        "/schedule/{schedule_id:str}/executions",
        summary="The runs of a schedule",
        operation_class=documented(ExecutionsQuery, path=SchedulePath, example=examples.EXECUTIONS),
        dependencies={"asked": asks(ExecutionsQuery)},
        responses=_PROBLEMS,
    )
    async def list_executions(
        request: Asking, schedule_id: FromPath[UUID], asked: NamedDependency[ExecutionsQuery]
    ) -> ExecutionList:
        """The newest first, with what became of each recipient; also of a schedule that was deleted."""
        found = await desk.executions(schedule_id, whose(request), asked)
        if found is None:
            raise NotFoundException
        return found

    @get(
        "/executions/{execution_id:str}",
        summary="A run",
        operation_class=documented(path=ExecutionPath, example=examples.EXECUTION),
        responses=_PROBLEMS,
        guards=[asks_nothing],
    )
    async def get_execution(request: Asking, execution_id: FromPath[UUID]) -> Execution:
        """What became of it, and of each recipient. `retry_at`: when those that are pending are tried again."""
        found = await desk.execution(execution_id, whose(request))
        if found is None:
            raise NotFoundException
        return found

    return [list_executions, get_execution]

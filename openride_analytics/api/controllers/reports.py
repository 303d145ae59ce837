"""`/v1/reports/...`: reports that are made and mailed again and again, and what became of each."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Caller, Role
from openride_analytics.api.access import at_least
from openride_analytics.api.bodies import decoded
from openride_analytics.api.controllers.runs import runs
from openride_analytics.api.dependencies import Api
from openride_analytics.api.examples import reports as examples
from openride_analytics.api.headers import SCHEDULE_KEY
from openride_analytics.api.idempotency import idempotency_key
from openride_analytics.api.operations import documented
from openride_analytics.api.options import options
from openride_analytics.api.parameters import asks, asks_nothing
from openride_analytics.api.problems import NotConfigured, Unprocessable
from openride_analytics.api.responses import problems
from openride_analytics.api.whose import whose
from openride_analytics.errors import Invalid
from openride_analytics.reports.desk import Full, Reports
from openride_analytics.schema.reports import (
    Schedule,
    ScheduleList,
    SchedulePatch,
    SchedulePath,
    ScheduleRequest,
    SchedulesQuery,
)

Asking = Request[Caller, Any, Any]
_PROBLEMS: Final = problems(400, 401, 403, 429, 501, 503)
_GONE: Final = "the schedule of this Idempotency-Key was deleted"


def reports(api: Api) -> list[ControllerRouterHandler]:
    """The routes of schedules and their runs, for analysts, who see their own, and admins."""
    desk = api.resources.reports

    def configured(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
        if not desk.configured:
            raise NotConfigured("reports need DATABASE_URL")

    return [
        Router(
            "/v1/reports",
            route_handlers=[*_many(desk), *_one(desk), *runs(desk)],
            guards=[at_least(Role.ANALYST), configured],
            tags=["reports"],
        )
    ]


def _many(desk: Reports) -> list[ControllerRouterHandler]:
    @post(
        "/schedule",
        status_code=201,
        summary="Have a report made and mailed again and again",
        operation_class=documented(
            takes=[SCHEDULE_KEY],
            body=examples.REQUEST,
            example=examples.SCHEDULE,
            sends={201: ["Location.report"]},
        ),
        responses=_PROBLEMS | problems(408, 409, 413, 415, 422),
        guards=[asks_nothing],
    )
    async def add_schedule(request: Asking) -> Response[Schedule]:
        """A daily report covers the local day before, a weekly one the ISO week before, a monthly one the month before;
        it is due at a local time, once in each, whatever clocks do, and on the 31st of a shorter month on its last day.
        `owner_email` is told of a run that failed or did not reach everybody. With an Idempotency-Key a request can be
        repeated: 409 if its schedule was deleted meanwhile. 409 too for who has REPORT_MAX_PER_USER schedules.
        """
        asked = await decoded(request, ScheduleRequest)
        key = idempotency_key(request)
        try:
            found = await desk.add(asked, request.user.subject, key=key)
        except ExceptionGroup as group:
            raise _unprocessable(group) from None
        except Full as full:
            raise HTTPException(status_code=409, detail=_full(full.most)) from None
        if found is None:
            raise HTTPException(status_code=409, detail=_GONE)
        headers = {"Location": f"/v1/reports/schedule/{found.id}"}
        return Response(found, status_code=201, headers=headers)

    @get(
        "/schedule",
        summary="Schedules",
        operation_class=documented(SchedulesQuery, example=examples.SCHEDULES),
        dependencies={"asked": asks(SchedulesQuery)},
        responses=_PROBLEMS,
    )
    async def list_schedules(request: Asking, asked: NamedDependency[SchedulesQuery]) -> ScheduleList:
        """One's own, the newest first; admins see those of all."""
        return await desk.page(whose(request), asked)

    return [options("/schedule", "GET", "POST"), add_schedule, list_schedules]


def _one(desk: Reports) -> list[ControllerRouterHandler]:
    @get(
        "/schedule/{schedule_id:str}",
        summary="A schedule",
        operation_class=documented(path=SchedulePath, example=examples.SCHEDULE),
        responses=_PROBLEMS | problems(404),
        guards=[asks_nothing],
    )
    async def get_schedule(request: Asking, schedule_id: FromPath[UUID]) -> Schedule:
        """With the next five times at which it is due, in its own time zone."""
        return _found(await desk.get(schedule_id, whose(request)))

    @patch(
        "/schedule/{schedule_id:str}",
        summary="Change a schedule",
        operation_class=documented(path=SchedulePath, body=examples.PATCH, example=examples.SCHEDULE),
        responses=_PROBLEMS | problems(404, 408, 413, 415, 422),
        guards=[asks_nothing],
    )
    async def change_schedule(request: Asking, schedule_id: FromPath[UUID]) -> Schedule:
        """Only what is sent is changed, in `parameters` too. `active: false` pauses it and ends a run that waits to be
        tried again; `active: true`, or another `frequency`, goes on with the next time that is to come. A period that
        has been reported is not reported again at another time.
        """
        asked = await decoded(request, SchedulePatch)
        try:
            return _found(await desk.change(schedule_id, whose(request), asked))
        except ExceptionGroup as group:
            raise _unprocessable(group) from None

    @delete(
        "/schedule/{schedule_id:str}",
        summary="Delete a schedule",
        operation_class=documented(path=SchedulePath),
        responses=_PROBLEMS | problems(404),
        guards=[asks_nothing],
    )
    async def delete_schedule(request: Asking, schedule_id: FromPath[UUID]) -> None:
        """Its executions can still be asked for. A run that waits is ended; one in hand comes to its end."""
        if not await desk.delete(schedule_id, whose(request)):
            raise NotFoundException

    allowed = options("/schedule/{schedule_id:str}", "GET", "PATCH", "DELETE")
    return [allowed, get_schedule, change_schedule, delete_schedule]


def _found(schedule: Schedule | None) -> Schedule:
    if schedule is None:
        raise NotFoundException
    return schedule


def _full(most: int) -> str:
    return f"{most} schedules of yours are all that one user may have; DELETE one, or change one"


def _unprocessable(group: ExceptionGroup[Exception]) -> Exception:
    return Unprocessable([error for error in group.exceptions if isinstance(error, Invalid)])

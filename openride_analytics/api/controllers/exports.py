"""`/v1/exports/...`: rows carried out, as files that are made in the background, or at once if there are few."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import (
    HTTPException,
    NotFoundException,
    TooManyRequestsException,
)
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Caller, Role
from openride_analytics.api.access import at_least
from openride_analytics.api.bodies import decoded
from openride_analytics.api.controllers.rows import rows_at_once
from openride_analytics.api.dependencies import Api
from openride_analytics.api.downloads import download
from openride_analytics.api.examples import exports as examples
from openride_analytics.api.headers import IDEMPOTENCY_KEY, IF_RANGE, RANGE
from openride_analytics.api.idempotency import idempotency_key
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks, asks_nothing
from openride_analytics.api.personal import may_see
from openride_analytics.api.problems import Unprocessable
from openride_analytics.api.responses import PART, problems
from openride_analytics.errors import Invalid
from openride_analytics.exports.desk import Crowded, Desk
from openride_analytics.exports.names import MEDIA_TYPES
from openride_analytics.schema.exports import (
    ExportList,
    ExportPath,
    ExportRequest,
    ExportStatus,
    ListQuery,
    Status,
)

Asking = Request[Caller, Any, Any]
RETRY_SECONDS: Final = 30
_PROBLEMS: Final = problems(400, 401, 403, 429, 503)  # of what is not asked of ClickHouse
_OF_FILE: Final = ("Content-Disposition", "ETag.file", "Last-Modified", "Accept-Ranges")


def exports(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/exports, for analysts and admins."""
    desk = api.resources.exports
    handlers = [*_asking(desk), *_having(desk), *rows_at_once(api)]
    return [
        Router(
            "/v1/exports",
            route_handlers=handlers,
            guards=[at_least(Role.ANALYST)],
            tags=["exports"],
        )
    ]


def _asking(desk: Desk) -> list[ControllerRouterHandler]:
    @post(
        "/request",
        status_code=202,
        summary="Have a file made",
        operation_class=documented(
            takes=[IDEMPOTENCY_KEY],
            body=examples.REQUEST,
            example=examples.PENDING,
            sends={202: ["Location"]},
        ),
        responses=_PROBLEMS | problems(408, 409, 413, 415, 422),
        guards=[asks_nothing],
    )
    async def request_export(request: Asking) -> Response[ExportStatus]:
        """It is made in the background: Location tells how far it is, and then there is a file to download, kept for
        EXPORT_RETENTION_HOURS. With an Idempotency-Key a request can be repeated: 409 if its export was removed
        meanwhile. 429 also where EXPORT_MAX_PER_USER or EXPORT_MAX_WAITING exports wait or are being made. 403 also
        for columns, named or filtered by, that are for admins.
        """
        asked = await decoded(request, ExportRequest)
        personal = may_see(request.user, asked)
        key = idempotency_key(request)
        try:
            found = await desk.request(asked, request.user.subject, personal=personal, key=key)
        except ExceptionGroup as group:
            raise Unprocessable([error for error in group.exceptions if isinstance(error, Invalid)]) from None
        except Crowded as error:
            raise _too_many(error) from None
        if found is None:
            raise _gone("the export of this Idempotency-Key was removed", 409)
        return Response(found, status_code=202, headers={"Location": f"/v1/exports/{found.export_id}/status"})

    @get(
        "/",
        summary="Your exports",
        operation_class=documented(ListQuery, example=examples.EXPORTS),
        dependencies={"asked": asks(ListQuery)},
        responses=_PROBLEMS,
    )
    async def list_exports(request: Asking, asked: NamedDependency[ListQuery]) -> ExportList:
        """The newest first; nobody sees those of others. They are forgotten when their files are."""
        return await desk.list(request.user.subject, offset=asked.offset, limit=asked.limit)

    return [request_export, list_exports]


def _having(desk: Desk) -> list[ControllerRouterHandler]:
    @get(
        "/{export_id:str}/status",
        summary="How far an export is",
        operation_class=documented(path=ExportPath, example=examples.COMPLETED),
        responses=_PROBLEMS | problems(404),
        guards=[asks_nothing],
    )
    async def get_status(request: Asking, export_id: FromPath[UUID]) -> ExportStatus:
        """Nothing is cut without a word: `truncated` and `total_rows` tell of rows beyond the limit, `warnings` of what
        the format could not hold. One whose process died is taken up again, once.
        """
        found = await desk.status(export_id, request.user.subject)
        if found is None:
            raise NotFoundException
        return found

    @get(
        "/{export_id:str}/download",
        summary="The file of a completed export",
        operation_class=documented(
            path=ExportPath,
            takes=[RANGE, IF_RANGE],
            files=[*MEDIA_TYPES.values()],
            sends={
                200: _OF_FILE,
                206: [*_OF_FILE, "Content-Range"],
                416: ["ETag.file", "Accept-Ranges", "Content-Range.none"],
            },
        ),
        responses=_PROBLEMS | PART | problems(404, 409, 410, 416),
        guards=[asks_nothing],
    )
    async def get_file(request: Asking, export_id: FromPath[UUID]) -> Response[bytes]:
        """All of it, or with Range a part. 409 while there is no file; 410 if it is gone before its time, as with
        a replica that had it in a folder of its own: have it made again.
        """
        status = await desk.status(export_id, request.user.subject)
        if status is None:
            raise NotFoundException
        if status.status != Status.COMPLETED:
            raise _gone(f"this export is {status.status}: it has no file", 409)
        found = await desk.open(export_id, request.user.subject)
        if found is None:
            raise _gone("the file of this export is gone; have it made again", 410)
        return await download(request, found)

    @delete(
        "/{export_id:str}",
        summary="Cancel or remove an export",
        operation_class=documented(path=ExportPath),
        responses=_PROBLEMS | problems(404),
        guards=[asks_nothing],
    )
    async def delete_export(request: Asking, export_id: FromPath[UUID]) -> None:
        """One that is not over is cancelled, and its query stopped; of one that is, nothing is left, no file either."""
        if not await desk.remove(export_id, request.user.subject):
            raise NotFoundException

    return [get_status, get_file, delete_export]


def _too_many(error: Crowded) -> TooManyRequestsException:
    whose = "of yours" if error.own else "of all users together"
    return TooManyRequestsException(
        f"{error.most} exports {whose} wait or are being made; wait for one to end, or DELETE one",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _gone(detail: str, status: int) -> Exception:
    return HTTPException(status_code=status, detail=detail)

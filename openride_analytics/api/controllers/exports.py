"""`/v1/exports/...`: rows carried out, as files that are made in the background, or at once if there are few."""

from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import (
    HTTPException,
    NotFoundException,
    PermissionDeniedException,
    TooManyRequestsException,
)
from litestar.openapi import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Caller, Role
from openride_analytics.api.access import at_least
from openride_analytics.api.bodies import decoded, described
from openride_analytics.api.dependencies import Api
from openride_analytics.api.downloads import download
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import MAX_PARAMETERS, asks, decode
from openride_analytics.api.problems import Problem, Unprocessable
from openride_analytics.api.responses import PROBLEMS
from openride_analytics.errors import Invalid
from openride_analytics.exports.catalog import SOURCES
from openride_analytics.exports.desk import Crowded, Desk, Reused
from openride_analytics.exports.names import content_disposition
from openride_analytics.exports.orders import defaults, filterable, personal_columns
from openride_analytics.exports.quick import MOST_ROWS, quick
from openride_analytics.schema.exports import (
    ExportColumn,
    ExportDataset,
    ExportDatasets,
    ExportList,
    ExportRequest,
    ExportStatus,
    Format,
    ListQuery,
    QuickQuery,
    Status,
)

Asking = Request[Caller, Any, Any]
RETRY_SECONDS: Final = 30
LONGEST_KEY: Final = 255
_QUICK: Final = ("dataset", "start_date", "end_date", "timezone", "columns")

_EXAMPLE: Final = {
    "dataset": "payment_events",
    "start_date": "2026-11-01",
    "end_date": "2026-11-30",
    "format": "csv",
    "columns": ["event_type", "event_timestamp", "payment_id", "amount", "currency"],
    "filters": {"event_type": ["payment.success", "payment.refunded"], "currency": "NGN"},
    "compression": "gzip",
}
_NONE: Final = {404: ResponseSpec(Problem, description="You have no such export", generate_examples=False)}
_BAD: Final = {
    409: ResponseSpec(Problem, description="The Idempotency-Key's export is gone", generate_examples=False),
    415: ResponseSpec(Problem, description="The body is not JSON", generate_examples=False),
    422: ResponseSpec(Problem, description="A field of the body is wrong", generate_examples=False),
}


def exports(api: Api) -> list[ControllerRouterHandler]:
    """The routes of /v1/exports, for analysts and admins."""
    desk = api.resources.exports
    handlers = [*_asking(desk), *_having(desk), *_at_once(api)]
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
        summary="Have a file made; an Idempotency-Key makes repeating it harmless",
        operation_class=described(ExportRequest, _EXAMPLE),
        responses=PROBLEMS | _BAD,
    )
    async def request_export(request: Asking) -> Response[ExportStatus]:
        asked = await decoded(request, ExportRequest)
        personal = _may_see(request, asked)
        try:
            found = await desk.request(
                asked, request.user.subject, personal=personal, key=_idempotency_key(request)
            )
        except ExceptionGroup as group:
            raise Unprocessable([error for error in group.exceptions if isinstance(error, Invalid)]) from None
        except Crowded as error:
            raise _too_many(error) from None
        except Reused:
            raise Unprocessable(
                [Invalid("Idempotency-Key", "came with another request before", "a new one for each request")]
            ) from None
        if found is None:
            raise _gone("the export of this Idempotency-Key was removed", 409)
        return Response(found, status_code=202, headers={"Location": f"/v1/exports/{found.export_id}/status"})

    @get(
        "/",
        summary="Your exports, the newest first",
        operation_class=documented(ListQuery),
        dependencies={"asked": asks(ListQuery)},
        responses=PROBLEMS,
    )
    async def list_exports(request: Asking, asked: NamedDependency[ListQuery]) -> ExportList:
        return await desk.list(request.user.subject, offset=asked.offset, limit=asked.limit)

    return [request_export, list_exports]


def _having(desk: Desk) -> list[ControllerRouterHandler]:
    @get("/{export_id:uuid}/status", summary="How far an export is", responses=PROBLEMS | _NONE)
    async def get_status(request: Asking, export_id: FromPath[UUID]) -> ExportStatus:
        found = await desk.status(export_id, request.user.subject)
        if found is None:
            raise NotFoundException
        return found

    @get(
        "/{export_id:uuid}/download",
        summary="The file of a completed export; Range and If-Range are understood",
        responses=PROBLEMS
        | _NONE
        | {
            206: ResponseSpec(bytes, description="The part that was asked for", generate_examples=False),
            409: ResponseSpec(Problem, description="It is not completed", generate_examples=False),
            410: ResponseSpec(Problem, description="Its file is gone", generate_examples=False),
            416: ResponseSpec(Problem, description="No such part", generate_examples=False),
        },
    )
    async def get_file(request: Asking, export_id: FromPath[UUID]) -> Response[bytes]:
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
        "/{export_id:uuid}",
        summary="Cancel an export that is not over; remove one that is, and its file",
        responses=PROBLEMS | _NONE,
    )
    async def delete_export(request: Asking, export_id: FromPath[UUID]) -> None:
        if not await desk.remove(export_id, request.user.subject):
            raise NotFoundException

    return [get_status, get_file, delete_export]


def _at_once(api: Api) -> list[ControllerRouterHandler]:
    desk, clickhouse = api.resources.exports, api.resources.clickhouse

    @get("/datasets", summary="What can be exported", responses=PROBLEMS, sync_to_thread=False)
    def get_datasets(request: Asking) -> ExportDatasets:
        return _datasets(personal=request.user.role >= Role.ADMIN)

    @get(
        "/quick/csv",
        summary=f"At most {MOST_ROWS} rows at once; other parameters are filters: a column's name, once a value",
        operation_class=documented(QuickQuery),
        media_type="text/csv",
        responses=PROBLEMS,
    )
    async def get_quick(request: Asking) -> Stream:
        asked = _quick_request(request.scope["query_string"])
        order = desk.understood(asked, personal=_may_see(request, asked), most_rows=MOST_ROWS)
        found = await quick(clickhouse, order)
        return Stream(
            found.pieces,
            media_type="text/csv",
            headers={
                "X-Truncated": str(found.truncated).lower(),
                "Content-Disposition": content_disposition(order.filename),
                "Cache-Control": "private, no-store",
            },
        )

    return [get_datasets, get_quick]


def _quick_request(query: bytes) -> ExportRequest:
    """Raises a group of Invalid."""
    pairs = parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True)[: MAX_PARAMETERS + 1]
    if len(pairs) > MAX_PARAMETERS:
        raise Invalid("query", "has too many parameters", f"at most {MAX_PARAMETERS}")
    filters: dict[str, Any] = {}
    for name, value in pairs:
        if name not in _QUICK:
            filters.setdefault(name, []).append(value)
    asked = decode(query, QuickQuery, others=filters.keys())
    return ExportRequest(
        dataset=asked.dataset,
        format=Format.CSV,
        start_date=asked.start_date,
        end_date=asked.end_date,
        timezone=asked.timezone,
        columns=None if asked.columns is None else [name.strip() for name in asked.columns.split(",")],
        filters=filters,
    )


def _may_see(request: Asking, asked: ExportRequest) -> bool:
    """Whether columns that may tell who somebody is are for this caller. Refuses a request that names some if not."""
    if request.user.role >= Role.ADMIN:
        return True
    if named := personal_columns(asked):
        raise PermissionDeniedException(
            f"these columns are for admins: {', '.join(named)}; without them this role may ask"
        )
    return False


def _idempotency_key(request: Asking) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise Invalid("Idempotency-Key", "cannot be used", f"1 to {LONGEST_KEY} printable characters")
    return key


def _too_many(error: Crowded) -> TooManyRequestsException:
    whose = "of yours" if error.own else "of all users together"
    return TooManyRequestsException(
        f"{error.most} exports {whose} wait or are being made; wait for one to end, or DELETE one",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _gone(detail: str, status: int) -> Exception:
    return HTTPException(status_code=status, detail=detail)


def _datasets(*, personal: bool) -> ExportDatasets:
    found = []
    for name, source in SOURCES.items():
        default = set(defaults(source, personal=personal))
        columns = [
            ExportColumn(
                column.name,
                column.kind,
                column.nullable or column.derived,
                column.name in default,
                column.personal,
                filterable(column),
            )
            for column in source.columns
        ]
        found.append(ExportDataset(name, source.description, columns))
    return ExportDatasets(found)

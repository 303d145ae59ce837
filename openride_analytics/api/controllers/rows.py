"""`/v1/exports/quick/csv` and `/datasets`: a few rows at once, and what rows there are."""

from typing import Any, Final

from litestar import Request, get
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from openride_analytics.access import Caller, Role
from openride_analytics.api.dependencies import Api, questions
from openride_analytics.api.examples import exports as examples
from openride_analytics.api.operations import documented
from openride_analytics.api.parameters import asks_nothing, decode, pairs
from openride_analytics.api.personal import may_see
from openride_analytics.api.responses import PROBLEMS, problems
from openride_analytics.exports.catalog import SOURCES
from openride_analytics.exports.names import content_disposition
from openride_analytics.exports.orders import defaults, filterable
from openride_analytics.exports.quick import MOST_ROWS, quick
from openride_analytics.schema.exports import (
    MAX_FILTERS,
    ExportColumn,
    ExportDataset,
    ExportDatasets,
    ExportRequest,
    Format,
    QuickQuery,
)

Asking = Request[Caller, Any, Any]
_QUICK: Final = ("dataset", "start_date", "end_date", "timezone", "columns")

# Each other parameter is a filter; OpenAPI calls that an object that is exploded.
_FILTERS: Final = {
    "name": "filters",
    "in": "query",
    "required": False,
    "description": "Any other parameter is a filter: the name of a column, and a value that it may have; once for each "
    "such value.",
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": MAX_FILTERS},
    "example": {"event_type": "payment.success"},
}


def rows_at_once(api: Api) -> list[ControllerRouterHandler]:
    """The routes that need no export."""
    desk, clickhouse = api.resources.exports, questions(api.resources)

    @get(
        "/datasets",
        summary="What can be exported",
        operation_class=documented(example=examples.DATASETS),
        responses=problems(400, 401, 403, 429, 503),
        guards=[asks_nothing],
        sync_to_thread=False,
    )
    def get_datasets(request: Asking) -> ExportDatasets:
        """The datasets and their columns; what is in a file by default depends on the role of whoever asks."""
        return _datasets(personal=request.user.role >= Role.ADMIN)

    @get(
        "/quick/csv",
        summary=f"At most {MOST_ROWS:,} rows at once",
        operation_class=documented(
            QuickQuery,
            takes=[_FILTERS],
            files=["text/csv"],
            sends={200: ["X-Truncated", "Content-Disposition"]},
        ),
        media_type="text/csv",
        responses=PROBLEMS,
    )
    async def get_quick(request: Asking) -> Stream:
        """As CSV, without a file kept; X-Truncated tells whether there are more. 403 also for columns, named or
        filtered by, that are for admins.
        """
        asked = _quick_request(request.scope["query_string"])
        order = desk.understood(
            asked, personal=may_see(request.user, asked), most_rows=MOST_ROWS, filters_in=""
        )
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
    filters: dict[str, Any] = {}
    for name, value in pairs(query):
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

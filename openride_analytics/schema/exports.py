"""Exports: what may be asked for, and what is said of it."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from openride_analytics.schema.queries import InZone, Since, Until
from openride_analytics.schema.results import Instant

MAX_COLUMNS = 100
MAX_FILTERS = 20
MAX_VALUES = 100
MAX_TEXT = 500
LONGEST_FILENAME = 120


class Dataset(StrEnum):
    """The seven tables of events; and numbers by local day."""

    EVENTS_RAW = "events_raw"
    USER_EVENTS = "user_events"
    BOOKING_EVENTS = "booking_events"
    PAYMENT_EVENTS = "payment_events"
    TRIP_EVENTS = "trip_events"
    ROUTE_EVENTS = "route_events"
    LOCATION_EVENTS = "location_events"
    USER_METRICS = "user_metrics"
    BOOKING_METRICS = "booking_metrics"
    PAYMENT_METRICS = "payment_metrics"
    TRIP_METRICS = "trip_metrics"
    DRIVER_EARNINGS = "driver_earnings"
    POPULAR_ROUTES = "popular_routes"
    GEOGRAPHIC_METRICS = "geographic_metrics"


class Format(StrEnum):
    """What a file is: `excel` is an .xlsx, `jsonl` a JSON object a line."""

    CSV = "csv"
    EXCEL = "excel"
    PARQUET = "parquet"
    JSONL = "jsonl"


class Compression(StrEnum):
    """Of csv and jsonl; the other formats have their own."""

    NONE = "none"
    GZIP = "gzip"


class Status(StrEnum):
    """How far an export is; the last three are its end."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Value = Text | int | float | bool | None
Filters = Annotated[
    dict[Text, Value | Annotated[list[Value], Meta(min_length=1, max_length=MAX_VALUES)]],
    Meta(
        max_length=MAX_FILTERS,
        description="By name of a column, the value or the values that it may have; null where it has none. A row is "
        "taken if all columns named have one of theirs.",
    ),
]
Id = Annotated[UUID, Meta(description="Of the export.", examples=["0d9d3a52-6f0c-4a5e-9a55-0d7d7a3f3c11"])]
Rows = Annotated[Dataset, Meta(description="Which rows: /v1/exports/datasets tells their columns.")]
Kept = Annotated[Format, Meta(description="What the file is.")]


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows, and what file. A dataset of events has one row an event; the others one row a local day (and place,
    route, driver or method of payment), of whole days."""

    dataset: Rows
    format: Kept
    start_date: Since = None
    end_date: Until = None
    timezone: InZone = None
    columns: Annotated[
        Annotated[list[Text], Meta(min_length=1, max_length=MAX_COLUMNS)] | None,
        Meta(
            description="Which columns, in this order, each once. Default: those that /v1/exports/datasets says."
        ),
    ] = None
    filters: Filters = {}
    row_limit: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="How many rows at most. Default, and most: EXPORT_MAX_ROWS."),
    ] = None
    filename: Annotated[
        Annotated[str, Meta(min_length=1, max_length=LONGEST_FILENAME)] | None,
        Meta(
            description="What to call the file; characters that a name cannot have become _, and the format's ending "
            "is added. Default: the dataset and the days."
        ),
    ] = None
    compression: Annotated[
        Compression, Meta(description="gzip of csv and jsonl only; the others are compressed as it is.")
    ] = Compression.NONE


class ExportPath(msgspec.Struct, frozen=True):
    """What paths name."""

    export_id: Id


class QuickQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of `quick/csv`. Any other parameter is a filter: the name of a column, once for each value."""

    dataset: Rows
    start_date: Since = None
    end_date: Until = None
    timezone: InZone = None
    columns: Annotated[
        Annotated[
            str,
            Meta(
                examples=[["event_type", "event_timestamp"]],
                extra_json_schema={
                    "items": {"type": "string", "minLength": 1},
                    "minItems": 1,
                    "maxItems": MAX_COLUMNS,
                },
            ),
        ]
        | None,
        Meta(description="Which columns, with commas between, in this order. Default: as of an export."),
    ] = None


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which of somebody's exports are listed."""

    limit: Annotated[int, Meta(ge=1, le=100, description="How many to list at most.")] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000, description="How many of the newest to leave out.")] = 0


class ExportStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request for a file."""

    export_id: Id
    status: Status
    dataset: Dataset
    format: Format
    filename: Annotated[str, Meta(description="What the file is offered as.")]
    date_range: Annotated[str, Meta(description="The local days that the dates meant.")]
    timezone: Annotated[str, Meta(description="What the days are of; times in the file are UTC.")]
    progress: Annotated[float, Meta(description="From 0 to 1, which it is when the file is whole.")]
    row_count: Annotated[int, Meta(description="Rows in the file so far.")]
    total_rows: Annotated[
        int | None,
        Meta(description="Rows that were asked for, whatever the limit; null until they are counted."),
    ]
    truncated: Annotated[bool, Meta(description="Whether there are more rows than the file may have.")]
    file_size: Annotated[int | None, Meta(description="Bytes; null while there is no file.")]
    error: Annotated[str | None, Meta(description="Why it failed.")]
    warnings: Annotated[list[str], Meta(description="What the format could not hold.")]
    created_at: Instant
    updated_at: Instant
    expires_at: Annotated[
        Instant | None, Meta(description="When the file and the export are gone; null until it is over.")
    ]


class ExportList(msgspec.Struct, frozen=True):
    """Exports of whoever asks."""

    exports: Annotated[list[ExportStatus], Meta(description="The newest first.")]
    total: Annotated[int, Meta(description="How many there are in all.")]


class ExportColumn(msgspec.Struct, frozen=True):
    """A column of a dataset."""

    name: str
    type: Annotated[str, Meta(description="What it holds: uuid, text, integer, money, instant...")]
    nullable: bool
    default: Annotated[bool, Meta(description="Whether it is in a file if no columns are named.")]
    personal: Annotated[bool, Meta(description="Whether it may tell who somebody is: for admins only.")]
    filterable: Annotated[bool, Meta(description="Whether filters may name it.")]


class ExportDataset(msgspec.Struct, frozen=True):
    """Rows that can be exported."""

    name: Dataset
    description: str
    columns: list[ExportColumn]


class ExportDatasets(msgspec.Struct, frozen=True):
    """All that can be exported."""

    datasets: list[ExportDataset]

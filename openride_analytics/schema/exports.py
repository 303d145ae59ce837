"""Exports: what may be asked for, and what is said of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

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
    CSV = "csv"
    EXCEL = "excel"
    PARQUET = "parquet"
    JSONL = "jsonl"


class Compression(StrEnum):
    """Of csv and jsonl; the other formats have their own."""

    NONE = "none"
    GZIP = "gzip"


class Status(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Value = Text | int | float | bool | None
Filters = Annotated[
    dict[Text, Value | Annotated[list[Value], Meta(min_length=1, max_length=MAX_VALUES)]],
    Meta(max_length=MAX_FILTERS),
]


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`filters`: a row is taken if each column named has the value, or one of the values, given for it."""

    dataset: Dataset
    format: Format
    start_date: Text | None = None
    end_date: Text | None = None
    timezone: Text | None = None
    columns: Annotated[list[Text], Meta(min_length=1, max_length=MAX_COLUMNS)] | None = None
    filters: Filters = {}
    row_limit: Annotated[int, Meta(ge=1)] | None = None
    filename: Annotated[str, Meta(min_length=1, max_length=LONGEST_FILENAME)] | None = None
    compression: Compression = Compression.NONE


class QuickQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of `quick/csv`. Any other parameter is a filter: the name of a column, once for each value."""

    dataset: Dataset
    start_date: str | None = None
    end_date: str | None = None
    timezone: str | None = None
    columns: str | None = None


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which of somebody's exports are listed."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000)] = 0


class ExportStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`row_count` rows are in the file so far, of `total_rows` that were asked for; `truncated`: there are more of them
    than the file may have. `date_range` and `timezone`: what the dates meant; times in files are UTC. `warnings`: what
    the format could not hold."""

    export_id: UUID
    status: Status
    dataset: Dataset
    format: Format
    filename: str
    date_range: str
    timezone: str
    progress: float
    row_count: int
    total_rows: int | None
    truncated: bool
    file_size: int | None
    error: str | None
    warnings: list[str]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None


class ExportList(msgspec.Struct, frozen=True):
    """The newest first; `total`: how many there are in all."""

    exports: list[ExportStatus]
    total: int


class ExportColumn(msgspec.Struct, frozen=True):
    """`default`: in a file if no columns are named; `personal`: for admins; `filterable`: filters may name it."""

    name: str
    type: str
    nullable: bool
    default: bool
    personal: bool
    filterable: bool


class ExportDataset(msgspec.Struct, frozen=True):
    name: Dataset
    description: str
    columns: list[ExportColumn]


class ExportDatasets(msgspec.Struct, frozen=True):
    datasets: list[ExportDataset]

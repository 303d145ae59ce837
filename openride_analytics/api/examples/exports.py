"""Examples of what `/v1/exports/...` is asked, and answers."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from openride_analytics.api.headers import EXPORT_ID
from openride_analytics.schema.exports import (
    Compression,
    Dataset,
    ExportColumn,
    ExportDataset,
    ExportDatasets,
    ExportList,
    ExportRequest,
    ExportStatus,
    Format,
    Status,
)

REQUEST: Final = ExportRequest(
    dataset=Dataset.PAYMENT_EVENTS,
    format=Format.CSV,
    start_date="2026-10-01",
    end_date="2026-10-31",
    timezone="Africa/Lagos",
    columns=["event_type", "event_timestamp", "payment_id", "amount", "currency"],
    filters={"event_type": ["payment.success", "payment.refunded"], "currency": "NGN"},
    row_limit=50_000,
    filename="october-payments",
    compression=Compression.GZIP,
)

_DAYS: Final = "2026-10-01 to 2026-10-31"
_AT: Final = datetime(2026, 11, 1, 6, 2, 4, 81_000, UTC)

PENDING: Final = ExportStatus(
    export_id=UUID(EXPORT_ID),
    status=Status.PENDING,
    dataset=REQUEST.dataset,
    format=REQUEST.format,
    filename="october-payments.csv.gz",
    date_range=_DAYS,
    timezone="Africa/Lagos",
    progress=0.0,
    row_count=0,
    total_rows=None,
    truncated=False,
    file_size=None,
    error=None,
    warnings=[],
    created_at=_AT,
    updated_at=_AT,
    expires_at=None,
)

COMPLETED: Final = ExportStatus(
    export_id=UUID(EXPORT_ID),
    status=Status.COMPLETED,
    dataset=REQUEST.dataset,
    format=REQUEST.format,
    filename="october-payments.csv.gz",
    date_range=_DAYS,
    timezone="Africa/Lagos",
    progress=1.0,
    row_count=731,
    total_rows=731,
    truncated=False,
    file_size=48_213,
    error=None,
    warnings=[],
    created_at=_AT,
    updated_at=_AT.replace(second=11),
    expires_at=_AT.replace(day=2, second=11),
)

EXPORTS: Final = ExportList(exports=[COMPLETED], total=1)

DATASETS: Final = ExportDatasets(
    datasets=[
        ExportDataset(
            name=Dataset.PAYMENT_METRICS,
            description="Payments by local day, method and currency",
            columns=[
                ExportColumn(
                    name="date", type="date", nullable=False, default=True, personal=False, filterable=True
                ),
                ExportColumn(
                    name="success_rate",
                    type="rate",
                    nullable=True,
                    default=True,
                    personal=False,
                    filterable=False,
                ),
            ],
        )
    ]
)

"""The file of a report: a workbook of its areas, or their rows as csv."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from openride_analytics.exports.columns import Column, Kind
from openride_analytics.exports.names import MEDIA_TYPES
from openride_analytics.exports.workbook import lists
from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.book import MEDIA_TYPE, workbook_of
from openride_analytics.reports.edition import Attachment, Edition
from openride_analytics.reports.thread import apart
from openride_analytics.schema.queries import Granularity


def _counts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.INTEGER) for name in names)


# Names are those of the API; a time is local and has its offset.
_TIME: Final = Column("timestamp", Kind.TEXT)
_COLUMNS: Final[Mapping[str, Sequence[Column]]] = {
    "Users": (_TIME, *_counts("new_registrations", "active_users")),
    "Bookings": (
        _TIME,
        *_counts("bookings_created", "bookings_confirmed", "bookings_cancelled", "bookings_completed"),
        Column("total_booking_value", Kind.MONEY),
    ),
    "Payments": (
        _TIME,
        *_counts("payments_initiated", "payments_success", "payments_failed", "payments_refunded"),
        Column("total_revenue", Kind.MONEY),
    ),
    "Trips": (
        _TIME,
        *_counts("trips_started", "trips_completed", "trips_cancelled"),
        Column("total_driver_earnings", Kind.MONEY),
    ),
    "Drivers": (
        Column("driver_id", Kind.TEXT),
        *_counts("total_trips"),
        Column("total_earnings", Kind.MONEY),
        Column("avg_earnings_per_trip", Kind.MONEY),
        Column("total_distance_km", Kind.FLOAT),
        *_counts("active_days"),
        Column("on_time_performance", Kind.RATE),
        Column("cancellation_rate", Kind.RATE),
    ),
    "Routes": (
        Column("route_id", Kind.TEXT),
        Column("route_name", Kind.TEXT),
        Column("origin_city", Kind.TEXT),
        Column("destination_city", Kind.TEXT),
        Column("driver_id", Kind.TEXT),
        *_counts("total_bookings"),
        Column("total_revenue", Kind.MONEY),
        Column("avg_occupancy", Kind.FLOAT),
        *_counts("seats_total"),
    ),
}


@dataclass(frozen=True)
class File:
    """`rows`: of all tables in it, without headings. `cut`: of lists that do not hold everything, what they hold."""

    attachment: Attachment
    rows: int
    cut: Sequence[str] = ()


async def file_of(edition: Edition, found: Content) -> File:
    """In the format that was asked for: a workbook; one csv, or a zip of one for each area."""
    tables = {area: _rows(found, area) for area in found.areas}
    rows, cut = sum(map(len, tables.values())), _cut(found)
    if edition.format == "excel":
        name = f"{_stem(edition)}.xlsx"
        return File(Attachment(name, MEDIA_TYPE, await workbook_of(found)), rows, cut)
    if edition.report_type == "comprehensive":
        packed = await apart(lambda: _zip(edition, found, tables))
        return File(Attachment(f"{_stem(edition)}.zip", "application/zip", packed), rows, cut)
    # Of drivers the list alone: their totals over time are in the mail and in the workbook.
    area = "Drivers" if "Drivers" in tables else next(iter(tables))
    content = await apart(lambda: _csv(area, tables[area]))
    return File(Attachment(f"{_stem(edition)}.csv", MEDIA_TYPES["csv"], content), len(tables[area]), cut)


def _stem(edition: Edition) -> str:
    about = "metrics" if edition.report_type == "comprehensive" else edition.report_type.replace("_", "-")
    return f"openride-{about}-{edition.period.first_day}-to-{edition.period.last_day}"


def _cut(found: Content) -> Sequence[str]:
    """A line for each list that is not whole."""
    drivers = found.now.drivers if "Drivers" in found.areas else None
    whole = drivers is None or len(drivers.drivers) == drivers.total_drivers
    said = [] if whole else [lists.drivers_shown(found)]
    return [*said, lists.routes_shown(found)] if found.more_routes else said


def _about(edition: Edition, found: Content, tables: Mapping[str, Sequence[Any]]) -> str:
    """What is in each file of a zip, and what is not."""
    shown = {"Drivers": lists.drivers_shown, "Routes": lists.routes_shown}
    by = "hour" if found.granularity is Granularity.HOURLY else "day"
    lines = [
        f"{edition.report_name}: {edition.period.label}, {edition.period.zone.key}",
        f"Money is in {edition.currency}.",
        "",
        *(
            f"{area.lower()}.csv: {shown[area](found) if area in shown else f'by {by}'} ({len(rows):,} rows)"
            for area, rows in tables.items()
        ),
    ]
    if found.missing:
        lines.append(f"Could not be made: {', '.join(found.missing)}")
    return "\r\n".join(lines) + "\r\n"


def _rows(found: Content, area: str) -> Sequence[Any]:
    if area == "Drivers":
        return found.now.drivers.drivers
    if area == "Routes":
        return found.routes
    return getattr(found.now, area.lower()).time_series or ()


def _csv(area: str, rows: Sequence[Any]) -> bytes:
    import polars as pl  # noqa: PLC0415 - not at the service's start

    from openride_analytics.exports.frames import schema  # noqa: PLC0415 - likewise
    from openride_analytics.exports.writers import csv_header, csv_rows  # noqa: PLC0415

    columns = _COLUMNS[area]
    data = {column.name: [_value(column, getattr(row, column.name)) for row in rows] for column in columns}
    return csv_header(columns) + csv_rows(pl.DataFrame(data, schema=schema(columns)), columns)


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind is Kind.MONEY:
        return Decimal(value)
    return str(value) if column.kind is Kind.TEXT else value


def _zip(edition: Edition, found: Content, tables: Mapping[str, Sequence[Any]]) -> bytes:
    made = edition.made_at.timetuple()[:6]
    files: dict[str, bytes] = {f"{area.lower()}.csv": _csv(area, rows) for area, rows in tables.items()}
    files["about.txt"] = _about(edition, found, tables).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, made)
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)
    return target.getvalue()

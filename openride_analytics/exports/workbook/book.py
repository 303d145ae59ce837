"""The workbook as a whole: asked for on the loop, built on a thread of its own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from io import BytesIO
from typing import Any, Final

from openride_analytics.compute import Thread
from openride_analytics.exports import plain
from openride_analytics.exports.names import MEDIA_TYPES
from openride_analytics.exports.workbook import area, lists, series
from openride_analytics.exports.workbook.about import about
from openride_analytics.exports.workbook.answers import AREAS, Content, content
from openride_analytics.exports.workbook.area import Chart
from openride_analytics.exports.workbook.page import of
from openride_analytics.exports.workbook.styles import Styles
from openride_analytics.exports.workbook.summary import summary
from openride_analytics.exports.workbook.tables import Table
from openride_analytics.garbage import collect_new
from openride_analytics.stats.periods import Period
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse

MEDIA_TYPE: Final = MEDIA_TYPES["xlsx"]

_apart: Final = Thread("workbook")  # one at a time

# What is on the sheet of each area; where there is a series, it is the first.
TABLES: Final[Mapping[str, Callable[[Content], Sequence[Table]]]] = {
    "Users": series.users,
    "Bookings": series.bookings,
    "Payments": series.payments,
    "Trips": series.trips,
    "Drivers": lambda found: [lists.drivers(found)],
    "Routes": lambda found: [lists.routes(found)],
}

_OPTIONS: Final = {"in_memory": True, **plain.AS_TEXT}
CHARTS: Final = {  # over time; their titles are those of the series' columns, as they begin
    "Users": (
        Chart("line", "Active users", ["Active users"]),
        Chart("column", "New registrations", ["New registrations"]),
    ),
    "Bookings": (
        Chart("line", "Bookings", ["Created", "Confirmed", "Completed", "Cancelled"]),
        Chart("column", "Value of confirmed bookings", ["Value"]),
    ),
    "Payments": (
        Chart("column", "Revenue", ["Revenue"]),
        Chart("column", "Payments that succeeded and failed", ["Succeeded", "Failed"], stacked=True),
    ),
    "Trips": (
        Chart("line", "Trips", ["Started", "Completed", "Cancelled"]),
        Chart("column", "Driver earnings", ["Driver earnings"]),
    ),
}


async def metrics_workbook(clickhouse: ClickHouse, question: Question) -> bytes:
    """An .xlsx file of all metrics over the question's range, beside the period before; series by day, unless the
    question says how. Raises a group of Retryable: if one area fails there is no workbook.
    """
    return await workbook_of(await content(clickhouse, question))


async def workbook_of(found: Content) -> bytes:
    """The same of what is known, with a sheet for each of its areas."""
    return await _apart(lambda: _tidily(found))


def file_name(period: Period) -> str:
    """As in "openride-metrics-2026-10-01-to-2026-10-31.xlsx"."""
    return f"openride-metrics-{period.first_day}-to-{period.last_day}.xlsx"


def _tidily(found: Content) -> bytes:
    try:
        return build(found)
    finally:
        collect_new()  # a workbook and its sheets refer to each other


def build(found: Content) -> bytes:
    """The same from what is known. Takes the processor for a tenth of a second, or several with hourly series."""
    target = BytesIO()
    workbook = plain.Workbook(target, _OPTIONS)
    _describe(workbook, found)
    for name in ("Summary", *filter(found.areas.__contains__, AREAS), "About"):
        workbook.add_worksheet(name)
    _fill(workbook, found)
    workbook.close()
    return target.getvalue()


def _fill(workbook: Any, found: Content) -> None:
    styles = Styles(workbook)
    tables = {name: made(found) for name, made in TABLES.items() if name in found.areas}
    placed = {
        name: area.area(workbook, styles, found, name, tables[name], charts)
        for name, charts in CHARTS.items()
        if name in found.areas
    }
    if "Drivers" in found.areas:
        area.drivers(workbook, styles, found)
    if "Routes" in found.areas:
        area.routes(workbook, styles, found)
    summary(workbook, styles, found, placed)
    about(workbook, styles, found, tables)
    workbook.get_worksheet_by_name("Summary").activate()


def _describe(workbook: Any, found: Content) -> None:
    workbook.set_properties(
        {
            "title": f"OpenRide metrics, {found.question.period.label}",
            "subject": of(found),
            "author": "OpenRide Analytics",
            "company": "OpenRide",
            "category": "Metrics",
            "comments": f"Compared with {found.before.label}. What each number means is on the sheet About.",
            "created": found.question.asked_at.astimezone(UTC).replace(tzinfo=None),
        }
    )

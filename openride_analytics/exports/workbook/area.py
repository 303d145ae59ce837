"""The sheet of an area: over time from the top, charts beside it, what it falls into below.

Below, not beside: a filter hides whole rows, and would hide other tables with its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from openride_analytics.exports.workbook import charts, lists
from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.page import heading, keep
from openride_analytics.exports.workbook.styles import Styles, write
from openride_analytics.exports.workbook.tables import Placed, Table, place, widths
from openride_analytics.exports.workbook.values import Kind, cell

HEADER: Final = 4
_TOP: Final = 10  # rows of a list that a chart shows


@dataclass(frozen=True)
class Chart:
    """Columns of an area over time, by their titles as they begin: currencies follow."""

    kind: str
    title: str
    columns: Sequence[str]
    stacked: bool = False


def area(
    workbook: Any, styles: Styles, found: Content, name: str, tables: Sequence[Table], drawn: Sequence[Chart]
) -> Placed:
    """The sheet `name`; returns where its series stands."""
    sheet = workbook.get_worksheet_by_name(name)
    heading(sheet, styles, found, name)
    for at, width in enumerate(widths(tables)):
        sheet.set_column(at, at, width)
    series, *parts = tables
    placed = place(sheet, styles, HEADER, series)
    row = placed.last + 2
    for at, part in enumerate(parts):
        sheet.write_url(2, at, f"internal:'{name}'!A{row + 1}", styles.named("link"), f"{part.heading} ↓")
        sheet.write_string(row, 0, part.heading, styles.named("section"))
        row = place(sheet, styles, row + 1, part).last + 2
    beside = _beside(sheet, series)
    for n, chart in enumerate(drawn):
        made = charts.over_time(
            workbook, chart.kind, chart.title, placed, _titles(placed, chart.columns), stacked=chart.stacked
        )
        charts.put(sheet, HEADER + 1 + n * charts.ROWS, beside, made, chart.title)
    keep(sheet, found, HEADER)
    return placed


def drivers(workbook: Any, styles: Styles, found: Content) -> None:
    """The sheet Drivers: how earnings are spread, above the list, where no filter hides it."""
    sheet, table = workbook.get_worksheet_by_name("Drivers"), lists.drivers(found)
    heading(sheet, styles, found, "Drivers", lists.drivers_shown(found))
    for at, width in enumerate(widths([table])):
        sheet.set_column(at, at, width)
    spread = lists.distribution(found)
    sheet.write_string(3, 0, "Share of drivers", styles.named("head"))
    sheet.write_string(4, 0, f"earned at most ({found.question.currency})", styles.named("label"))
    for at, (title, value) in enumerate(spread, start=1):
        sheet.write_string(3, at, title, styles.named("head right"))
        write(sheet, 4, at, cell(Kind.MONEY, value), styles.body(Kind.MONEY), styles.nothing(Kind.MONEY))
    header = 6
    place(sheet, styles, header, table)
    if table.rows:
        # The mean is not one of the shares.
        made = charts.row_of(
            workbook,
            f"Earnings per driver ({found.question.currency}): share of drivers who earned at most",
            ["Drivers", 3, 1, 3, len(spread) - 1],
            ["Drivers", 4, 1, 4, len(spread) - 1],
        )
        charts.put(sheet, header + 1, _beside(sheet, table), made, "How earnings are spread over drivers")
    keep(sheet, found, header)


def routes(workbook: Any, styles: Styles, found: Content) -> None:
    """The sheet Routes."""
    sheet, table = workbook.get_worksheet_by_name("Routes"), lists.routes(found)
    heading(sheet, styles, found, "Routes", lists.routes_shown(found))
    for at, width in enumerate(widths([table])):
        sheet.set_column(at, at, width)
    header = 3
    placed = place(sheet, styles, header, table)
    if table.rows:
        for n, values in enumerate(("Bookings", "Revenue")):
            _ranked(workbook, sheet, placed, values, row=header + 1 + n * charts.ROWS)
    keep(sheet, found, header)


def _ranked(workbook: Any, sheet: Any, placed: Placed, values: str, *, row: int) -> None:
    (column,) = _titles(placed, [values])
    title = f"{column} of the {min(_TOP, len(placed.table.rows))} routes booked most"
    made = charts.ranked(workbook, title, placed, "Route", column, _TOP)
    charts.put(sheet, row, _beside(sheet, placed.table), made, title, width=520)


def _titles(placed: Placed, beginnings: Sequence[str]) -> list[str]:
    return [
        next(column.title for column in placed.table.columns if column.title.startswith(beginning))
        for beginning in beginnings
    ]


def _beside(sheet: Any, table: Table) -> int:
    """The column where charts begin: after the table and a narrow gap."""
    gap = len(table.columns)
    sheet.set_column(gap, gap, 2)
    return gap + 1

"""Native charts: they draw what stands in cells, and follow it."""

import math
from collections.abc import Sequence
from typing import Any, Final

from openride_analytics.exports.workbook.styles import (
    INK,
    MUTED,
    NAVY,
    NUMBER_FORMATS,
    OCHRE,
    RED,
    RULE,
    TEAL,
)
from openride_analytics.exports.workbook.tables import Column, Placed
from openride_analytics.exports.workbook.values import Kind

COLORS: Final = (NAVY, TEAL, OCHRE, RED)
WIDTH: Final = 600  # pixels
HEIGHT: Final = 280
ROWS: Final = 15  # of 20 pixels, that a chart and the gap below it take

_LABELS: Final = 10  # along a time axis, that none is turned
_FEW: Final = 16  # points that are seen better one by one
_FONT: Final = {"name": "Calibri", "size": 9, "color": MUTED}
_LINE: Final = {"color": RULE, "width": 0.75}
_NAMES: Final = {"num_font": _FONT, "line": _LINE, "major_tick_mark": "none", "label_position": "low"}
_AMOUNTS: Final = {
    "num_font": _FONT,
    "line": {"none": True},
    "major_tick_mark": "none",
    "major_gridlines": {"visible": True, "line": _LINE},
    "min": 0,
}


def over_time(
    workbook: Any, kind: str, title: str, placed: Placed, titles: Sequence[str], *, stacked: bool = False
) -> Any:
    """Columns of a table against its first one, which is of times. `kind`: line or column."""
    chart = workbook.add_chart({"type": kind, "subtype": "stacked"} if stacked else {"type": kind})
    times = placed.table.columns[0]
    for color, name in zip(COLORS, titles, strict=False):
        chart.add_series(
            {
                "name": [placed.sheet, placed.row, placed.column(name)],
                "categories": placed.values(times.title),
                "values": placed.values(name),
                **_drawn(kind, color, len(placed.table.rows)),
            }
        )
    axis = _time_axis(times, len(placed.table.rows))
    _dress(chart, title, axis, _amounts(placed, titles[0]), legend=len(titles) > 1)
    return chart


def ranked(workbook: Any, title: str, placed: Placed, names: str, values: str, most: int) -> Any:
    """The first rows of a table as bars, the first on top."""
    chart = workbook.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": [placed.sheet, placed.row, placed.column(values)],
            "categories": placed.values(names, most),
            "values": placed.values(values, most),
            "fill": {"color": NAVY},
            "gap": 60,
        }
    )
    _title(chart, title, legend=False)
    # Of bars it is the y axis that has the names. Reversed, it takes the amounts to the top; `high` is below then.
    chart.set_y_axis({**_NAMES, "reverse": True})
    chart.set_x_axis({**_AMOUNTS, **_amounts(placed, values), "label_position": "high"})
    return chart


def row_of(workbook: Any, title: str, categories: list[str | int], values: list[str | int]) -> Any:
    """Amounts that stand side by side."""
    chart = workbook.add_chart({"type": "column"})
    chart.add_series({"categories": categories, "values": values, "fill": {"color": TEAL}, "gap": 60})
    _dress(chart, title, {}, {"num_format": "#,##0"}, legend=False)
    return chart


def put(sheet: Any, row: int, column: int, chart: Any, description: str, *, width: int = WIDTH) -> None:
    """On the sheet, over no cell with anything in it; filters and new widths leave it as it is."""
    chart.set_size({"width": width, "height": HEIGHT})
    sheet.insert_chart(row, column, chart, {"object_position": 3, "y_offset": 2, "description": description})


def _drawn(kind: str, color: str, points: int) -> dict[str, Any]:
    if kind != "line":
        return {"fill": {"color": color}, "border": {"none": True}, "gap": 50}
    drawn: dict[str, Any] = {"line": {"color": color, "width": 1.75}}
    if points <= _FEW:
        drawn["marker"] = {"type": "circle", "size": 5, "fill": {"color": color}, "border": {"color": color}}
    return drawn


def _time_axis(times: Column, points: int) -> dict[str, Any]:
    every = max(1, math.ceil(points / _LABELS))
    axis: dict[str, Any] = {"num_format": _tick(times.kind, points)}
    if times.title == "Day":
        return {**axis, "date_axis": True, "major_unit": every, "major_unit_type": "days"}
    # Else hours of one day would fall together, and weeks and months be as thin as a day.
    return {**axis, "text_axis": True, "interval_unit": every, "interval_tick": every}


def _tick(kind: Kind, points: int) -> str:
    if kind is Kind.MONTH:
        return NUMBER_FORMATS[kind]
    return "d mmm hh:mm" if kind is Kind.HOUR and points <= 72 else "d mmm"


def _amounts(placed: Placed, title: str) -> dict[str, Any]:
    kind = placed.table.columns[placed.column(title)].kind
    return {"num_format": "0%" if kind is Kind.RATE else "#,##0"}


def _dress(chart: Any, title: str, x: dict[str, Any], y: dict[str, Any], *, legend: bool) -> None:
    _title(chart, title, legend=legend)
    chart.set_x_axis({**_NAMES, **x})
    chart.set_y_axis({**_AMOUNTS, **y})


def _title(chart: Any, title: str, *, legend: bool) -> None:
    font = {"name": "Calibri", "size": 12, "color": INK, "bold": True}
    chart.set_title({"name": title, "overlay": False, "name_font": font})
    chart.set_legend({"position": "bottom", "font": _FONT} if legend else {"none": True})
    chart.set_chartarea({"border": {"color": RULE}})
    chart.show_blanks_as("gap")

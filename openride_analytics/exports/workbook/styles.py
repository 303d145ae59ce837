"""How cells look: few colors, one type size, numbers to the right."""

from datetime import date, datetime
from typing import Any, Final

from openride_analytics.exports.workbook.values import TEXTS, TIMES, Cell, Kind

INK: Final = "#1F2A37"
NAVY: Final = "#1F3A5F"
TEAL: Final = "#3A8C8C"
OCHRE: Final = "#D39B3A"
RED: Final = "#B23A3A"
GREEN: Final = "#2E7D4F"
MUTED: Final = "#6B7280"
RULE: Final = "#D5DAE1"
PALE: Final = "#F3F5F8"

NOTHING: Final = "\u2013"  # where there is no value

NUMBER_FORMATS: Final = {
    Kind.COUNT: "#,##0",
    Kind.MONEY: "#,##0.00;[Red]-#,##0.00",
    Kind.RATE: "0.00%",
    Kind.NUMBER: "#,##0.00",
    Kind.TEXT: "@",
    Kind.ID: "@",
    Kind.HOUR: "yyyy-mm-dd hh:mm",
    Kind.DAY: "yyyy-mm-dd",
    Kind.MONTH: "mmm yyyy",
}
CHANGES: Final = {
    Kind.COUNT: "+#,##0;-#,##0;0",
    Kind.MONEY: "+#,##0.00;-#,##0.00;0.00",
    Kind.RATE: '+0.00" pp";-0.00" pp";0.00" pp"',  # percentage points
    Kind.NUMBER: "+#,##0.00;-#,##0.00;0.00",
}
CHANGE_SHARE: Final = "+0.0%;-0.0%;0.0%"

LEFT: Final = TEXTS | TIMES  # where headings and values begin; numbers end on the right

_BASE: Final = {"font_name": "Calibri", "font_size": 10, "font_color": INK, "valign": "vcenter"}
_BODY: Final = {"bottom": 4, "bottom_color": RULE}
_RIGHT: Final = {"align": "right"}
_TITLE: Final = {"font_size": 18, "bold": True, "font_color": NAVY}
_HEAD: Final = {"bold": True, "font_color": "#FFFFFF", "bg_color": NAVY, "text_wrap": True}
_TILE: Final = {"bg_color": PALE, "align": "center"}

_NAMED: Final[dict[str, dict[str, Any]]] = {
    "title": _TITLE,
    "subtitle": {"font_color": MUTED},
    "link": {"font_color": TEAL, "underline": 1},
    "section": {"font_size": 12, "bold": True, "font_color": NAVY},
    "head": {**_HEAD, "align": "left"},
    "head id": {**_HEAD, "align": "left", "indent": 1},
    "head right": {**_HEAD, **_RIGHT},
    "empty": {"italic": True, "font_color": MUTED},
    "label": {**_BODY, "bold": True},
    "label top": {**_BODY, "bold": True, "valign": "top"},
    "wrapped": {**_BODY, "text_wrap": True, "valign": "top"},
    "top": {**_BODY, "valign": "top"},
    "moment": {**_BODY, "align": "left", "num_format": "yyyy-mm-dd hh:mm:ss"},
    "tile label": {**_TILE, "font_color": MUTED, "top": 2, "top_color": NAVY},
    "tile change": {**_TILE, "font_color": MUTED, "num_format": f'{CHANGE_SHARE};@" "'},
    "tile points": {**_TILE, "font_color": MUTED, "num_format": CHANGES[Kind.RATE]},
    "share": {**_BODY, **_RIGHT, "num_format": CHANGE_SHARE},
}


class Styles:
    """The formats of one workbook, each made when it is first used."""

    def __init__(self, workbook: Any) -> None:
        self._workbook = workbook
        self._made: dict[str, Any] = {}

    def named(self, name: str) -> Any:
        """One of those above."""
        return self._format(name, _NAMED[name])

    def head(self, kind: Kind) -> Any:
        """Of the heading of such values."""
        return self.named("head id" if kind is Kind.ID else "head" if kind in LEFT else "head right")

    def body(self, kind: Kind) -> Any:
        """Of a value in a table."""
        # A cell's quote prefix keeps a text that looks like a formula a text when somebody edits it.
        own: dict[str, Any] = {"align": "left"} if kind in LEFT else _RIGHT
        if kind in TEXTS:
            own = {**own, "quote_prefix": True}
        if kind is Kind.ID:
            own = {**own, "font_size": 8, "font_color": MUTED, "indent": 1}
        return self._format(f"body {kind}", {**_BODY, **own, "num_format": NUMBER_FORMATS[kind]})

    def nothing(self, kind: Kind) -> Any:
        """Of the dash where a value of that kind is missing."""
        aligned = {"align": "left" if kind in LEFT else "right"}
        return self._format(f"nothing {kind in LEFT}", {**_BODY, **aligned, "font_color": MUTED})

    def change(self, kind: Kind) -> Any:
        """Of the difference of two values."""
        return self._format(f"change {kind}", {**_BODY, **_RIGHT, "num_format": CHANGES[kind]})

    def tile(self, kind: Kind) -> Any:
        """Of a value that everybody should see."""
        large = {**_TILE, "font_size": 16, "bold": True, "font_color": NAVY}
        return self._format(f"tile {kind}", {**large, "num_format": NUMBER_FORMATS[kind]})

    def mark(self, color: str) -> Any:
        """Of a cell that a condition is true of."""
        return self._format(f"mark {color}", {"font_color": color}, base={})

    def _format(self, name: str, properties: dict[str, Any], base: dict[str, Any] | None = None) -> Any:
        if name not in self._made:
            self._made[name] = self._workbook.add_format({**(_BASE if base is None else base), **properties})
        return self._made[name]


def write(sheet: Any, row: int, column: int, value: Cell, style: Any, nothing: Any) -> None:
    """Into that cell, whatever it begins with; `nothing` is the style of a dash where there is no value."""
    if value is None:
        sheet.write_string(row, column, NOTHING, nothing)
    elif isinstance(value, str):
        sheet.write_string(row, column, value, style)
    elif isinstance(value, datetime | date):
        sheet.write_datetime(row, column, value, style)
    else:
        sheet.write_number(row, column, value, style)

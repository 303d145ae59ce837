"""Tables: named, filtered, with typed columns, and where each stands once it is on a sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from xlsxwriter.utility import xl_rowcol_to_cell

from openride_analytics.exports.workbook.styles import RED, Styles, write
from openride_analytics.exports.workbook.values import Kind, Value, cell

_WIDTHS: Final = {
    Kind.COUNT: 13,
    Kind.MONEY: 18,
    Kind.RATE: 13,
    Kind.NUMBER: 13,
    Kind.TEXT: 14,
    Kind.ID: 30,
    Kind.HOUR: 17,
    Kind.DAY: 13,
    Kind.MONTH: 13,
}
_WIDEST: Final = 42
_BUTTON: Final = 4
_BAR: Final = "#D6E1EE"


@dataclass(frozen=True)
class Column:
    """`meaning` is for whoever reads it. `bar`: shown as a bar too; red: below `low`, or above `high` (percent)."""

    title: str
    kind: Kind
    meaning: str = ""
    bar: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """`name` is that of the table in the workbook: formulas may use it. `empty`: said where there are no rows."""

    name: str
    heading: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    empty: str = "There is nothing in this period."


@dataclass(frozen=True)
class Placed:
    """A table on a sheet: its header's row, counted from 0; its data begin in the row below and the first column."""

    sheet: str
    row: int
    table: Table

    @property
    def first(self) -> int:
        """The row of the first data."""
        return self.row + 1

    @property
    def last(self) -> int:
        """The row of the last data, or of what is said where there are none."""
        return self.row + max(1, len(self.table.rows))

    def column(self, title: str) -> int:
        """Where the column of that title stands."""
        return [column.title for column in self.table.columns].index(title)

    def values(self, title: str, most: int | None = None) -> list[str | int]:
        """Where a column's values stand, the first `most` of them, as charts name a range."""
        column = self.column(title)
        last = self.last if most is None else min(self.last, self.row + most)
        return [self.sheet, self.first, column, last, column]


def place(sheet: Any, styles: Styles, row: int, table: Table) -> Placed:
    """Put the table on the sheet, its header into that row."""
    placed = Placed(sheet.get_name(), row, table)
    heads = [styles.head(column.kind) for column in table.columns]
    sheet.set_row_pixels(row, 36 if any(map(_wraps, table.columns)) else 22)
    for at, column in enumerate(table.columns):
        sheet.write_string(row, at, column.title, heads[at])
    if not table.rows:
        sheet.write_string(row + 1, 0, table.empty, styles.named("empty"))
        return placed
    sheet.add_table(
        row, 0, placed.last, len(table.columns) - 1,
        {
            "name": table.name,
            "style": None,
            "columns": [
                {"header": column.title, "header_format": head}
                for column, head in zip(table.columns, heads, strict=True)
            ],
        },
    )  # fmt: skip
    for at, column in enumerate(table.columns):
        style, nothing = styles.body(column.kind), styles.nothing(column.kind)
        for n, values in enumerate(table.rows):
            write(sheet, placed.first + n, at, cell(column.kind, values[at]), style, nothing)
        _conditions(sheet, styles, placed, at, column)
    return placed


def widths(tables: Sequence[Table]) -> list[int]:
    """How wide each column of a sheet has to be for all of its tables."""
    found = [0] * max(len(table.columns) for table in tables)
    for table in tables:
        for at, column in enumerate(table.columns):
            found[at] = max(found[at], _width(column, [row[at] for row in table.rows]))
    return found


def _width(column: Column, values: Sequence[Value]) -> int:
    longest = max((len(str(value)) for value in values), default=0) if column.kind is Kind.TEXT else 0
    # Titles wrap; a filter's button takes the room of some letters.
    word = max(len(word) for word in column.title.split()) + _BUTTON
    return min(_WIDEST, max(_WIDTHS[column.kind], longest + 2, word))


def _wraps(column: Column) -> bool:
    return len(column.title) + 2 > _WIDTHS[column.kind]


def _conditions(sheet: Any, styles: Styles, placed: Placed, at: int, column: Column) -> None:
    where = (placed.first, at, placed.last, at)
    if column.bar:
        bar = {
            "type": "data_bar",
            "bar_color": _BAR,
            "bar_solid": True,
            "bar_border_color": _BAR,
            "min_type": "num",
        }
        sheet.conditional_format(*where, {**bar, "min_value": 0})
    for sign, limit in (("<", column.low), (">", column.high)):
        if limit is not None:
            mark(sheet, styles.mark(RED), where, f"{sign}{limit / 100}")


def mark(
    sheet: Any, style: Any, where: tuple[int, int, int, int], condition: str, others: str | None = None
) -> None:
    """Let numbers that meet the condition look different; a dash, which is text and so above all numbers, does not.

    `others`: these ranges rather than `where`, which is then the first of them.
    """
    first = xl_rowcol_to_cell(where[0], where[1])
    rule: dict[str, Any] = {
        "type": "formula",
        "criteria": f"=AND(ISNUMBER({first}),{first}{condition})",
        "format": style,
    }
    if others is not None:
        rule["multi_range"] = others
    sheet.conditional_format(*where, rule)

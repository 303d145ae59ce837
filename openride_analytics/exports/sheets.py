"""Frames → a workbook, by xlsxwriter in constant memory: each row is written when the next one begins.

Text is text, whatever it looks like. Times are UTC: their headers say so. What a sheet or a cell cannot hold goes on in
a further sheet, or is cut with a mark at its end, and told.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from inspect import unwrap
from pathlib import Path
from typing import IO, Any, Final, cast

import polars as pl
from xlsxwriter.worksheet import Worksheet

from openride_analytics.exports import plain
from openride_analytics.exports.columns import Column, Kind

ROWS: Final = 1_048_575  # of a sheet, beside its header
LONGEST: Final = 32_767  # characters of a cell, as UTF-16 counts them
CUT: Final = "… [cut]"
_LARGEST: Final = 10**15  # whole numbers up to here are what they are; Excel rounds larger ones
_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = -2_209_161_600_000  # 1899-12-30, day 0 of Excel's calendar, in ms since 1970
_FIRST_DAY: Final = date(1899, 12, 30).toordinal()
# Without what finds out whether a cell was named A1 or by numbers, which takes a third of the time.
_CELLS: Final = tuple(
    unwrap(cell) for cell in (Worksheet.write_string, Worksheet.write_number, Worksheet.write_boolean)
)
_WIDTHS: Final = {Kind.UUID: 37, Kind.INSTANT: 24, Kind.TEXT: 24, Kind.LIST: 24}
_FORMATS: Final = {
    Kind.INSTANT: "yyyy-mm-dd hh:mm:ss.000",
    Kind.DATE: "yyyy-mm-dd",
    Kind.MONEY: "#,##0.00",
    Kind.MEAN_MONEY: "#,##0.00",
    Kind.RATE: "0.00",
    Kind.MEAN: "0.00",
}


class Workbook:
    """`cut`: how many cells of each column were too long."""

    def __init__(
        self, file: IO[bytes], scratch: Path, columns: Sequence[Column], *, rows: int = ROWS
    ) -> None:
        """`scratch`: where sheets grow until the workbook is closed. `rows`: of a sheet."""
        options = {"constant_memory": True, "tmpdir": str(scratch), **plain.AS_TEXT}
        self._book = plain.Workbook(file, options)
        self._book.use_zip64()
        self._book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
        self._bold = self._book.add_format({"bold": True})
        self._columns = columns
        self._formats = [
            self._book.add_format({"num_format": _FORMATS[column.kind]}) if column.kind in _FORMATS else None
            for column in columns
        ]
        self._most = rows
        self._sheets = 0
        self._row = 0  # the last one written of this sheet
        self.cut: dict[str, int] = {}
        self._begin_sheet()

    def write(self, frame: pl.DataFrame) -> None:
        """Add its rows."""
        values = [
            _PREPARED.get(column.kind, pl.Series.to_list)(frame[column.name]) for column in self._columns
        ]
        for start in range(0, frame.height, self._most):
            self._write_rows(frame, [column[start : start + self._most] for column in values])

    def _write_rows(self, frame: pl.DataFrame, values: list[list[Any]]) -> None:
        """At most as many as a sheet has, so that there is one further sheet at most."""
        count = len(values[0])
        room = min(self._most - self._row, count)
        self._fill(frame, [column[:room] for column in values])
        if room < count:
            self._begin_sheet()
            self._fill(frame, [column[room:] for column in values])

    def _fill(self, frame: pl.DataFrame, values: list[list[Any]]) -> None:
        writers = [self._writer(column, frame[column.name]) for column in self._columns]
        at = self._row
        for row in zip(*values, strict=True):
            at += 1
            for place, value in enumerate(row):
                if value is not None:
                    writers[place](at, place, value)
        self._row = at

    def close(self) -> None:
        """Put the file together."""
        self._book.close()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        sheet = self._book.add_worksheet("Rows" if self._sheets == 1 else f"Rows {self._sheets}")
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            # A column's format is that of its cells: none of them needs to be told it.
            sheet.set_column(place, place, _WIDTHS.get(column.kind, 14), self._formats[place])
            sheet.write_string(0, place, header(column), self._bold)
        self._row = 0
        self._string, self._number, self._boolean = (partial(cell, sheet) for cell in _CELLS)

    def _writer(self, column: Column, values: pl.Series) -> Callable[[int, int, Any], object]:
        if column.kind is Kind.BOOLEAN:
            return self._boolean
        if column.kind in (Kind.TEXT, Kind.LABEL, Kind.LIST):
            longest: Any = values.str.len_bytes().max()
            return self._string if (longest or 0) <= LONGEST else partial(self._write_text, column)
        if column.kind is Kind.UUID:
            return self._string
        if column.kind is Kind.INTEGER:
            least, most = (int(cast("int", edge or 0)) for edge in (values.min(), values.max()))
            return self._number if least > -_LARGEST and most < _LARGEST else self._write_integer
        return self._number

    def _write_text(self, column: Column, row: int, place: int, text: str) -> object:
        return self._string(row, place, self._fitting(column, text))

    def _write_integer(self, row: int, place: int, value: int) -> object:
        if -_LARGEST < value < _LARGEST:
            return self._number(row, place, value)
        return self._string(row, place, str(value))

    def _fitting(self, column: Column, text: str) -> str:
        if len(text) * 2 <= LONGEST or len(encoded := text.encode("utf-16-le")) <= 2 * LONGEST:
            return text
        self.cut[column.name] = self.cut.get(column.name, 0) + 1
        return encoded[: 2 * (LONGEST - len(CUT))].decode("utf-16-le", "ignore") + CUT


def header(column: Column) -> str:
    """A column's name; of times, with their zone."""
    return f"{column.name} (UTC)" if column.kind is Kind.INSTANT else column.name


def write_excel(
    frames: Iterator[pl.DataFrame], columns: Sequence[Column], file: IO[bytes], scratch: Path
) -> list[str]:
    """What was cut, in words."""
    book = Workbook(file, scratch, columns)
    for frame in frames:
        book.write(frame)
    book.close()
    return [
        f"{name}: {count} cells are longer than the {LONGEST} characters that Excel holds; they end with '{CUT}'"
        for name, count in book.cut.items()
    ]


def _serials(values: pl.Series) -> list[Any]:
    """Days since 1899-12-30, and parts of days."""
    return ((values.dt.epoch("ms") - _FIRST_MS) / _DAY_MS).to_list()


def _days(values: pl.Series) -> list[Any]:
    return (values.dt.epoch("d") + date(1970, 1, 1).toordinal() - _FIRST_DAY).to_list()


def _floats(values: pl.Series) -> list[Any]:
    """Fourteen digits are exact in a float's fifteen."""
    return values.cast(pl.Float64).to_list()


_PREPARED: Final[dict[Kind, Callable[[pl.Series], list[Any]]]] = {
    Kind.INSTANT: _serials,
    Kind.DATE: _days,
    Kind.MONEY: _floats,
    Kind.MEAN_MONEY: _floats,
}

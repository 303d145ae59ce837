"""The sheet About: of what the workbook is, when it was made, and what each number means."""

import math
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final

from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.figures import figures, title
from openride_analytics.exports.workbook.lists import CANCELLING, EMPTY_SEATS, PUNCTUAL
from openride_analytics.exports.workbook.page import heading, keep, local
from openride_analytics.exports.workbook.styles import NOTHING, Styles, write
from openride_analytics.exports.workbook.tables import Table
from openride_analytics.exports.workbook.values import Cell

_WIDTHS: Final = (24, 46, 110)
_LINE: Final = 17  # pixels
_COLUMNS: Final = ("Sheet", "Number", "What it means")

_READING: Final = (
    (NOTHING, "No value: there is nothing to divide by, or nothing to compare with. It is never a zero."),
    ("Change", "This period less the period before, which is as long and ends where this one begins. Of rates it is "
     "in percentage points (pp)."),
    ("Green, red", "On the Summary: a change for the better, or for the worse (fewer bookings, more cancellations)."),
    ("Ochre", "On the Summary: a rate below what deserves a look: {lows}."),
    ("Red in lists", f"Drivers on time below {PUNCTUAL:.0f}%, or cancelling more than {CANCELLING:.0f}%; routes with "
     f"less than {EMPTY_SEATS:.0f}% of their seats taken. A negative amount is red too."),
    ("By now", "Rates follow what began in the period to its end, also after the period: they may still change, as do "
     "other numbers when events come late."),
    ("Currency", "Amounts are in {currency} unless a heading says otherwise; bookings, trips and routes carry no "
     "currency and are taken to be in it. Currencies are never added up."),
    ("Over time", "Of a period that begins or ends within a week or month (or an hour), the first and the last row "
     "hold only what is in the period."),
)  # fmt: skip


def about(workbook: Any, styles: Styles, found: Content, tables: dict[str, Sequence[Table]]) -> None:
    """The sheet About; `tables`: those on each sheet, of which it tells the columns."""
    sheet = workbook.get_worksheet_by_name("About")
    heading(sheet, styles, found, "About this workbook")
    for at, width in enumerate(_WIDTHS):
        sheet.set_column(at, at, width)
    row = 3
    for name, value in _facts(found):
        sheet.write_string(row, 0, name, styles.named("label top"))
        sheet.write_blank(row, 1, None, styles.named("top"))
        style = styles.named("top" if isinstance(value, str) else "moment")
        write(sheet, row, 1, value, style, style)
        row += 1
    sheet.write_string(row + 1, 0, "How to read it", styles.named("section"))
    row += 2
    for name, said in _reading(found):
        sheet.write_string(row, 0, name, styles.named("label top"))
        sheet.merge_range(row, 1, row, 2, "", styles.named("wrapped"))
        sheet.write_string(row, 1, said, styles.named("wrapped"))
        _height(sheet, row, said, sum(_WIDTHS[1:]))
        row += 1
    sheet.write_string(row + 1, 0, "What each number means", styles.named("section"))
    header = row + 2
    for at, name in enumerate(_COLUMNS):
        sheet.write_string(header, at, name, styles.named("head"))
    row = header + 1
    for meaning in _meanings(found, tables):
        _line(sheet, styles, row, meaning)
        row += 1
    sheet.autofilter(header, 0, row - 1, len(_COLUMNS) - 1)
    keep(sheet, found, 1)


def _facts(found: Content) -> Iterator[tuple[str, Cell]]:
    period, before = found.question.period, found.before
    yield "Period", period.label
    yield "  begins", local(period.since, found)
    yield "  ends (excluded)", local(period.until, found)
    yield "Compared with", before.label
    yield "  begins", local(before.since, found)
    yield "  ends (excluded)", local(before.until, found)
    yield "Time zone", period.zone.key
    yield "Made at", local(found.question.asked_at, found)
    yield "Made at (UTC)", f"{found.question.asked_at:%Y-%m-%dT%H:%M:%SZ}"
    yield "Over time", found.granularity.value
    yield "Currency", found.question.currency
    yield "Made by", f"OpenRide Analytics {version('openride-analytics')}"


def _reading(found: Content) -> Iterator[tuple[str, str]]:
    lows = ", ".join(f"{f.area.lower()}, {f.title.lower()} {f.low:.0f}%" for f in figures(found) if f.low)
    for name, said in _READING:
        yield name, said.format(lows=lows, currency=found.question.currency)


def _meanings(found: Content, tables: dict[str, Sequence[Table]]) -> Iterator[Sequence[str]]:
    for figure in figures(found):
        yield "Summary", f"{figure.area}: {title(figure, found.question.currency)}", figure.meaning
    for sheet, placed in tables.items():
        for table in placed:
            for column in table.columns:
                if column.meaning:
                    yield sheet, f"{table.heading}: {column.title}", column.meaning


def _line(sheet: Any, styles: Styles, row: int, texts: Sequence[str]) -> None:
    for at, said in enumerate(texts):
        sheet.write_string(row, at, said, styles.named("wrapped"))
    _height(sheet, row, texts[-1], _WIDTHS[-1])


def _height(sheet: Any, row: int, said: str, width: int) -> None:
    """Room for a text that wraps: not every program makes it by itself."""
    sheet.set_row_pixels(row, _LINE * math.ceil(len(said) / (1.15 * width)) + 3)

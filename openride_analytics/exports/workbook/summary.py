"""The sheet Summary: what an executive reads first, and perhaps alone."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from xlsxwriter.utility import xl_range

from openride_analytics.exports.workbook import charts
from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.figures import Figure, More, figures, title
from openride_analytics.exports.workbook.highlights import highlights
from openride_analytics.exports.workbook.page import heading, keep
from openride_analytics.exports.workbook.styles import GREEN, OCHRE, RED, Styles, write
from openride_analytics.exports.workbook.tables import Placed, mark
from openride_analytics.exports.workbook.values import Kind, Value, cell

HEADER: Final = 7
COLUMNS: Final = ("Area", "Figure", "This period", "Period before", "Change", "Change in %")

_WIDTHS: Final = (12, 36, 19, 19, 18, 13, 2, 13, 13, 13, 13, 13, 13)
_TILES: Final = ((0, 1), (2, 3), (4, 5), (7, 9), (10, 12))  # over which columns each is, first to last
_THIS, _BEFORE, _CHANGE, _SHARE = 2, 3, 4, 5


def summary(workbook: Any, styles: Styles, found: Content, series: dict[str, Placed]) -> None:
    """The sheet Summary; `series`: where those that it draws stand."""
    sheet = workbook.get_worksheet_by_name("Summary")
    heading(sheet, styles, found, "OpenRide: summary", f"compared with {found.before.label}")
    for at, width in enumerate(_WIDTHS):
        sheet.set_column(at, at, width)
    listed = list(figures(found))
    _tiles(sheet, styles, found)
    _table(sheet, styles, found, listed)
    drawn = (
        ("column", "Payments", "Revenue"),
        ("line", "Bookings", "Created", "Completed"),
        ("line", "Users", "Active users"),
    )
    there = [chart for chart in drawn if chart[1] in series]
    for n, (kind, name, *beginnings) in enumerate(there):
        placed = series[name]
        titles = [c.title for c in placed.table.columns if c.title.startswith(tuple(beginnings))]
        what = f"{name}: {' and '.join(titles).lower()}" if len(titles) > 1 else titles[0]
        made = charts.over_time(workbook, kind, what, placed, titles)
        charts.put(sheet, HEADER + n * charts.ROWS, 7, made, what, width=590)
    keep(sheet, found, HEADER)
    sheet.fit_to_pages(1, 1)


def change(kind: Kind, now: Value, then: Value) -> Value:
    """How much more it is now: of money a decimal string, of rates percentage points. None without both."""
    if now is None or then is None:
        return None
    difference = Decimal(str(now)) - Decimal(str(then))
    return str(difference) if kind is Kind.MONEY else float(difference)


def share(kind: Kind, now: Value, then: Value) -> float | None:
    """The same as a share of what it was before; None of nothing, and of rates."""
    if kind is Kind.RATE or now is None or then is None or not Decimal(str(then)):
        return None
    before = Decimal(str(then))
    return float((Decimal(str(now)) - before) / abs(before))


def _tiles(sheet: Any, styles: Styles, found: Content) -> None:
    for row, height in ((2, 8), (3, 22), (4, 32), (5, 22), (6, 8)):
        sheet.set_row_pixels(row, height)
    for (first, last), highlight in zip(_TILES, highlights(found), strict=False):
        figure, said = highlight.figure, highlight.said
        now, then = figure.of(found.now), figure.of(found.then)
        label, large = styles.named("tile label"), styles.tile(figure.kind)
        sheet.merge_range(3, first, 3, last, "", label)
        write(sheet, 3, first, said, label, label)
        sheet.merge_range(4, first, 4, last, "", large)
        write(sheet, 4, first, cell(figure.kind, now), large, large)
        points = figure.kind is Kind.RATE
        small = styles.named("tile points" if points else "tile change")
        moved = change(figure.kind, now, then) if points else share(figure.kind, now, then)
        sheet.merge_range(5, first, 5, last, "", small)
        write(sheet, 5, first, None if moved is None else float(str(moved)), small, small)
        _colors(sheet, styles, figure.more, [(5, first, 5, last)])


def _table(sheet: Any, styles: Styles, found: Content, listed: Sequence[Figure]) -> None:
    heads = [styles.named("head" if at < _THIS else "head right") for at in range(len(COLUMNS))]
    last = HEADER + len(listed)
    columns = [{"header": name, "header_format": head} for name, head in zip(COLUMNS, heads, strict=True)]
    sheet.set_row_pixels(HEADER, 24)
    sheet.add_table(
        HEADER, 0, last, len(COLUMNS) - 1, {"name": "Headlines", "style": None, "columns": columns}
    )
    for row, figure in enumerate(listed, start=HEADER + 1):
        _row(sheet, styles, found, row, figure)
    for more in More:
        rows = [row for row, figure in enumerate(listed, start=HEADER + 1) if figure.more is more]
        _colors(sheet, styles, more, [(row, _CHANGE, row, _SHARE) for row in rows])
    for row, figure in enumerate(listed, start=HEADER + 1):
        if figure.low is not None:
            where = (row, _THIS, row, _BEFORE)
            mark(sheet, styles.mark(OCHRE), where, f"<{figure.low / 100}")


def _row(sheet: Any, styles: Styles, found: Content, row: int, figure: Figure) -> None:
    kind, now, then = figure.kind, figure.of(found.now), figure.of(found.then)
    nothing = styles.nothing(kind)
    sheet.write_string(row, 0, figure.area, styles.body(Kind.TEXT))
    sheet.write_string(row, 1, title(figure, found.question.currency), styles.named("label"))
    write(sheet, row, _THIS, cell(kind, now), styles.body(kind), nothing)
    write(sheet, row, _BEFORE, cell(kind, then), styles.body(kind), nothing)
    moved = change(kind, now, then)
    points = Kind.NUMBER if kind is Kind.RATE else kind
    write(sheet, row, _CHANGE, cell(points, moved), styles.change(kind), nothing)
    write(sheet, row, _SHARE, share(kind, now, then), styles.named("share"), nothing)


def _colors(sheet: Any, styles: Styles, more: More, ranges: Sequence[tuple[int, int, int, int]]) -> None:
    """Green what got better, red what got worse."""
    if more is More.NEITHER or not ranges:
        return
    others = " ".join(xl_range(*where) for where in ranges)
    up, down = (GREEN, RED) if more is More.BETTER else (RED, GREEN)
    mark(sheet, styles.mark(up), ranges[0], ">0", others)
    mark(sheet, styles.mark(down), ranges[0], "<0", others)

"""What is drawn for a mail: which series, and what somebody who cannot see it is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from openride_analytics.exports.workbook import lists
from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.area import Chart
from openride_analytics.exports.workbook.book import CHARTS, TABLES
from openride_analytics.exports.workbook.tables import Column, Table
from openride_analytics.exports.workbook.values import Kind, Value
from openride_analytics.reports.words import number

_OF_ALL: Final = (
    ("Payments", 0),
    ("Bookings", 0),
)  # of a report on everything: the area, and which of its charts

_WEEK: Final = 7


@dataclass(frozen=True)
class Series:
    """One line, or columns of one color."""

    name: str
    kind: Kind
    values: Sequence[float]


@dataclass(frozen=True)
class Drawing:
    """`style`: line or column; `labels`: one for each value, along the bottom; `by`: what they are."""

    title: str
    style: str
    labels: Sequence[str]
    by: str
    series: Sequence[Series]
    stacked: bool = False

    @property
    def alt(self) -> str:
        """What it shows, in words."""
        return f"Chart: {self.title}, {self.by}. {' '.join(map(self._extremes, self.series))}"

    def _extremes(self, series: Series) -> str:
        low, high = min(series.values), max(series.values)
        if low == high:
            return f"{series.name}: {number(series.kind, high)} throughout."
        least, most = (self.labels[list(series.values).index(value)] for value in (low, high))
        return (
            f"{series.name}: lowest {number(series.kind, low)} ({least}), "
            f"highest {number(series.kind, high)} ({most})."
        )


def drawings(found: Content) -> list[Drawing]:
    """Those with anything to see: the two charts of an area, or one each of the two that matter most."""
    return [drawing for drawing in _wanted(found) if any(any(one.values) for one in drawing.series)]


def _wanted(found: Content) -> Iterator[Drawing]:
    if len(found.areas) > 2:
        for area, at in _OF_ALL:
            if area in found.areas:
                yield _over_time(found, area, CHARTS[area][at])
    elif "Drivers" in found.areas:
        if "Trips" in found.areas:
            yield _over_time(found, "Trips", CHARTS["Trips"][1])
        yield _spread(found)
    else:
        for area in found.areas:
            for chart in CHARTS.get(area, ()):
                yield _over_time(found, area, chart)


def _over_time(found: Content, area: str, chart: Chart) -> Drawing:
    table = TABLES[area](found)[0]
    times = table.columns[0]
    series = [_series(table, beginning) for beginning in chart.columns]
    money = next((f" ({found.question.currency})" for one in series if one.kind is Kind.MONEY), "")
    return Drawing(
        chart.title + money,
        chart.kind,
        [_label(times, row[0], weekdays=len(table.rows) <= _WEEK) for row in table.rows],
        "by hour" if times.kind is Kind.HOUR else "by day",
        series,
        chart.stacked,
    )


def _series(table: Table, beginning: str) -> Series:
    at = next(n for n, column in enumerate(table.columns) if column.title.startswith(beginning))
    column = table.columns[at]
    return Series(column.title, column.kind, [float(str(row[at])) for row in table.rows])


def _spread(found: Content) -> Drawing:
    known = [(name, float(str(value))) for name, value in lists.distribution(found) if value is not None]
    shares = [pair for pair in known if pair[0] != "Mean"]
    return Drawing(
        f"Earnings per driver ({found.question.currency}): share of drivers who earned at most",
        "column",
        [name for name, _ in shares],
        "by share",
        [Series("Earned at most", Kind.MONEY, [value for _, value in shares])],
    )


def _label(times: Column, at: Value, *, weekdays: bool) -> str:
    """Of a week by its weekdays: it is they that are compared."""
    if times.kind is Kind.HOUR and isinstance(at, datetime):
        return f"{at:%H:%M}"
    if not isinstance(at, date):
        return str(at)
    return f"{at:%a} {at.day}" if weekdays else f"{at.day} {at:%b}"

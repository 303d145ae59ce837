"""What the bodies of a mail say, before they say it in HTML or as text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from openride_analytics.exports.workbook import lists
from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.figures import Figure, figures, title
from openride_analytics.exports.workbook.highlights import highlights, highlights_of
from openride_analytics.exports.workbook.values import Kind, Value
from openride_analytics.reports.attachment import File
from openride_analytics.reports.drawing import Drawing
from openride_analytics.reports.edition import Edition
from openride_analytics.reports.words import (
    NO_CHANGE,
    NOTHING,
    Tone,
    days,
    large,
    moment,
    moved,
    number,
    size,
    tone,
)

TITLES: Final = {
    "user_metrics": "Users",
    "booking_metrics": "Bookings",
    "payment_metrics": "Payments",
    "trip_metrics": "Trips",
    "driver_earnings": "Driver earnings",
    "comprehensive": "All metrics",
}


@dataclass(frozen=True)
class Line:
    """A figure, beside the period before."""

    title: str
    now: str
    then: str
    change: str
    tone: Tone

    @property
    def known(self) -> bool:
        """Whether there is a value at all, now or before."""
        return (self.now, self.then) != (NOTHING, NOTHING)

    @property
    def changed(self) -> bool:
        """Whether there is a change to speak of."""
        return self.change not in (NOTHING, NO_CHANGE)


@dataclass(frozen=True)
class Section:
    """The figures of an area; `note` is what else there is to say of it."""

    title: str
    lines: Sequence[Line]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A chart: its content id, what it shows, and the same in words."""

    content_id: str
    title: str
    alt: str


@dataclass(frozen=True)
class FileNote:
    """What is said of the file. `link`: where it is kept, if it is not `attached`. `cut`: which lists are not whole."""

    name: str
    size: str
    attached: bool
    link: str | None
    cut: Sequence[str]


@dataclass(frozen=True)
class View:
    """All of it."""

    name: str
    title: str
    days: str
    before: str
    zone: str
    made_at: str
    currency: str
    tiles: Sequence[Line]
    pictures: Sequence[Picture]
    sections: Sequence[Section]
    missing: Sequence[str]
    file: FileNote
    unsubscribe: str | None


def view(
    edition: Edition,
    found: Content,
    drawn: Sequence[Drawing],
    file: File,
    *,
    attached: bool,
    link: str | None,
    unsubscribe: str | None,
) -> View:
    """Of what is known."""
    period = edition.period
    return View(
        name=edition.report_name,
        title=TITLES[edition.report_type],
        days=days(period),
        before=days(found.before),
        zone=period.zone.key,
        made_at=moment(edition.made_at, period),
        currency=edition.currency,
        tiles=[_line(found, known.figure, known.said, shown=large) for known in highlights(found)],
        pictures=[
            Picture(content_id(edition, n), drawing.title, drawing.alt) for n, drawing in enumerate(drawn)
        ],
        sections=list(_sections(edition, found)),
        missing=found.missing,
        file=_file_note(file, attached=attached, link=link),
        unsubscribe=unsubscribe,
    )


def content_id(edition: Edition, number: int) -> str:
    """Of the chart of that number: no other message has it."""
    return f"chart-{number}.{edition.execution_id}@openride-analytics"


def _file_note(file: File, *, attached: bool, link: str | None) -> FileNote:
    """A file that is attached is kept nowhere: a link to it would lead to nothing."""
    name, length = file.attachment.name, size(len(file.attachment.content))
    return FileNote(name, length, attached, None if attached else link, file.cut)


def _sections(edition: Edition, found: Content) -> Iterator[Section]:
    """Of the area that a report is on all figures; of others the few that matter, and revenue of each currency."""
    listed = list(figures(found))
    for area in found.areas:
        everything = edition.report_type != "comprehensive" and area == found.areas[0]
        few = [] if everything else [known.figure for known in highlights_of(found, area)]
        chosen = [
            *few,
            *(figure for figure in listed if figure.area == area and (everything or _other(figure))),
        ]
        if chosen:
            lines = [_line(found, figure, title(figure, edition.currency)) for figure in chosen]
            yield Section(area, lines, _note(found, area))


def _note(found: Content, area: str) -> str:
    some = area == "Drivers" and found.now.drivers.total_drivers > 0
    shown = lists.drivers_shown(found) if some else ""
    return f"In the file: {shown[0].lower()}{shown[1:]}." if shown else ""


def _other(figure: Figure) -> bool:
    """Whether it is an amount in another currency than the service's own."""
    return figure.title.startswith("Total revenue (")


def _line(found: Content, figure: Figure, said: str, *, shown: Callable[[Kind, Value], str] = number) -> Line:
    now, then = figure.of(found.now), figure.of(found.then)
    return Line(
        said,
        shown(figure.kind, now),
        shown(figure.kind, then),
        moved(figure.kind, now, then),
        tone(figure, now, then),
    )

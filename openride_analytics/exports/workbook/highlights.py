"""The few figures that everybody should see: large on the Summary, and at the top of mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.figures import FIGURES, Figure

MOST_HIGHLIGHTS: Final = 5

_OF_ALL: Final = (
    ("Payments", "Net revenue", "Net revenue ({currency})"),
    ("Bookings", "Confirmed", "Bookings confirmed"),
    ("Trips", "Completed", "Trips completed"),
    ("Users", "Active in the last 30 days", "People active in the last 30 days"),
    ("Payments", "Success rate", "Payments that succeeded"),
)
_ORDER: Final = ("Drivers", "Users", "Bookings", "Payments", "Trips")
_OF: Final = {
    "Users": (
        ("Users", "Active in the last 30 days", "People active in the last 30 days"),
        ("Users", "Active on the last day", "Active on the last day"),
        ("Users", "New registrations", "New registrations"),
        ("Users", "Registered in all", "Registered in all"),
        ("Users", "Drivers with a route", "Drivers with a route"),
    ),
    "Bookings": (
        ("Bookings", "Total value", "Value confirmed ({currency})"),
        ("Bookings", "Confirmed", "Bookings confirmed"),
        ("Bookings", "Completed", "Bookings completed"),
        ("Bookings", "Conversion rate", "Created and confirmed"),
        ("Bookings", "Cancellation rate", "Created and cancelled"),
    ),
    "Payments": (
        ("Payments", "Net revenue", "Net revenue ({currency})"),
        ("Payments", "Total revenue", "Total revenue ({currency})"),
        ("Payments", "Succeeded", "Payments succeeded"),
        ("Payments", "Success rate", "Payments that succeeded"),
        ("Payments", "Refund rate", "Payments refunded"),
    ),
    "Trips": (
        ("Trips", "Driver earnings", "Driver earnings ({currency})"),
        ("Trips", "Completed", "Trips completed"),
        ("Trips", "On time", "Trips on time"),
        ("Trips", "Platform commission", "Platform commission ({currency})"),
        ("Trips", "Active drivers", "Active drivers"),
    ),
    "Drivers": (
        ("Trips", "Driver earnings", "Driver earnings ({currency})"),
        ("Drivers", "With a completed trip", "Drivers with a completed trip"),
        ("Drivers", "Earnings per driver, median", "Per driver, median ({currency})"),
        ("Drivers", "Earnings per driver, mean", "Per driver, mean ({currency})"),
        ("Trips", "Completed", "Trips completed"),
    ),
}


@dataclass(frozen=True)
class Highlight:
    """A figure that everybody should see, and what it is called where nothing else is near."""

    figure: Figure
    said: str


def highlights(found: Content) -> Sequence[Highlight]:
    """The first of those of which there are answers, at most MOST_HIGHLIGHTS."""
    several = len(found.areas) > 2
    chosen = _OF_ALL if several else [known for area in _ORDER if area in found.areas for known in _OF[area]]
    return _known(found, chosen)[:MOST_HIGHLIGHTS]


def highlights_of(found: Content, area: str) -> Sequence[Highlight]:
    """Those of one area alone."""
    return [known for known in _known(found, _OF.get(area, ())) if known.figure.area == area]


def _known(found: Content, chosen: Sequence[tuple[str, str, str]]) -> list[Highlight]:
    known = {(figure.area, figure.title): figure for figure in FIGURES if figure.area in found.areas}
    return [
        Highlight(known[area, name], said.format(currency=found.question.currency))
        for area, name, said in chosen
        if (area, name) in known
    ]

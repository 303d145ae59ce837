"""From an edition to what is mailed of it: asks, makes the file, draws, writes."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from openride_analytics.exports.workbook.answers import AREAS, content_of
from openride_analytics.garbage import collect_new
from openride_analytics.reports.attachment import file_of
from openride_analytics.reports.chart import draw
from openride_analytics.reports.drawing import Drawing, drawings
from openride_analytics.reports.edition import Edition, Rendered
from openride_analytics.reports.thread import apart
from openride_analytics.reports.view import View, content_id, view
from openride_analytics.reports.words import days
from openride_analytics.schema.queries import Granularity
from openride_analytics.stats.periods import month_before, previous
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse

if TYPE_CHECKING:
    from jinja2 import Environment

# What each report asks for. Of drivers also the trips: there is what all of them earned, and when.
_AREAS: Final = {
    "user_metrics": ("Users",),
    "booking_metrics": ("Bookings",),
    "payment_metrics": ("Payments",),
    "trip_metrics": ("Trips",),
    "driver_earnings": ("Drivers", "Trips"),
    "comprehensive": AREAS,
}


async def render(
    clickhouse: ClickHouse,
    edition: Edition,
    *,
    unsubscribe: str | None,
    link: str | None,
    most: int | None = None,
) -> Rendered:
    """`unsubscribe`: what the bodies name as the way out; `edition.UNSUBSCRIBE` becomes each recipient's own.

    `link`: where the file is kept. `most`: a larger file (bytes) is linked to, not attached: `attached` says so,
    `attachment` is the file either way. Raises Retryable where no section could be made.
    """
    before = month_before(edition.period) or previous(edition.period)
    found = await content_of(clickhouse, _question(edition), before, _AREAS[edition.report_type])
    file = await file_of(edition, found)
    attached = most is None or len(file.attachment.content) <= most
    drawn = drawings(found)
    said = view(edition, found, drawn, file, attached=attached, link=link, unsubscribe=unsubscribe)
    images, html, text = await apart(lambda: (_images(edition, drawn), *_bodies(said)))
    return Rendered(
        subject=f"{edition.report_name}: {days(edition.period)}{' (incomplete)' if found.missing else ''}",
        html=html,
        text=text,
        images=images,
        attachment=file.attachment,
        rows=file.rows,
        missing=list(found.missing),
        attached=attached,
    )


def _question(edition: Edition) -> Question:
    """Of one day by hour: a day alone is no series."""
    period = edition.period
    one_day = period.first_day == period.last_day
    series = Granularity.HOURLY if one_day else Granularity.DAILY
    return Question(period, series, edition.currency, edition.made_at)


def _images(edition: Edition, drawn: Sequence[Drawing]) -> dict[str, bytes]:
    try:
        return {content_id(edition, n): draw(drawing) for n, drawing in enumerate(drawn)}
    finally:
        collect_new()  # a figure's parts refer to each other


def _bodies(said: View) -> tuple[str, str]:
    templates = _templates()
    html = templates.get_template("report.html.jinja").render(view=said)
    return html, templates.get_template("report.txt.jinja").render(view=said)


@cache
def _templates() -> "Environment":
    from jinja2 import (  # noqa: PLC0415 - not at the service's start
        Environment,
        PackageLoader,
        StrictUndefined,
        select_autoescape,
    )

    return Environment(
        loader=PackageLoader("openride_analytics.reports"),
        autoescape=select_autoescape(enabled_extensions=("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

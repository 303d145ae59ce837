"""What all sheets have in common: a heading, frozen rows, how they are printed."""

from datetime import datetime
from typing import Any, Final

from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.styles import Styles

A4: Final = 9


def heading(sheet: Any, styles: Styles, found: Content, title: str, note: str = "") -> None:
    """Rows 0 and 1: what it is, and of what."""
    sheet.hide_gridlines(2)
    sheet.set_row_pixels(0, 34)
    sheet.write_string(0, 0, title, styles.named("title"))
    sheet.write_string(1, 0, " · ".join(filter(None, (of(found), note))), styles.named("subtitle"))


def of(found: Content) -> str:
    """The range and its zone, as on every sheet."""
    period = found.question.period
    return f"{period.label} · times in {period.zone.key}"


def keep(sheet: Any, found: Content, header: int) -> None:
    """Let everything down to the header's row stay in sight, and be on every printed page."""
    sheet.freeze_panes(header + 1, 0)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(header)
    # An ampersand begins a code in footers.
    said = f"OpenRide · {of(found)}".replace("&", "&&")
    sheet.set_footer(f"&L&8{said}&C&8&A&R&8Page &P of &N")


def local(moment: datetime, found: Content) -> datetime:
    """In the question's zone, to the second, without it: cells know no zones."""
    return moment.astimezone(found.question.period.zone).replace(tzinfo=None, microsecond=0)

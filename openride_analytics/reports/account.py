"""What a run has come to, in words, by what became of its recipients."""

from collections.abc import Sequence
from typing import Final

from openride_analytics.reports.edition import Rendered
from openride_analytics.schema.reports import RunStatus
from openride_analytics.store.report_runs import Row

_MOST_NAMED: Final = 3


def status_of(rows: Sequence[Row], rendered: Rendered) -> RunStatus:
    """Of a run that is over."""
    if not any(row["status"] != "refused" for row in rows):
        return RunStatus.FAILED
    whole = all(row["status"] == "sent" for row in rows) and not rendered.missing
    return RunStatus.COMPLETED if whole else RunStatus.PARTIAL


def unreached(waiting: Sequence[Row], rows: Sequence[Row]) -> str:
    """Who is to be tried again, and why."""
    reasons = sorted({row["reason"] for row in waiting if row["reason"]})
    why = f": {'; '.join(reasons[:_MOST_NAMED])}" if reasons else ""
    return f"{len(waiting)} of {len(rows)} recipients could not be reached yet{why}"


def problem(rows: Sequence[Row], rendered: Rendered) -> str | None:
    """What was not as it should be, in a line."""
    if not rows:
        return "nobody is left to send it to: every recipient has unsubscribed or was taken off the list"
    said = []
    for status in ("refused", "uncertain"):
        found = [row for row in rows if row["status"] == status]
        if found:
            named = "; ".join(f"{row['address']} ({row['reason']})" for row in found[:_MOST_NAMED])
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            said.append(f"{len(found)} of {len(rows)} recipients {status}: {named}{more}")
    if rendered.missing:
        said.append(f"sections that could not be made: {', '.join(rendered.missing)}")
    return "; ".join(said) or None

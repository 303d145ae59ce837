"""What schemathesis is told beside the description of the API, and cannot be told by it.

Loaded into schemathesis's own process, by name. A schema says of each parameter what it may be; that a range must not
be reversed, or which metric can be grouped by what, is said in words only: such questions are left out here, and asked
by tests of their own.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.support import schemathesis_exports, schemathesis_reports
from tests.support.schemathesis_exports import can_be_made

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # what time it is for the API
_DAYS = st.dates(date(2026, 9, 1), date(2026, 12, 31))

schemathesis.openapi.format("date", _DAYS.map(str))
schemathesis.openapi.format("date-time", _DAYS.map(lambda day: f"{day}T08:30:00Z"))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones())))


@schemathesis.hook
def filter_case(_: Any, case: Any) -> bool:
    """Whether to ask it."""
    if isinstance(case.body, dict) and not (can_be_made(case.body) and _in_order(case.body, endless=False)):
        return False
    asked = case.query if isinstance(case.query, dict) else {}
    return _in_order(asked, case.path.endswith("/cohort")) and _has_groups(asked) and _has_places(asked)


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """What to ask instead; examples come by here too, and by no other hook."""
    schemathesis_reports.keep(case)
    if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        schemathesis_exports.put_right(case)
        schemathesis_reports.put_right(case)


def _in_order(asked: dict[str, Any], endless: bool) -> bool:
    since, until = _moment(asked.get("start_date")), _moment(asked.get("end_date"))
    if any(moment and moment.year not in range(2000, 2100) for moment in (since, until)):
        return False
    if since is None or endless:
        return True
    return timedelta() < (until or NOW) - since < timedelta(days=398)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return None  # wrong: that is to be found out


def _has_groups(asked: dict[str, Any]) -> bool:
    group, metric = asked.get("group_by"), asked.get("metric", "bookings")
    if group is None or metric in ("payments", "revenue"):
        return True
    return bool(metric != "active_users" and group != "payment_method")


def _has_places(asked: dict[str, Any]) -> bool:
    return (asked.get("metric"), asked.get("level")) != ("users", "hex")

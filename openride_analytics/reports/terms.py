"""What a request to schedule a report comes to: text understood, defaults filled in; and when that is due."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, time
from itertools import islice
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from openride_analytics.errors import Invalid
from openride_analytics.reports.addresses import address, addresses
from openride_analytics.schema.queries import Granularity
from openride_analytics.schema.reports import (
    WEEKDAYS,
    Parameters,
    ParametersGiven,
    SchedulePatch,
    ScheduleRequest,
)
from openride_analytics.stats.periods import Due, Period, Rhythm, dues, zone
from openride_analytics.store.reports import Terms, Turn

T = TypeVar("T")

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
_LINES: Final = str.maketrans("", "", "\n\t")


def understand(asked: ScheduleRequest, *, timezone: str) -> Terms:
    """`timezone`: of a schedule that names none. Raises a group of Invalid."""
    default = Parameters(timezone=timezone, time="08:00", weekday=WEEKDAYS[0], day=1, attach=True)
    given = {name: getattr(asked, name) for name in asked.__struct_fields__ if name != "parameters"}
    return _checked(Terms(**given, parameters=default), given, asked.parameters)


def amended(terms: Terms, asked: SchedulePatch) -> Terms:
    """With what was sent, and only that, changed. Raises a group of Invalid."""
    fields = {name: getattr(asked, name) for name in asked.__struct_fields__}
    given = {name: value for name, value in fields.items() if value is not UNSET}
    return _checked(terms, given, given.pop("parameters", ParametersGiven()))


def rhythm(terms: Terms) -> Rhythm:
    """When it is due."""
    given = terms.parameters
    return Rhythm(
        Granularity(terms.frequency),
        zone(given.timezone),
        time.fromisoformat(given.time),
        WEEKDAYS.index(given.weekday),
        given.day,
    )


def zone_to_tell(name: str) -> ZoneInfo:
    """UTC for a zone that this system no longer knows: what was done has to be told all the same."""
    try:
        return zone(name)
    except Invalid:
        return ZoneInfo("UTC")


def begin(terms: Terms, now: datetime, covered_until: datetime | None = None) -> Turn:
    """From now on: the next time that is not past, for a period that has not had its turn.

    `covered_until`: of what has run before, by periods of the same frequency.
    """
    after = (due for due in dues(rhythm(terms), now))
    due = next(due for due in after if covered_until is None or middle(due.period) > covered_until)
    return Turn(due.at if terms.active else None, due.period.since)


def upcoming(terms: Terms, covered_until: datetime) -> Iterator[Due]:
    """Of the periods that have not had their turn, without end, the first one first: it may be overdue.

    A period is told by its middle: where a zone's rules change its ends may move by an hour or two, and it must
    neither be left out nor come twice for that.
    """
    return (due for due in dues(rhythm(terms), covered_until) if middle(due.period) > covered_until)


def next_times(terms: Terms, turn: Turn, count: int) -> list[datetime]:
    """The next so many, none while it is not active."""
    if turn.next is None:
        return []
    return [due.at for due in islice(upcoming(terms, turn.covered_until), count)]


def middle(period: Period) -> datetime:
    """The instant half-way."""
    return period.since + (period.until - period.since) / 2


def _checked(terms: Terms, given: dict[str, Any], parameters: ParametersGiven) -> Terms:
    """`terms` with `given` and `parameters`, each of them understood."""
    problems: list[Invalid] = []
    checks: dict[str, Callable[[Any], Any]] = {
        "report_name": _one_line,
        "owner_email": lambda text: address(text, field="owner_email"),
        "recipients": lambda texts: addresses(texts, field="recipients"),
        "description": _text,
    }
    changes = {
        name: _try(checks[name], value, problems) if name in checks else value
        for name, value in given.items()
    }
    fields: dict[str, Callable[[Any], Any]] = {"timezone": _zone, "time": _time, "weekday": _weekday}
    asked = {name: getattr(parameters, name) for name in parameters.__struct_fields__}
    chosen = {
        name: _try(fields[name], value, problems) if name in fields else value
        for name, value in asked.items()
        if value is not UNSET
    }
    if problems:
        raise ExceptionGroup("schedule", problems)
    same = {name: getattr(terms, name) for name in Terms.__dataclass_fields__}
    merged = msgspec.structs.replace(terms.parameters, **chosen)
    return Terms(**same | changes | {"parameters": merged})


def _try(check: Callable[[Any], T], value: Any, problems: list[Invalid]) -> T | None:
    try:
        return check(value)
    except Invalid as error:
        problems.append(error)
    except ExceptionGroup as group:
        problems += [error for error in group.exceptions if isinstance(error, Invalid)]
    return None


def _one_line(text: str) -> str:
    """It becomes the subject of mails and the name of a file."""
    if not text.isprintable() or not text.strip():
        raise Invalid("report_name", "cannot be used", "one line of printable characters")
    return text.strip()


def _text(text: str | None) -> str | None:
    if text is not None and not text.translate(_LINES).isprintable():
        raise Invalid("description", "cannot be used", "printable characters, line feeds and tabs")
    return text


def _zone(name: str) -> str:
    return zone(name, field="parameters.timezone").key


def _time(text: str) -> str:
    if not _TIME.match(text):
        raise Invalid("parameters.time", "is not a time of day", "HH:MM, from 00:00 to 23:59")
    return text


def _weekday(text: str) -> str:
    """By its English name, or the first three letters of it."""
    name = text.lower()
    found = [day for day in WEEKDAYS if name in (day, day[:3])]
    if not found:
        raise Invalid("parameters.weekday", "is not a day of the week", ", ".join(WEEKDAYS))
    return found[0]

"""Time: zones, ranges, local days, buckets of a series. Nothing else in the package does calendar sums.

A range is half-open, [since, until), in UTC and whole milliseconds, as event times are. A local day begins at
its first instant: where clocks skip midnight, that is when they do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from openride_analytics.errors import Invalid
from openride_analytics.schema.queries import Granularity

DEFAULT_DAYS: Final = 30

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_YEARS: Final = range(2000, 2100)  # bucket edges are 32-bit seconds
_ALLOWED: Final = "an ISO 8601 date (2026-10-01) or datetime (2026-10-01T08:00:00+01:00), years 2000 to 2099"
# A `+` in a query string that nobody escaped arrives as a space; before an offset it can mean nothing else.
_LOST_PLUS: Final = re.compile(r"(T[0-9:.,]+) ([0-9]{2}:?[0-9]{2})")


@dataclass(frozen=True)
class Period:
    """[since, until) in UTC, seen from `zone`."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def first_day(self) -> date:
        """The local day of its first instant."""
        return self.since.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The local day of its last instant."""
        return (self.until - _MILLISECOND).astimezone(self.zone).date()

    @property
    def label(self) -> str:
        """As in "2026-10-01 to 2026-10-31"."""
        return f"{self.first_day} to {self.last_day}"


@dataclass(frozen=True)
class Rhythm:
    """Once in each local day, ISO week or month of `zone` (`every`), at the local time `at`.

    In a week on `weekday` (Monday is 0), in a month on `day`, or on its last day if it is shorter.
    """

    every: Granularity
    zone: ZoneInfo
    at: time
    weekday: int = 0
    day: int = 1


@dataclass(frozen=True)
class Due:
    """An instant, in UTC, and the whole period before it that is over by then."""

    at: datetime
    period: Period


def zone(name: str, *, field: str = "timezone") -> ZoneInfo:
    """The IANA zone of that name. Raises Invalid naming `field`."""
    if name not in _zones():
        raise Invalid(field, "is not a known time zone", "an IANA name, like Africa/Lagos or UTC")
    return ZoneInfo(name)


def period(start: str | None, end: str | None, *, zone: ZoneInfo, now: datetime, max_days: int) -> Period:
    """The range that `start_date` and `end_date` ask for.

    A date is that whole local day, at either end; a datetime (local, if it has no offset) is an instant, the
    end's excluded. Without an end: to the end of today; without a start: the 30 days up to the end's, or `max_days`,
    if that is less.

    Raises Invalid.
    """
    until = (
        day_start(_local_day(now, zone) + _DAY, zone) if end is None else _edge("end_date", end, zone, _DAY)
    )
    if start is None:
        last = _local_day(until - _MILLISECOND, zone)
        since = day_start(last - (min(DEFAULT_DAYS, max_days) - 1) * _DAY, zone)
    else:
        since = _edge("start_date", start, zone, timedelta())
    if since >= until:
        raise Invalid("start_date", "is not before end_date", "a range that is not empty")
    # By the wall clock: a day is a day, whether it has 23 hours or 25.
    if _wall(until, zone) - _wall(since, zone) > max_days * _DAY:
        field = "start_date" if start is not None else "end_date"
        raise Invalid(field, f"the range is longer than {max_days} days", f"at most {max_days} days")
    return Period(since, until, zone)


def start_day(start: str | None, end: str | None, *, zone: ZoneInfo, now: datetime) -> date:
    """The local day that `start_date` names, or that it begins in; without one, the first of the last 30 days.

    `end_date` changes nothing, but has to be a date too. Raises Invalid.
    """
    if end is not None:
        _edge("end_date", end, zone, _DAY)
    if start is None:
        return today(now, zone) - (DEFAULT_DAYS - 1) * _DAY
    return _local_day(_edge("start_date", start, zone, timedelta()), zone)


def today(now: datetime, zone: ZoneInfo) -> date:
    """The local day of `now`."""
    return _local_day(now, zone)


def successive(granularity: Granularity, day: date, count: int) -> list[date]:
    """The first days of `count` periods in a row, from the one that holds `day`. Not for hours."""
    days = [_calendar_start(granularity, day)]
    while len(days) < count:
        days.append(_calendar_next(granularity, days[-1]))
    return days


def name(granularity: Granularity, day: date) -> str:
    """What the period that begins on `day` is called: "2026-10-05", "2026-W41" (ISO), "2026-10"."""
    if granularity is Granularity.WEEKLY:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return day.isoformat()[:7] if granularity is Granularity.MONTHLY else day.isoformat()


def days_from(day: date, count: int) -> list[date]:
    """`count` days in a row, `day` the first."""
    return [day + n * _DAY for n in range(count)]


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def last_days(period: Period, days: int) -> datetime:
    """Where the `days` local days begin that end with the period's last day, in UTC."""
    return day_start(period.last_day - (days - 1) * _DAY, period.zone)


def buckets(period: Period, granularity: Granularity) -> list[datetime]:
    """Where each bucket that holds a part of `period` begins, in UTC and in order.

    The first may begin before the period does. An hourly bucket is the n-th hour since local midnight, so a
    day has as many as it has hours, and a part of an hour left at its end is one.
    """
    if granularity is Granularity.HOURLY:
        return _hours(period)
    starts: list[datetime] = []
    day = _calendar_start(granularity, period.first_day)
    while day <= period.last_day:
        start = day_start(day, period.zone)
        if start not in starts[-1:]:  # a zone that moves across the date line skips a day
            starts.append(start)
        day = _calendar_next(granularity, day)
    return starts


def previous(period: Period) -> Period:
    """What ends where `period` begins: as many local days if it is of whole ones, else as much time."""
    first, last, zone = period.first_day, period.last_day, period.zone
    if period.since == day_start(first, zone) and period.until == day_start(last + _DAY, zone):
        return Period(day_start(first - (last - first) - _DAY, zone), period.since, zone)
    return Period(period.since - (period.until - period.since), period.since, zone)


def month_before(period: Period) -> Period | None:
    """The calendar month before `period`, where that is a whole calendar month itself."""
    first, zone = period.first_day, period.zone
    following = _calendar_next(Granularity.MONTHLY, first)
    if first.day != 1 or (period.since, period.until) != (day_start(first, zone), day_start(following, zone)):
        return None
    return Period(day_start(_calendar_start(Granularity.MONTHLY, first - _DAY), zone), period.since, zone)


def dues(rhythm: Rhythm, after: datetime) -> Iterator[Due]:
    """Without end, in order: whatever is due later than `after`. Their periods follow on each other without a gap.

    A local time that clocks skip is due when it would have been by the clock before; one that comes twice, the first
    time; a day that a zone skips altogether has none.
    """
    first = _calendar_start(rhythm.every, _local_day(after, rhythm.zone) - 2 * _DAY)
    while True:
        start, before = day_start(first, rhythm.zone), _calendar_start(rhythm.every, first - _DAY)
        at = datetime.combine(_day_of(rhythm, first), rhythm.at, rhythm.zone).astimezone(UTC)
        covered = Period(day_start(before, rhythm.zone), start, rhythm.zone)
        if at > after and covered.since < covered.until:
            yield Due(at, covered)
        first = _calendar_next(rhythm.every, first)


def complete(rhythm: Rhythm, now: datetime) -> Period:
    """The latest day, week or month that is over."""
    zone, following = rhythm.zone, _calendar_start(rhythm.every, _local_day(now, rhythm.zone))
    while True:
        first = _calendar_start(rhythm.every, following - _DAY)
        found = Period(day_start(first, zone), day_start(following, zone), zone)
        if found.since < found.until:
            return found
        following = first


def local(moment: datetime, zone: ZoneInfo) -> str:
    """RFC 3339 with the zone's offset, as in 2026-10-01T00:00:00+01:00."""
    return moment.astimezone(zone).isoformat()


@cache
def _zones() -> frozenset[str]:
    # Where the system has its own zone among IANA's, that is no name: it means something else on another replica.
    return frozenset(available_timezones()) - {"localtime"}


def _edge(field: str, text: str, zone: ZoneInfo, whole_day: timedelta) -> datetime:
    """An instant in UTC; of a date, the start of the day `whole_day` after it."""
    parsed = _parse(field, text)
    if not isinstance(parsed, datetime):
        return day_start(parsed + whole_day, zone)
    aware = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone)
    # Events lie on whole milliseconds: those at or after an edge between two begin at the later one.
    moment = aware.astimezone(UTC)
    return moment + timedelta(microseconds=-moment.microsecond % 1000)


def _parse(field: str, text: str) -> date | datetime:
    parsed: date | datetime
    if not text.isascii():
        raise Invalid(field, "is not a date", _ALLOWED)
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        try:
            parsed = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        except ValueError:
            raise Invalid(field, "is not a date", _ALLOWED) from None
    if parsed.year not in _YEARS:
        raise Invalid(field, "is too far away", _ALLOWED)
    return parsed


def _local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _hours(period: Period) -> list[datetime]:
    starts: list[datetime] = []
    day = period.first_day
    while day <= period.last_day:
        dawn, next_dawn = day_start(day, period.zone), day_start(day + _DAY, period.zone)
        at = dawn + max((period.since - dawn) // _HOUR, 0) * _HOUR
        while at < min(next_dawn, period.until):
            starts.append(at)
            at += _HOUR
        day += _DAY
    return starts


def _day_of(rhythm: Rhythm, first: date) -> date:
    """On which day it is due in the period that begins on `first`."""
    if rhythm.every is Granularity.WEEKLY:
        return first + rhythm.weekday * _DAY
    if rhythm.every is Granularity.MONTHLY:
        return min(first + (rhythm.day - 1) * _DAY, _calendar_next(rhythm.every, first) - _DAY)
    return first


def _calendar_start(granularity: Granularity, day: date) -> date:
    if granularity is Granularity.WEEKLY:
        return day - day.weekday() * _DAY
    if granularity is Granularity.MONTHLY:
        return day.replace(day=1)
    return day


def _calendar_next(granularity: Granularity, day: date) -> date:
    if granularity is Granularity.MONTHLY:
        return (day + 31 * _DAY).replace(day=1)
    return day + (7 if granularity is Granularity.WEEKLY else 1) * _DAY

"""Figures and times in words, as mails have them."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from openride_analytics.exports.workbook.figures import Figure, More
from openride_analytics.exports.workbook.summary import change, share
from openride_analytics.exports.workbook.values import Kind, Value
from openride_analytics.stats.periods import Period

NOTHING: Final = "\u2013"  # where there is no value
NO_CHANGE: Final = "no change"
MINUS: Final = "\u2212"

_WHOLE_FROM: Final = 10_000  # of large amounts nobody reads the cents where a figure is shown large
_UNITS: Final = ((10**9, "bn"), (10**6, "m"), (10**3, "k"))


class Tone(StrEnum):
    """Whether a change is for the better."""

    GOOD = "good"
    BAD = "bad"
    PLAIN = "plain"


def number(kind: Kind, value: Value) -> str:
    """As in "1,234", "1,234.50", "85.20%"."""
    if value is None:
        return NOTHING
    found = Decimal(str(value))
    shown = f"{abs(found):,.0f}" if kind is Kind.COUNT else f"{abs(found):,.2f}"
    return f"{MINUS if found < 0 else ''}{shown}{'%' if kind is Kind.RATE else ''}"


def large(kind: Kind, value: Value) -> str:
    """The same where it is shown large: of large amounts without cents."""
    if kind is Kind.MONEY and value is not None and abs(Decimal(str(value))) >= _WHOLE_FROM:
        return number(Kind.COUNT, int(Decimal(str(value)).quantize(Decimal(1), ROUND_HALF_UP)))
    return number(kind, value)


def moved(kind: Kind, now: Value, then: Value) -> str:
    """By how much: in percent, of rates in percentage points; the difference itself where there was nothing before."""
    difference = change(kind, now, then)
    if difference is None:
        return NOTHING
    amount = Decimal(str(difference))
    if not amount:
        return NO_CHANGE
    sign = "+" if amount > 0 else MINUS
    if kind is Kind.RATE:
        return f"{sign}{abs(amount):,.2f} pp"
    part = share(kind, now, then)
    if part is None:
        return f"{sign}{number(kind, str(abs(amount)))}"
    return f"{sign}{abs(part):,.1%}"


def tone(figure: Figure, now: Value, then: Value) -> Tone:
    """Of the change from `then` to `now`."""
    difference = Decimal(str(change(figure.kind, now, then) or 0))
    if not difference or figure.more is More.NEITHER:
        return Tone.PLAIN
    return Tone.GOOD if (difference > 0) == (figure.more is More.BETTER) else Tone.BAD


def compact(value: float) -> str:
    """As along an axis: "350k", "1.2m"."""
    for unit, name in _UNITS:
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def days(period: Period) -> str:
    """As in "Monday, 23 November 2026", "16 to 22 November 2026", "30 November to 6 December 2026"."""
    first, last = period.first_day, period.last_day
    if first == last:
        return f"{first:%A}, {_day(first)}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {_day(last)}"
    return f"{first.day} {first:%B}{f' {first.year}' if first.year != last.year else ''} to {_day(last)}"


def moment(at: datetime, period: Period) -> str:
    """As in "24 November 2026, 08:00", in the period's zone."""
    local = at.astimezone(period.zone)
    return f"{_day(local.date())}, {local:%H:%M}"


def size(count: int) -> str:
    """Of bytes: "12 KB", "1.4 MB"."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000)):,} KB"
    return f"{count / 1_000_000:,.1f} MB"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"

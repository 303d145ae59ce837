"""What kinds of values there are, and what a value of each is in a cell."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

Value = int | float | str | UUID | date | datetime | None  # as answers have it: money is a decimal string
Cell = float | str | date | datetime | None

MAX_TEXT: Final = 32_767  # UTF-16 units in a cell
EXACT_DIGITS: Final = 15  # of which a number in a cell keeps every one


class Kind(StrEnum):
    """How a value is meant; each has a style for cells of that name."""

    COUNT = "count"
    MONEY = "money"  # in a currency that the heading names
    RATE = "rate"  # percent, as answers have it; a share of 1 in the cell, shown as percent
    NUMBER = "number"  # 2 decimals
    TEXT = "text"
    ID = "id"  # text too, that nobody reads for pleasure
    HOUR = "hour"  # the rest are times, local to the question's zone
    DAY = "day"
    MONTH = "month"


TEXTS: Final = frozenset({Kind.TEXT, Kind.ID})
TIMES: Final = frozenset({Kind.HOUR, Kind.DAY, Kind.MONTH})


def cell(kind: Kind, value: Value) -> Cell:
    """What stands in the cell; None where there is no value, which is never 0.

    Money is a number as long as it is exact to the cent, else the same digits as text.
    """
    if value is None or isinstance(value, date):
        return value
    if kind in TEXTS:
        return text(str(value))
    number = Decimal(str(value))
    if kind is Kind.RATE:
        return float(number / 100)
    if kind is Kind.MONEY and len(number.as_tuple().digits) > EXACT_DIGITS:
        return f"{number:,}"
    return float(number)


def text(value: str) -> str:
    """It, or as much of it as a cell holds, with an ellipsis for the rest."""
    if len(value) * 2 <= MAX_TEXT or len(value.encode("utf-16-le")) // 2 <= MAX_TEXT:
        return value
    head = value.encode("utf-16-le")[: 2 * (MAX_TEXT - 1)]
    return head.decode("utf-16-le", "ignore") + "…"

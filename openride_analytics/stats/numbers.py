"""How numbers are rounded and written: the one place for each rule."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_CENT: Final = Decimal("0.01")


def rate(part: int, whole: int) -> float | None:
    """Percent of `whole`, 2 decimals; None if there is nothing to divide by."""
    return round(100 * part / whole, 2) if whole else None


def mean(total: float, count: int) -> float | None:
    """2 decimals; None over nothing."""
    return round(total / count, 2) if count else None


def money(amount: Decimal) -> str:
    """2 places, halves away from zero."""
    return str(amount.quantize(_CENT, ROUND_HALF_UP))


def mean_money(total: Decimal, count: int) -> str | None:
    """As `money`; None over nothing."""
    return money(total / count) if count else None

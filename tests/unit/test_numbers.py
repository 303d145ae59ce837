"""Rounding."""

from decimal import Decimal

import pytest

from openride_analytics.stats.numbers import mean, mean_money, money, rate


@pytest.mark.parametrize(
    ("part", "whole", "percent"), [(1, 3, 33.33), (2, 3, 66.67), (0, 5, 0.0), (7, 7, 100.0)]
)
def test_a_rate_is_a_percentage_with_two_decimals(part: int, whole: int, percent: float) -> None:
    assert rate(part, whole) == percent


def test_a_rate_of_nothing_is_none() -> None:
    assert rate(0, 0) is None


@pytest.mark.parametrize(("total", "count", "value"), [(10, 3, 3.33), (0.5, 1, 0.5)])
def test_a_mean_has_two_decimals(total: float, count: int, value: float) -> None:
    assert mean(total, count) == value


def test_a_mean_over_nothing_is_none() -> None:
    assert mean(0, 0) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("1.005", "1.01"),
        ("2.5", "2.50"),
        ("-1.005", "-1.01"),
        ("1E+21", "1" + "0" * 21 + ".00"),
    ],
)
def test_money_has_two_places_and_rounds_halves_up(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def test_mean_money_is_rounded_once() -> None:
    assert mean_money(Decimal("0.05"), 2) == "0.03"


def test_mean_money_over_nothing_is_none() -> None:
    assert mean_money(Decimal(0), 0) is None

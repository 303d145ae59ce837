"""What a value is in a cell."""

import pytest

from openride_analytics.exports.workbook.summary import change, share
from openride_analytics.exports.workbook.values import MAX_TEXT, Cell, Kind, Value, cell, text


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.COUNT, 0, 0.0),
        (Kind.COUNT, None, None),
        (Kind.RATE, 94.68, 0.9468),
        (Kind.RATE, 100.0, 1.0),
        (Kind.MONEY, "4500.50", 4500.5),
        (Kind.MONEY, "-0.01", -0.01),
        (
            Kind.MONEY,
            "9999999999999.99",
            9999999999999.99,
        ),  # the last that a spreadsheet keeps every digit of
        (Kind.MONEY, "10000000000000.01", "10,000,000,000,000.01"),
        (Kind.TEXT, "=1+1", "=1+1"),
    ],
)
def test_a_value_in_a_cell(kind: Kind, value: Value, expected: Cell) -> None:
    assert cell(kind, value) == expected


@pytest.mark.parametrize("letter", ["a", "\u1ecd", "\U0001f695"])
def test_a_text_too_long_for_a_cell_ends_with_an_ellipsis(letter: str) -> None:
    found = text(letter * MAX_TEXT + "a")
    assert found.endswith(f"{letter}\u2026") and len(found.encode("utf-16-le")) // 2 in (
        MAX_TEXT - 1,
        MAX_TEXT,
    )


def test_a_text_that_fits_is_whole() -> None:
    assert text("\u1ecd" * MAX_TEXT) == "\u1ecd" * MAX_TEXT


@pytest.mark.parametrize(
    ("kind", "now", "then", "changed", "shared"),
    [
        (Kind.COUNT, 12, 10, 2.0, 0.2),
        (Kind.COUNT, 12, 0, 12.0, None),
        (Kind.MONEY, "0.30", "0.10", "0.20", 2.0),
        (Kind.MONEY, "5.00", "-10.00", "15.00", 1.5),
        (Kind.RATE, 64.6, 64.5, 0.1, None),
        (Kind.RATE, None, 64.5, None, None),
    ],
)
def test_a_change(kind: Kind, now: Value, then: Value, changed: Value, shared: float | None) -> None:
    assert (change(kind, now, then), share(kind, now, then)) == (changed, shared)

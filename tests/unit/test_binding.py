"""Binding: every placeholder gets a value of its type, every value a placeholder."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.errors import Fatal
from openride_analytics.store.binding import bind, quote

ID = UUID("6c7c3f4e-8f3c-4d35-9d4c-0a3c5e8f0001")


@pytest.mark.parametrize(
    ("type_", "value", "literal"),
    [
        ("String", "O'Brien\\", r"'O\'Brien\\'"),
        ("String", "a\nb\x00", r"'a\x0Ab\x00'"),
        ("UInt8", 255, "255"),
        ("Int64", -5, "(-5)"),
        ("Float64", 0.1, "toFloat64('0.1')"),
        ("Date", date(2026, 10, 1), "toDate('2026-10-01')"),
        ("UUID", ID, f"toUUID('{ID}')"),
        (
            "DateTime64(3, 'UTC')",
            datetime(2026, 10, 1, 1, 2, 3, 456_999, tzinfo=timezone(timedelta(hours=1))),
            "toDateTime64('2026-10-01 00:02:03.456', 3, 'UTC')",
        ),
        ("Array(String)", ["a", "'"], r"CAST(['a', '\''], 'Array(String)')"),
        ("Array(UInt64)", (), "CAST([], 'Array(UInt64)')"),
        ("Array(UUID)", [ID], f"CAST(['{ID}'], 'Array(UUID)')"),
    ],
)
def test_literals(type_: str, value: object, literal: str) -> None:
    assert bind(f"SELECT {{x:{type_}}}", {"x": value}) == f"SELECT {literal}"


def test_a_negative_number_cannot_make_a_comment() -> None:
    assert "--" not in bind("SELECT 1 -{x:Int32}", {"x": -1})


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_quoted_string_ends_only_at_its_end(value: str) -> None:
    assert re.fullmatch(r"'(?:[^'\\]|\\.)*'", quote(value))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_quoted_string_stays_on_its_line(value: str) -> None:
    assert not re.search(r"[\x00-\x1f]", quote(value))


def test_a_placeholder_may_be_used_twice() -> None:
    assert bind("{a:UInt8} {a:UInt8}", {"a": 1}) == "1 1"


def test_what_is_bound_is_not_searched_for_placeholders() -> None:
    assert bind("{a:String}", {"a": "{b:String}"}) == "'{b:String}'"


def test_an_allowed_identifier_is_quoted() -> None:
    assert bind("SELECT {c:Identifier}", {"c": "city"}, identifiers={"city", "state"}) == "SELECT `city`"


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT {x:UInt8}", {}),
        ("SELECT 1", {"x": 1}),
        ("SELECT {x:Decimal(14,2)}", {"x": Decimal(1)}),
        ("SELECT {c:Identifier}", {"c": "drop"}),
    ],
)
def test_what_does_not_match_is_fatal(sql: str, params: dict[str, object]) -> None:
    with pytest.raises(Fatal):
        bind(sql, params, identifiers={"city"})


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("String", 1),
        ("String", b"a"),
        ("String", None),
        ("UInt8", True),
        ("UInt8", "1"),
        ("Float64", "1"),
        ("Float64", True),
        ("UUID", str(ID)),
        ("Date", datetime(2026, 1, 1, tzinfo=UTC)),
        ("Date", "2026-01-01"),
        ("DateTime64(3, 'UTC')", "2026-01-01"),
        ("Array(String)", "abc"),
        ("Array(String)", [1]),
    ],
)
def test_a_value_of_another_type_is_a_type_error(type_: str, value: object) -> None:
    with pytest.raises(TypeError, match="placeholder x"):
        bind(f"SELECT {{x:{type_}}}", {"x": value})


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("UInt8", 256),
        ("UInt32", -1),
        ("Int8", -129),
        ("Float64", float("nan")),
        ("Float64", float("inf")),
        ("String", "\ud800"),
        ("DateTime64(3, 'UTC')", datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
        ("DateTime64(3, 'UTC')", datetime(1, 1, 1, tzinfo=UTC)),
        ("Date", date(1900, 1, 1)),
        ("Array(UInt8)", [1, 300]),
    ],
)
def test_a_value_beyond_its_type_is_a_value_error(type_: str, value: object) -> None:
    with pytest.raises(ValueError, match="placeholder x"):
        bind(f"SELECT {{x:{type_}}}", {"x": value})

"""Query strings into structs."""

from typing import Annotated

import msgspec
import pytest

from openride_analytics.api.parameters import MAX_PARAMETERS, decode
from openride_analytics.errors import Invalid
from openride_analytics.schema.queries import FunnelQuery, Granularity, RangeQuery, TrendsQuery


class Top(msgspec.Struct, frozen=True, kw_only=True):
    sort: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


def problems(query: bytes, struct: type[msgspec.Struct] = RangeQuery) -> dict[str, Invalid]:
    with pytest.raises(ExceptionGroup) as caught:
        decode(query, struct)
    return {error.field: error for error in caught.value.exceptions if isinstance(error, Invalid)}


def test_what_is_given_is_decoded() -> None:
    assert decode(
        b"start_date=2026-10-01&include_time_series=true&granularity=weekly", RangeQuery
    ) == RangeQuery(start_date="2026-10-01", include_time_series=True, granularity=Granularity.WEEKLY)


def test_nothing_given_is_all_defaults() -> None:
    assert decode(b"", RangeQuery) == RangeQuery()


def test_escapes_are_undone() -> None:
    assert decode(b"timezone=Africa%2FLagos", RangeQuery).timezone == "Africa/Lagos"


def test_numbers_are_numbers() -> None:
    assert decode(b"sort=trips&limit=7", Top).limit == 7


def test_an_unknown_parameter_is_told_the_known_ones() -> None:
    assert problems(b"from=2026-10-01")["from"].allowed == (
        "start_date, end_date, timezone, include_time_series, granularity"
    )


@pytest.mark.parametrize(
    ("query", "field", "allowed"),
    [
        (b"granularity=yearly", "granularity", "daily, hourly, monthly, weekly"),
        (b"granularity=", "granularity", "daily, hourly, monthly, weekly"),
        (b"include_time_series=perhaps", "include_time_series", "true, false"),
        (b"timezone=UTC&timezone=UTC", "timezone", "once"),
    ],
)
def test_a_wrong_value_is_told_what_is_allowed(query: bytes, field: str, allowed: str) -> None:
    assert problems(query)[field].allowed == allowed


def test_a_number_out_of_bounds_is_told_the_bounds() -> None:
    assert problems(b"sort=trips&limit=0", Top)["limit"].allowed == "an integer from 1 to 1000"


@pytest.mark.parametrize(("struct", "name"), [(FunnelQuery, "breakdown"), (TrendsQuery, "moving_average")])
def test_what_may_be_left_out_cannot_be_null(struct: type[msgspec.Struct], name: str) -> None:
    assert problems(f"{name}=null".encode(), struct).keys() == {name}


def test_a_missing_parameter_is_named() -> None:
    assert problems(b"limit=5", Top).keys() == {"sort"}


def test_all_problems_are_found_at_once() -> None:
    assert problems(b"a=1&granularity=x&include_time_series=y").keys() == {
        "a",
        "granularity",
        "include_time_series",
    }


@pytest.mark.parametrize("query", [b"%ff%00=1", b"\xff\xfe=1", b"=1", b"%0d%0ax=1", b"a" * 5000 + b"=1"])
def test_a_hostile_name_is_shown_in_one_short_line(query: bytes) -> None:
    (field,) = problems(query)
    assert len(field) <= 64 and (field.isprintable() or not field)


def test_too_many_parameters_are_refused_unread() -> None:
    with pytest.raises(Invalid, match="too many"):
        decode(b"&".join([b"a=1"] * (MAX_PARAMETERS + 1)), RangeQuery)

"""What may be asked of a schedule: addresses, names, zones and times are good ones, or are refused by name."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.errors import Invalid
from openride_analytics.reports.addresses import address
from openride_analytics.reports.terms import amended, begin, understand
from openride_analytics.schema.reports import SchedulePatch, ScheduleRequest
from openride_analytics.store.reports import Terms

ADA = "ada@example.com"
ASKED = {
    "report_name": "Bookings",
    "owner_email": ADA,
    "report_type": "booking_metrics",
    "frequency": "daily",
    "format": "csv",
    "recipients": [ADA],
}


def terms(**changes: Any) -> Terms:
    return understand(msgspec.convert(ASKED | changes, ScheduleRequest), timezone="Africa/Lagos")


def refused(error: ExceptionGroup[Exception]) -> list[str]:
    return [cause.field for cause in error.exceptions if isinstance(cause, Invalid)]


@pytest.mark.parametrize(
    "text",
    [
        "nobody",
        "@example.com",
        "ada@",
        "Ada <ada@example.com>",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "ada\x00@example.com",
        "ada@example.com,eve@example.com",
        "ada@exam ple.com",
        "ada@localhost",
        "ada@[127.0.0.1]",
        "ada@10.0.0.1",
        "ada@-example.com",
        "ada@example..com",
        ".ada@example.com",
        "a..b@example.com",
        '"ada"@example.com',
        "ọlá@example.com",
        "ada@exämple.com",
        "a" * 65 + "@example.com",
        "a@" + ".".join(["b" * 63] * 4) + ".com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not an e-mail address"):
        address(text, field="recipients")


@pytest.mark.parametrize(
    "text", ["ada@example.com", "a.b+c@mail.example.com.ng", "o'brien@x-y.org", "1@2.io"]
)
def test_what_is_one_is_taken(text: str) -> None:
    assert address(text, field="recipients") == text


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_address_has_anything_that_ends_a_header(local: str, domain: str) -> None:
    try:
        found = address(f"{local}@{domain}", field="recipients")
    except Invalid:
        return
    assert found.isascii() and found.isprintable() and not set(found) & set(' ,;<>"()')


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipients": ["nobody"]}, "recipients[0]"),
        ({"recipients": [ADA, "nobody"]}, "recipients[1]"),
        ({"owner_email": "owner"}, "owner_email"),
        ({"report_name": "Bookings\r\nBcc: eve@example.com"}, "report_name"),
        ({"report_name": "Bookings\x00"}, "report_name"),
        ({"report_name": "  "}, "report_name"),
        ({"report_name": "\u202ebookings"}, "report_name"),
        ({"description": "a\x00b"}, "description"),
        ({"parameters": {"timezone": "Lagos"}}, "parameters.timezone"),
        ({"parameters": {"timezone": "../../etc/passwd"}}, "parameters.timezone"),
        ({"parameters": {"time": "24:00"}}, "parameters.time"),
        ({"parameters": {"time": "8:00"}}, "parameters.time"),
        ({"parameters": {"time": "08:00\n"}}, "parameters.time"),
        ({"parameters": {"weekday": "someday"}}, "parameters.weekday"),
    ],
)
def test_what_is_wrong_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        terms(**changes)
    assert refused(raised.value) == [field]


@pytest.mark.parametrize("weekday", ["FRI", "friday", "Friday"])
def test_a_weekday_is_known_by_its_name(weekday: str) -> None:
    assert terms(parameters={"weekday": weekday}).parameters.weekday == "friday"


def test_an_address_that_is_named_twice_is_one() -> None:
    assert terms(recipients=[ADA, "ADA@Example.com"]).recipients == [ADA]


@pytest.mark.parametrize(
    "changes",
    [
        {"report_name": "Trips"},
        {"recipients": ["obi@example.com"]},
        {"description": None},
        {"format": "excel"},
        {"frequency": "monthly"},
        {"active": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_only_what_is_sent_is_changed(changes: dict[str, Any]) -> None:
    before = terms(description="Why", parameters={"time": "09:30"})
    after = amended(before, msgspec.convert(changes, SchedulePatch))
    changed = {name for name in Terms.__dataclass_fields__ if getattr(before, name) != getattr(after, name)}
    assert changed == set(changes)


def test_a_day_that_has_had_its_turn_has_none_in_another_zone() -> None:
    """In New York it ends six hours later than in Lagos, where it was reported."""
    turn = begin(
        terms(parameters={"timezone": "America/New_York"}),
        datetime(2026, 11, 24, 10, tzinfo=UTC),
        covered_until=datetime(2026, 11, 23, 23, tzinfo=UTC),
    )
    assert turn.next == datetime(2026, 11, 25, 13, tzinfo=UTC)

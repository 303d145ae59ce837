"""Every check of the contract on every field, from a transcript of the contract."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import Raw

from openride_analytics.errors import Reason, Rejected
from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.events import (
    ENTITY,
    EVENT_TYPES,
    KINDS,
    Event,
    event_type,
)
from tests.support.events import ABSENT, NOW, example, message

# One line a type, one word a field: name (`?` optional, `=value` its default), then what it may hold: a name
# of _GOOD and _BAD, or the values themselves.
CONTRACT = """
user.registered: user_id:id phone:phone role:RIDER|DRIVER|ADMIN full_name?:text email?:text \
    city?:text state?:text referral_code?:text
user.kyc_verified: user_id:id kyc_status:VERIFIED|REJECTED verification_notes?:text verified_by?:text
user.upgraded_to_driver: user_id:id previous_role=RIDER:RIDER new_role=DRIVER:DRIVER
booking.created: booking_id:id rider_id:id driver_id:id route_id:id seats_booked:seats total_price:money \
    booking_status=PENDING:PENDING pickup_stop_id:id dropoff_stop_id:id pickup_lat:lat pickup_lon:lon \
    dropoff_lat:lat dropoff_lon:lon scheduled_departure:time
booking.confirmed: booking_id:id rider_id:id driver_id:id route_id:id seats_booked:seats total_price:money \
    payment_id:id confirmation_code:text
booking.cancelled: booking_id:id rider_id:id driver_id:id route_id:id cancellation_reason?:text \
    cancelled_by:RIDER|DRIVER|SYSTEM refund_initiated=false:flag
booking.completed: booking_id:id rider_id:id driver_id:id route_id:id trip_id:id seats_booked:seats \
    total_price:money actual_departure:time actual_arrival:time duration_minutes:count
payment.initiated: payment_id:id booking_id:id rider_id:id amount:money currency=NGN:currency \
    payment_method:card|bank_transfer|ussd|wallet|cash provider=interswitch:text provider_transaction_id?:text
payment.success: payment_id:id booking_id:id rider_id:id amount:money currency=NGN:currency \
    payment_method:card|bank_transfer|ussd|wallet|cash provider=interswitch:text \
    provider_transaction_id:text processing_time_ms:ms card_last4?:text
payment.failed: payment_id:id booking_id:id rider_id:id amount:money currency=NGN:currency \
    payment_method:card|bank_transfer|ussd|wallet|cash provider=interswitch:text \
    provider_transaction_id?:text error_code:text error_message:text processing_time_ms?:ms
payment.refunded: payment_id:id booking_id:id rider_id:id refund_amount:money original_amount:money \
    currency=NGN:currency refund_reason:text refunded_by?:text provider_refund_id?:text
trip.started: trip_id:id booking_id:id driver_id:id rider_id:id route_id:id scheduled_departure:time \
    actual_departure:time start_lat:lat start_lon:lon passengers_count:seats
trip.completed: trip_id:id booking_id:id driver_id:id rider_id:id route_id:id actual_departure:time \
    actual_arrival:time duration_minutes:count distance_km:quantity end_lat:lat end_lon:lon \
    driver_earnings:money platform_commission:money on_time:flag
trip.cancelled: trip_id:id booking_id:id driver_id:id rider_id:id route_id:id cancellation_reason:text \
    cancelled_by:DRIVER|RIDER|SYSTEM was_started=false:flag partial_distance_km?:quantity
route.created: route_id:id driver_id:id route_name:text origin_city:text destination_city:text \
    origin_state:text destination_state:text stops_count:count seats_total:seats base_price:money \
    departure_time:clock active_days:weekdays
route.activated: route_id:id driver_id:id route_name:text previous_status=PAUSED:PAUSED \
    new_status=ACTIVE:ACTIVE
route.cancelled: route_id:id driver_id:id route_name:text cancellation_reason?:text \
    active_bookings_count=0:count
route.updated: route_id:id driver_id:id route_name:text updated_fields:names seats_total?:seats \
    base_price?:money departure_time?:clock
driver.location.updated: driver_id:id trip_id?:id lat:lat lon:lon speed_kmh?:quantity bearing?:bearing \
    accuracy_meters?:quantity city?:text state?:text
"""

_HUGE = Raw(b"1E999999")
_UNWRITTEN = Raw(b"0.001")
_UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

# What a field may hold, and what that is once decoded.
_GOOD: dict[str, list[tuple[Any, Any]]] = {
    "id": [(_UUID, UUID(_UUID)), (_UUID.upper(), UUID(_UUID))],
    "text": [("", ""), ("₦ Ìbàdàn 😀\n", "₦ Ìbàdàn 😀\n"), ("\0", "\0"), ("x" * 40_000, "x" * 40_000)],
    "flag": [(True, True), (False, False)],
    "phone": [("+2340000000000", "+2340000000000")],
    "clock": [(t, t) for t in ("00:00", "23:59", "07:05:59")],
    "seats": [(1, 1), (8, 8)],
    "count": [(0, 0), (2**32 - 1, 2**32 - 1)],
    "ms": [(0, 0), (2**63 - 1, 2**63 - 1)],
    "lat": [(-90, -90.0), (90.0, 90.0), (0, 0.0), (Raw(b"-0.0"), 0.0), (Raw(b"5e-324"), 5e-324)],
    "lon": [(-180, -180.0), (180.0, 180.0)],
    "quantity": [(0, 0.0), (1e300, 1e300), (12, 12.0)],
    "bearing": [(0, 0.0), (359.999, 359.999)],
    "money": [
        ("0", Decimal(0)),
        ("0.00", Decimal(0)),
        ("-0.00", Decimal(0)),
        ("12.5", Decimal("12.5")),
        ("+12.50", Decimal("12.5")),
        ("1E2", Decimal(100)),
        ("999999999999.99", Decimal("999999999999.99")),
        (Raw(b"999999999999.99"), Decimal("999999999999.99")),
        (Raw(b"0.1"), Decimal("0.1")),
        (Raw(b"12.50"), Decimal("12.5")),
        (Raw(b"1e2"), Decimal(100)),
        (7, Decimal(7)),
    ],
    "currency": [("NGN", "NGN"), ("USD", "USD"), ("XCG", "XCG")],
    "time": [
        ("2026-11-20T13:00:00Z", datetime(2026, 11, 20, 13, tzinfo=UTC)),
        ("2026-11-20T14:00:00.123456+01:00", datetime(2026, 11, 20, 13, 0, 0, 123456, tzinfo=UTC)),
        ("1901-01-01T00:00:00Z", datetime(1901, 1, 1, tzinfo=UTC)),
        ("2298-12-31T23:59:59-12:00", datetime(2299, 1, 1, 11, 59, 59, tzinfo=UTC)),
    ],
    "weekdays": [(["MON", "SUN"], ["MON", "SUN"]), ([], [])],
    "names": [(["base_price", "anything"], ["base_price", "anything"]), ([], [])],
}

_BAD: dict[str, list[Any]] = {
    "id": ["", "42", f"{{{_UUID}}}", _UUID[:-1], f"urn:uuid:{_UUID}", 42, []],
    "text": [42, True, [], {}],
    "flag": [0, 1, "true", []],
    "phone": ["+234801234567", "+23480123456789", "2348012345678", "+2348012345678\n", " +2348012345678",
              "+234" + "\u0661" * 10, "+1348012345678", 2348012345678],
    "clock": ["24:00", "12:60", "7:30", "07:30:60", "07:30:00Z", "07:30\n", "", 730],
    "seats": [0, 9, -1, 2**70, Raw(b"2.0"), "2", True],
    "count": [-1, 2**32, 2**70, 1.5, _HUGE, "5", True],
    "ms": [-1, 2**63, 2**70, 1.5, _HUGE, "5"],
    "lat": [-90.0001, 90.0001, _HUGE, "6.5", True],
    "lon": [-180.0001, 180.0001, _HUGE, "6.5"],
    "quantity": [-0.1, _HUGE, Raw(b"9" * 400), "6.5", False],
    "bearing": [-0.1, 360, _HUGE, "6.5"],
    "money": ["-0.01", "1000000000000", "0.001", "1.000", _UNWRITTEN, Raw(b"1.000"), "NaN", "sNaN",
              "Infinity", "-Infinity", "1E999999", _HUGE, "1E999999999999999999", "0E999999", "1E-999999",
              2**70, "1_000", " 1", "1\n", "\u0661", "", "12,50", "0x10", -1, True, []],
    "currency": ["ngn", "ZZZ", "NG", "", 566],
    "time": ["2026-11-20T13:00:00", "2026-11-20", "2026-11-20T24:00:00Z", "2026-02-30T00:00:00Z", 1795176000,
             "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "1900-12-31T23:59:59Z",
             "2299-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "tomorrow", ""],
    "weekdays": [["MON", "mon"], ["MONDAY"], [1], [None], "MON", {}],
    "names": [["base_price", 1], [None], "base_price", {}],
}  # fmt: skip


class Field:
    """One word of the transcript."""

    def __init__(self, name: str, word: str) -> None:
        said, self.holds = word.rsplit(":", 1)
        self.event_type = name
        self.optional = said.endswith("?")
        self.name, _, default = said.removesuffix("?").partition("=")
        self.default = {"false": False, "0": 0}.get(default, default or None)

    @property
    def required(self) -> bool:
        return not self.optional and self.default is None

    def good(self) -> list[tuple[Any, Any]]:
        return _GOOD.get(self.holds) or [(value, value) for value in self.holds.split("|")]

    def bad(self) -> list[Any]:
        wrong = _BAD.get(self.holds) or ["", self.holds.lower() + "x", self.holds.split("|")[0] + " ", 1, []]
        return wrong if self.optional else [*wrong, None]

    def __repr__(self) -> str:
        return f"{self.event_type}-{self.name}"


def _fields() -> Iterator[Field]:
    for line in CONTRACT.replace("\\\n", "").strip().splitlines():
        name, _, words = line.partition(": ")
        yield from (Field(name, word) for word in words.split())


FIELDS = list(_fields())


def decode(event_type: str, **changes: Any) -> Event:
    kind, _ = EVENT_TYPES[event_type]
    return Decoder(kind, 1 << 20, 730)(message(event_type, **changes), NOW.timestamp())


def refuse(event_type: str, **changes: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(event_type, **changes)
    return caught.value


def test_the_contract_names_each_type_once() -> None:
    assert [line.split(":")[0] for line in CONTRACT.replace("\\\n", "").split("\n") if line] == list(
        EVENT_TYPES
    )


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_a_struct_has_the_fields_of_the_contract(name: str) -> None:
    _, struct = EVENT_TYPES[name]
    said = {field.name for field in FIELDS if field.event_type == name}
    assert set(struct.__struct_fields__) == said | {"event_timestamp", "event_id"}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_is_valid(name: str, full: bool) -> None:
    assert event_type(type(decode(name, full=full))) == name


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_a_full_example_has_every_field(name: str) -> None:
    _, struct = EVENT_TYPES[name]
    assert set(example(name, full=True)) == {*struct.__struct_fields__, "event_type"}


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_event_survives_encoding(name: str) -> None:
    event = decode(name, full=True)
    kind, _ = EVENT_TYPES[name]
    assert Decoder(kind, 1 << 20, 730)(msgspec.json.encode(event), NOW.timestamp()) == event


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [pytest.param(f, v, m, id=f"{f!r}-{i}") for f in FIELDS for i, (v, m) in enumerate(f.good())],
)
def test_good_values_are_taken(field: Field, value: object, meant: object) -> None:
    assert getattr(decode(field.event_type, **{field.name: value}), field.name) == meant


@pytest.mark.parametrize(
    ("field", "value"),
    [pytest.param(f, v, id=f"{f!r}-{i}") for f in FIELDS for i, v in enumerate(f.bad())],
)
def test_bad_values_are_refused_by_name(field: Field, value: object) -> None:
    rejected = refuse(field.event_type, full=True, **{field.name: value})
    named = rejected.detail.split(":")[0].split("[")[0]
    assert (rejected.reason, named) == (Reason.SCHEMA_VIOLATION, field.name)


@pytest.mark.parametrize("field", [field for field in FIELDS if field.required], ids=repr)
def test_a_required_field_must_be_there(field: Field) -> None:
    rejected = refuse(field.event_type, **{field.name: ABSENT})
    assert (rejected.reason, rejected.detail.split(",")[0]) == (
        Reason.SCHEMA_VIOLATION,
        f"{field.name}: required",
    )


@pytest.mark.parametrize("value", [ABSENT, None], ids=["absent", "null"])
@pytest.mark.parametrize("field", [field for field in FIELDS if field.optional], ids=repr)
def test_an_optional_field_may_be_left_out(field: Field, value: object) -> None:
    assert getattr(decode(field.event_type, full=True, **{field.name: value}), field.name) is None


@pytest.mark.parametrize("field", [field for field in FIELDS if field.default is not None], ids=repr)
def test_a_default_stands_for_what_is_left_out(field: Field) -> None:
    assert getattr(decode(field.event_type, **{field.name: ABSENT}), field.name) == field.default


@pytest.mark.parametrize("value", [ABSENT, None], ids=["absent", "null"])
def test_an_event_may_have_no_id(value: object) -> None:
    assert decode("trip.started", full=True, event_id=value).event_id is None


@pytest.mark.parametrize("value", _BAD["id"])
def test_an_event_id_must_be_a_uuid(value: object) -> None:
    assert refuse("trip.started", event_id=value).detail.startswith("event_id: expected a UUID")


@pytest.mark.parametrize(
    "value",
    [ABSENT, None, "2026-11-20T12:00:00", "2026-11-20", "0000-01-01T00:00:00Z", 1795176000, "now", ""],
)
def test_an_event_timestamp_must_be_a_time_with_its_offset(value: object) -> None:
    rejected = refuse("trip.started", event_timestamp=value)
    assert (rejected.reason, rejected.detail.split(":")[0]) == (Reason.SCHEMA_VIOLATION, "event_timestamp")


def test_a_refund_may_exceed_what_was_paid() -> None:
    event = decode("payment.refunded", refund_amount="2.00", original_amount="1.00")
    assert getattr(event, "refund_amount") == Decimal("2.00")  # noqa: B009 - one of many types


def test_a_struct_checks_itself_when_it_is_built() -> None:
    event = decode("booking.confirmed")
    with pytest.raises(ValueError, match="total_price"):
        msgspec.structs.replace(event, total_price=Decimal("0.001"))


def test_every_kind_has_an_entity() -> None:
    assert {
        kind: all(entity.field in struct.__struct_fields__ for struct in KINDS[kind])
        for kind, entity in ENTITY.items()
    } == dict.fromkeys(KINDS, True)

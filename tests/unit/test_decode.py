"""A message becomes an event or a reasoned rejection, whatever its bytes are."""

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.errors import Reason, Rejected
from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.events import EVENT_TYPES, KINDS, BookingCreated, DriverLocationUpdated, Event
from tests.support.events import ABSENT, NOW, example, message, stream
from tests.support.hostile import hostile_messages

MAX_BYTES = 1 << 20
DECODERS = {kind: Decoder(kind, MAX_BYTES, 730) for kind in KINDS}


def decode(value: bytes | None, kind: str = "booking", now: datetime = NOW) -> Event:
    return DECODERS[kind](value, now.timestamp())


def refuse(value: bytes | None, kind: str = "booking", now: datetime = NOW) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(value, kind, now)
    return caught.value


def created(**changes: Any) -> bytes:
    return message("booking.created", **changes)


def with_extra(extra: bytes) -> bytes:
    return created()[:-1] + b',"extra":' + extra + b"}"


@pytest.mark.parametrize(
    ("value", "reason", "kind"),
    [pytest.param(*hostile, id=f"{hostile[1]}-{i}") for i, hostile in enumerate(hostile_messages(7, 250))],
)
def test_hostile_messages_are_refused_for_the_right_reason(value: bytes, reason: Reason, kind: str) -> None:
    assert refuse(value, kind).reason == reason


def test_hostile_messages_have_every_reason_but_clickhouse() -> None:
    seen = Counter(reason for _, reason, _ in hostile_messages(7, 250))
    assert set(seen) == set(Reason) - {Reason.REJECTED_BY_CLICKHOUSE}


def test_the_same_seed_gives_the_same_hostile_messages() -> None:
    assert list(hostile_messages(3, 20)) == list(hostile_messages(3, 20))


def test_life_like_messages_are_good() -> None:
    assert all(decode(value, kind) for kind, value in stream(500))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(created() + b" \r\n\t", id="white space after"),
        pytest.param(b"\n " + created(), id="white space before"),
        pytest.param(created().replace(b'":', b'" : ').replace(b',"', b' ,\n"'), id="white space within"),
        pytest.param(with_extra(b'{"a":[1,{"b":null}],"c":"\\u20a6"}'), id="an unknown field"),
        pytest.param(with_extra(b"1E999999"), id="an unknown field beyond a double"),
        pytest.param(with_extra(b"9" * 5_000), id="an unknown field of 5,000 digits"),
        pytest.param(with_extra('"₦😀"'.encode()), id="an unknown field beyond ASCII"),
        pytest.param(with_extra(b"[" * 127 + b"]" * 127), id="as deep as may be"),
        pytest.param(with_extra(b'"' + b"[{" * 500 + b'"'), id="brackets within text"),
        pytest.param(with_extra(b"[" + b"[]," * 500 + b"[]]"), id="wide, not deep"),
        pytest.param(created()[:-1] + b',"event_type":"booking.created"}', id="the same type twice"),
        pytest.param(
            created().replace(b"booking.created", b"\\u0062ooking.created"), id="escapes in the type"
        ),
        pytest.param(created().replace(b"event_type", b"event_typ\\u0065"), id="escapes in the name"),
        pytest.param(created().replace(b'"4500.00"', b'"450\\u0030.00"'), id="escapes in money"),
        pytest.param(created().replace(b'"4500.00"', b"4500.00"), id="money as a number"),
    ],
)
def test_odd_but_good_messages_are_taken(value: bytes) -> None:
    assert decode(value) == decode(created())


def test_the_type_may_come_last() -> None:
    event = example("booking.created")
    tag = event.pop("event_type")
    assert decode(msgspec.json.encode({**event, "event_type": tag})) == decode(created())


def test_of_a_field_given_twice_the_last_counts() -> None:
    event = decode(created()[:-1] + b',"seats_booked":7}')
    assert isinstance(event, BookingCreated) and event.seats_booked == 7


def test_money_as_a_number_keeps_its_digits() -> None:
    event = decode(created(total_price=msgspec.Raw(b"123456789012.34")))
    assert isinstance(event, BookingCreated) and event.total_price == Decimal("123456789012.34")


@pytest.mark.parametrize("text", [" 500", "500\n", "5_00", "\uff15\uff10\uff10"])
def test_money_that_only_decimal_reads_is_refused_whatever_else_is_in_the_message(text: str) -> None:
    value = message(
        "payment.refunded", refund_amount=text, original_amount="500", extra={"refund_amount": "500"}
    )
    assert refuse(value, "payment").detail.startswith("refund_amount: expected")


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (b"[" * 128 + b"]" * 128, Reason.INVALID_JSON),
        (b'{"":' * 128 + b"1" + b"}" * 128, Reason.INVALID_JSON),
        (b'["\\"[", ' + b"[" * 128 + b"]" * 129, Reason.INVALID_JSON),
    ],
)
def test_deeper_than_may_be(extra: bytes, reason: Reason) -> None:
    assert refuse(with_extra(extra)).reason == reason


def test_depth_is_judged_alike_however_deep_the_caller_stands() -> None:
    def from_below(frames: int) -> Event:
        return from_below(frames - 1) if frames else decode(with_extra(b"[" * 127 + b"]" * 127))

    assert from_below(sys.getrecursionlimit() // 2) == decode(created())


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (None, Reason.INVALID_JSON, "a tombstone: the message has no value"),
        (b"", Reason.INVALID_JSON, "the value is empty"),
        (b"\xef\xbb\xbf{}", Reason.INVALID_JSON, "the value begins with a byte order mark"),
        (b'{"x":"\xff"}', Reason.INVALID_JSON, "not UTF-8 at byte 6"),
        (b"[" * 100_000, Reason.INVALID_JSON, "nested deeper than 128"),
        (b"{1}", Reason.INVALID_JSON, "not JSON: JSON is malformed: expected '\"' (byte 1)"),
        (b"[]", Reason.NOT_AN_OBJECT, "expected an object"),
        (b"{}", Reason.MISSING_EVENT_TYPE, "event_type: required"),
        (b'{"event_type":null}', Reason.MISSING_EVENT_TYPE, "event_type: expected text"),
        (b'{"event_type":"x"}', Reason.UNKNOWN_EVENT_TYPE, "event_type: none of the 19 known types"),
        (
            b'{"event_type":"trip.started"}',
            Reason.WRONG_TOPIC,
            "event_type: trip.started belongs to the trip topic, this is the booking topic",
        ),
        (created(seats_booked=0), Reason.SCHEMA_VIOLATION, "seats_booked: expected an integer from 1 to 8"),
        (
            created(seats_booked="two"),
            Reason.SCHEMA_VIOLATION,
            "seats_booked: expected an integer from 1 to 8, got str",
        ),
        (created(rider_id=ABSENT), Reason.SCHEMA_VIOLATION, "rider_id: required, expected a UUID"),
        (
            created(total_price="NaN"),
            Reason.SCHEMA_VIOLATION,
            "total_price: expected a decimal >= 0 and < 10^12 with at most 2 places, as text or a number",
        ),
        (b" " * (MAX_BYTES + 1), Reason.TOO_LARGE, "1048577 bytes, at most 1048576 are taken"),
    ],
)
def test_the_detail_says_what_was_expected(value: bytes | None, reason: Reason, detail: str) -> None:
    rejected = refuse(value)
    assert (rejected.reason, rejected.detail) == (reason, detail)


_LATE = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"\xff" * (MAX_BYTES + 1), Reason.TOO_LARGE, id="too large, not UTF-8"),
        pytest.param(b'["\xff"]', Reason.INVALID_JSON, id="not UTF-8, no object"),
        pytest.param(b"[1,", Reason.INVALID_JSON, id="not JSON, no object"),
        pytest.param(created(seats_booked=0)[:-1], Reason.INVALID_JSON, id="cut short, seats"),
        pytest.param(
            created(seats_booked=0, x="y").replace(b'"y"', b'"\xff"'), Reason.INVALID_JSON, id="utf-8, seats"
        ),
        pytest.param(created(event_type="x", seats_booked=0), Reason.UNKNOWN_EVENT_TYPE, id="unknown, seats"),
        pytest.param(message("trip.started", trip_id=1), Reason.WRONG_TOPIC, id="wrong topic, trip_id"),
        pytest.param(
            message("trip.started", event_timestamp=_LATE), Reason.WRONG_TOPIC, id="wrong topic, old"
        ),
        pytest.param(
            created(seats_booked=0, event_timestamp=_LATE), Reason.SCHEMA_VIOLATION, id="seats, old"
        ),
        pytest.param(
            created(total_price="1_0", event_timestamp=_LATE), Reason.SCHEMA_VIOLATION, id="money, old"
        ),
    ],
)
def test_of_several_faults_the_first_in_order_is_given(value: bytes, reason: Reason) -> None:
    assert refuse(value).reason == reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_without_a_type_is_refused_on_every_topic(kind: str) -> None:
    struct = KINDS[kind][0]
    name = next(name for name, (_, known) in EVENT_TYPES.items() if known is struct)
    assert refuse(message(name, event_type=ABSENT), kind).reason == Reason.MISSING_EVENT_TYPE


def test_a_message_as_large_as_may_be_is_taken() -> None:
    value = with_extra(b'""')
    filled = with_extra(b'"' + b"x" * (MAX_BYTES - len(value)) + b'"')
    assert decode(filled) == decode(created())


@pytest.mark.parametrize("late", [timedelta(hours=24), timedelta(days=-730)])
def test_a_time_on_the_edge_is_taken(late: timedelta) -> None:
    assert decode(created(event_timestamp=(NOW + late).isoformat())).event_timestamp == NOW + late


@pytest.mark.parametrize("late", [timedelta(hours=24, milliseconds=1), timedelta(days=-730, milliseconds=-1)])
def test_a_time_beyond_the_edge_is_refused(late: timedelta) -> None:
    assert refuse(created(event_timestamp=(NOW + late).isoformat())).reason == Reason.TIMESTAMP_OUT_OF_RANGE


def test_the_offset_counts_at_the_edge() -> None:
    assert decode(created(event_timestamp="2026-11-21T13:00:00+01:00")).event_timestamp == datetime(
        2026, 11, 21, 12, tzinfo=UTC
    )


def test_no_time_before_1970_is_taken_whatever_age_is_allowed() -> None:
    decoder = Decoder("booking", MAX_BYTES, 1_000_000)
    with pytest.raises(Rejected, match="before 1970"):
        decoder(created(event_timestamp="1969-12-31T23:59:59Z"), NOW.timestamp())


_CANARY = "canary@example.com"


@pytest.mark.parametrize("field", [*example("booking.created"), "event_id"])
def test_the_detail_never_repeats_the_message(field: str) -> None:
    assert _CANARY not in str(refuse(created(**{field: _CANARY})))


@pytest.mark.parametrize("how", [lambda m: m[:-1], lambda m: m + b"x", lambda m: m[:-1] + b',"\xff":1}'])
def test_nor_when_it_is_not_json(how: Any) -> None:
    assert _CANARY not in str(refuse(how(created(email=_CANARY))))


def test_the_cause_of_a_rejection_is_not_kept() -> None:
    """msgspec's own message may quote the value, and a logged traceback would show it."""
    rejected = refuse(message("trip.cancelled", cancelled_by=_CANARY), "trip")
    assert rejected.__context__ is None


def _decode_or_refuse(value: bytes, kind: str) -> Event | None:
    try:
        return decode(value, kind)
    except Rejected:
        return None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_TYPES = st.sampled_from(list(EVENT_TYPES))


@given(st.binary(max_size=200), st.sampled_from(list(KINDS)))
def test_arbitrary_bytes_are_refused(value: bytes, kind: str) -> None:
    assert _decode_or_refuse(value, kind) is None


@given(_TYPES, st.data())
def test_a_field_of_any_value_decodes_or_is_refused(name: str, data: st.DataObject) -> None:
    event = example(name, full=True)
    event[data.draw(st.sampled_from(list(event)))] = data.draw(_JSON)
    decoded = _decode_or_refuse(msgspec.json.encode(event), EVENT_TYPES[name][0])
    assert decoded is None or isinstance(decoded, Event)


@given(_TYPES, st.integers(0), st.binary(max_size=3), st.integers(0, 3))
def test_flipped_bytes_decode_or_are_refused(name: str, at: int, put: bytes, drop: int) -> None:
    good = message(name, full=True)
    at %= len(good)
    decoded = _decode_or_refuse(good[:at] + put + good[at + drop :], EVENT_TYPES[name][0])
    assert decoded is None or isinstance(decoded, Event)


@given(
    st.decimals(min_value=0, max_value=Decimal("999999999999.99"), places=2),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.datetimes(datetime(1902, 1, 1), datetime(2298, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_decoded_event_encoded_again_decodes_equal(
    price: Decimal, lat: float, lon: float, departure: datetime
) -> None:
    event = decode(
        created(total_price=str(price), pickup_lat=lat, pickup_lon=lon, scheduled_departure=departure)
    )
    assert decode(msgspec.json.encode(event)) == event


@given(st.floats(0, allow_infinity=False), st.text())
def test_locations_keep_every_finite_speed_and_every_text(speed: float, city: str) -> None:
    event = decode(message("driver.location.updated", speed_kmh=speed, city=city), "location")
    assert isinstance(event, DriverLocationUpdated) and (event.speed_kmh, event.city) == (speed, city)

"""The Native encoder: its bytes are those of asynch's own encoder, and nothing passes unchecked."""

import asyncio
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from asynch.proto.block import ColumnOrientedBlock
from asynch.proto.connection import Connection
from asynch.proto.cs import ServerInfo
from asynch.proto.streams.block import BlockWriter
from asynch.proto.streams.buffered import BufferedWriter
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.store import native
from openride_analytics.store.rows import SLICE, Rows

REVISION = 54440


class Sink:
    """The end of asynch's writer."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        pass


def asynch_block(type_: str, values: Sequence[Any]) -> bytes:
    make: Any = Connection
    context = make().context
    context.server_info = ServerInfo("test", 26, 9, 2, REVISION, "UTC", "test")
    sink = Sink()
    writer: Any = BlockWriter
    block: Any = ColumnOrientedBlock
    buffered: Any = BufferedWriter
    asyncio.run(
        writer(None, buffered(sink), context).write(
            block(columns_with_types=[("c", type_)], data=[list(values)])
        )
    )
    return sink.data


def column(name: str, type_: str, values: Sequence[Any], *, revision: int = REVISION) -> bytes:
    return b"".join(Rows.of({name: values}, {name: type_}).block(revision)[1:])


def our_block(type_: str, values: Sequence[Any]) -> bytes:
    return b"".join(Rows.of({"c": values}, {"c": type_}).block(REVISION))


moments = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2250, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=3))]),
)
seconds = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2105, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
money = st.decimals(min_value=0, max_value=Decimal("999999999999.99"), places=2)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "String": st.text(max_size=300),
    "UUID": st.uuids(),
    "UInt8": st.integers(0, 255),
    "UInt16": st.integers(0, (1 << 16) - 1),
    "UInt32": st.integers(0, (1 << 32) - 1),
    "UInt64": st.integers(0, (1 << 64) - 1),
    "Int8": st.integers(-128, 127),
    "Int32": st.integers(-(1 << 31), (1 << 31) - 1),
    "Int64": st.integers(-(1 << 63), (1 << 63) - 1),
    "Float64": st.floats(allow_nan=False),
    "Bool": st.booleans(),
    "DateTime('UTC')": seconds,
    "Decimal(14, 2)": money,
    "Decimal(9, 2)": st.decimals(min_value=-1000, max_value=1000, places=2),
}


@pytest.mark.parametrize("type_", VALUES)
@given(data=st.data())
def test_bytes_are_those_of_asynch(type_: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[type_], min_size=1, max_size=20))
    assert our_block(type_, values) == asynch_block(type_, values)


@pytest.mark.parametrize("type_", VALUES)
@given(data=st.data())
def test_nullable_bytes_are_those_of_asynch(type_: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[type_], min_size=1, max_size=20))
    assert our_block(f"Nullable({type_})", values) == asynch_block(f"Nullable({type_})", values)


@given(st.lists(st.lists(st.text(max_size=10), max_size=4), min_size=1, max_size=10))
def test_array_bytes_are_those_of_asynch(values: list[list[str]]) -> None:
    assert our_block("Array(String)", values) == asynch_block("Array(String)", values)


@given(st.lists(moments, min_size=1, max_size=50))
def test_datetime64_is_the_exact_floor_of_milliseconds(values: list[datetime]) -> None:
    exact = [(value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) for value in values]
    assert native.encoder("DateTime64(3, 'UTC')")(values) == struct.pack(f"<{len(exact)}q", *exact)


@given(st.lists(st.text(), min_size=65, max_size=200), st.integers(1, 4))
def test_repeated_strings_take_the_short_way_to_the_same_bytes(texts: list[str], distinct: int) -> None:
    values = [texts[index % distinct] for index in range(len(texts))]
    assert native.encoder("String")(values) == b"".join(map(native.text, values))


@pytest.mark.parametrize("length", [0, 127, 128, 16_383, 16_384, 3_000_000])
def test_string_lengths_at_the_edges_of_their_prefix(length: int) -> None:
    encoded = native.encoder("String")(["a" * length, "b"])
    assert encoded == native.varint(length) + b"a" * length + b"\x01b"


@given(st.lists(st.uuids(), min_size=1, max_size=20))
def test_uuids_become_text_in_a_string_column(values: list[UUID]) -> None:
    assert native.encoder("String")(values) == b"".join(native.text(str(value)) for value in values)


@given(st.lists(st.none() | st.uuids(), min_size=1, max_size=20).filter(any))
def test_nullable_uuids_become_text_in_a_string_column(values: list[UUID | None]) -> None:
    nulls = bytes(value is None for value in values)
    texts = b"".join(native.text(str(value or UUID(int=0))) for value in values)
    assert native.encoder("Nullable(String)")(values) == nulls + texts


def test_bytes_pass_unchanged_into_a_string_column() -> None:
    assert native.encoder("String")([b"\xff\x00", "ä"]) == b"\x02\xff\x00\x02\xc3\xa4"


def test_a_range_is_an_integer_column() -> None:
    assert native.encoder("UInt64")(range(5, 8)) == struct.pack("<3Q", 5, 6, 7)


@pytest.mark.parametrize("type_", [*VALUES, *(f"Nullable({t})" for t in VALUES), "Array(String)"])
def test_no_rows_are_no_bytes(type_: str) -> None:
    assert native.encoder(type_)([]) == b""


@pytest.mark.parametrize("type_", ["UInt64", "Nullable(UInt64)", "Array(UInt64)"])
def test_a_long_column_is_added_in_slices(type_: str) -> None:
    numbers = range(2 * SLICE + 1)
    values = [
        [n] * (n % 3) if "Array" in type_ else None if "Null" in type_ and n % 3 else n for n in numbers
    ]
    assert our_block(type_, values) == asynch_block(type_, values)


def test_newer_revisions_get_a_serialization_byte() -> None:
    new = column("c", "UInt8", [7], revision=native.CUSTOM_SERIALIZATION_REVISION)
    assert new == b"\x01c\x05UInt8\x00\x07"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("String", 1),
        ("String", None),
        ("UUID", "6c7c3f4e-8f3c-4d35-9d4c-0a3c5e8f0001"),
        ("UInt8", "1"),
        ("UInt8", 1.0),
        ("Float64", "1"),
        ("Float64", Decimal(1)),
        ("Bool", 1),
        ("DateTime64(3, 'UTC')", 1),
        ("DateTime64(3, 'UTC')", datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
        ("Decimal(14, 2)", 1.5),
        ("Array(String)", "abc"),
        ("Array(String)", [1]),
        ("Nullable(UInt8)", "1"),
        ("Map(String, String)", {}),
    ],
)
def test_another_type_is_a_type_error(type_: str, value: object) -> None:
    with pytest.raises(TypeError, match="column c"):
        column("c", type_, [value])


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("UInt8", 256),
        ("UInt8", -1),
        ("UInt64", 1 << 64),
        ("Int64", 1 << 70),
        ("String", "\ud800"),
        ("DateTime('UTC')", datetime(1969, 12, 31, tzinfo=UTC)),
        ("DateTime('UTC')", datetime(2107, 1, 1, tzinfo=UTC)),
        ("Decimal(14, 2)", Decimal("0.001")),
        ("Decimal(14, 2)", Decimal("1.0000000000000000000000000000000001")),
        ("Decimal(14, 2)", Decimal("1000000000000")),
        ("Decimal(14, 2)", Decimal("1E+999999")),
        ("Decimal(14, 2)", Decimal("NaN")),
        ("Decimal(14, 2)", Decimal("sNaN")),
        ("Decimal(14, 2)", Decimal("-Infinity")),
    ],
)
def test_a_value_beyond_its_type_is_a_value_error(type_: str, value: object) -> None:
    with pytest.raises(ValueError, match="column c"):
        column("c", type_, [value])


def test_an_error_does_not_quote_the_value() -> None:
    with pytest.raises(ValueError, match="column phone") as caught:
        column("phone", "UInt8", [2_348_031_234_567])
    assert "2348031234567" not in str(caught.value)

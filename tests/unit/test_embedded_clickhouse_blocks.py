"""Finding the end of a Native block, whatever is in it and however it arrives."""

import random
from collections.abc import Callable

import pytest

from openride_analytics.embedded.clickhouse.blocks import measure
from openride_analytics.embedded.clickhouse.results import split, with_types
from openride_analytics.embedded.clickhouse.type_names import Type, UnknownType, parse
from openride_analytics.embedded.clickhouse.wire import Malformed, PeerClosed, Reader, string, varint

AFTER = b"\x02\x00\x01\x00\x02\xff\xff\xff\xff\x00\x00\x00"
"""The packet that follows a block: it must not be taken for part of it."""


def reader_of(data: bytes, sizes: Callable[[], int]) -> Reader:
    position = 0

    def receive(limit: int) -> bytes:
        nonlocal position
        start, position = position, position + min(sizes(), limit)
        return data[start:position]

    return Reader(receive)


def strings(values: list[bytes]) -> bytes:
    return b"".join(varint(len(value)) + value for value in values)


def block(rows: int, *columns: tuple[str, bytes]) -> bytes:
    encoded = varint(len(columns)) + varint(rows)
    for number, (type_name, values) in enumerate(columns):
        encoded += string(f"c{number}") + string(type_name) + values
    return encoded


def end_of(data: bytes) -> int:
    return measure(reader_of(data + AFTER, lambda: 1 << 20)).end


@pytest.mark.parametrize("seed", range(20))
def test_strings_of_any_length_in_pieces_of_any_size(seed: int) -> None:
    chance = random.Random(seed)
    longest = chance.choice([0, 1, 127, 128, 300, 20_000])
    values = [chance.randbytes(chance.choice([0, 36, chance.randint(0, longest)])) for _ in range(200)]
    data = block(len(values), ("String", strings(values)), ("UInt8", bytes(200)))
    reader = reader_of(data + AFTER, lambda: chance.choice([1, 7, 100, 5000]))
    assert measure(reader).end == len(data)


@pytest.mark.parametrize("length", [0, 1, 36, 127, 128])
def test_strings_of_equal_length_then_one_that_is_not(length: int) -> None:
    values = [bytes([length % 256]) * length] * 50 + [b"x" * (length + 1)] + [b"y" * length] * 50
    data = block(len(values), ("String", strings(values)))
    assert end_of(data) == len(data)


def u64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)


DICTIONARY = u64(0x600, 3) + strings([b"", b"a", b"bc"])


@pytest.mark.parametrize(
    ("type_name", "rows", "values"),
    [
        ("Nullable(String)", 2, b"\0\1" + strings([b"abc", b""])),
        ("Array(String)", 2, u64(2, 2) + strings([b"a", b"b"])),
        ("Array(String)", 2, u64(0, 0)),
        ("Array(Array(UInt16))", 1, u64(2) + u64(1, 3) + bytes(6)),
        ("Map(String, UInt8)", 1, u64(2) + strings([b"k", b"l"]) + bytes(2)),
        ("Tuple(a UInt8, `b c` String)", 1, b"\1" + strings([b"x"])),
        ("LowCardinality(String)", 3, u64(1) + DICTIONARY + u64(3) + bytes(3)),
        ("LowCardinality(Nullable(String))", 3, u64(1) + DICTIONARY + u64(3) + bytes(3)),
        ("Array(LowCardinality(String))", 1, u64(1) + u64(2) + DICTIONARY + u64(2) + bytes(2)),
        ("Array(LowCardinality(String))", 1, u64(1) + u64(0)),
        ("Tuple(LowCardinality(String), UInt8)", 1, u64(1) + DICTIONARY + u64(1) + bytes(2)),
        ("Decimal(14, 2)", 2, bytes(16)),
        ("Decimal(9, 2)", 2, bytes(8)),
        ("Decimal(38, 2)", 2, bytes(32)),
        ("FixedString(5)", 2, bytes(10)),
        ("Enum8('a(' = 1, 'b,\\'' = 2)", 2, bytes(2)),
        ("DateTime64(3, 'UTC')", 2, bytes(16)),
        ("SimpleAggregateFunction(sum, UInt64)", 2, bytes(16)),
        ("Point", 1, bytes(16)),
    ],
)
def test_the_end_of_a_column(type_name: str, rows: int, values: bytes) -> None:
    data = block(rows, (type_name, values), ("UInt8", bytes(rows)))
    assert end_of(data) == len(data)


def test_a_block_without_rows_has_no_values() -> None:
    data = block(0, ("LowCardinality(String)", b""), ("JSON", b""))
    assert end_of(data) == len(data)


@pytest.mark.parametrize("type_name", ["JSON", "AggregateFunction(sum, UInt64)", "Dynamic", "Nonsense(", ""])
def test_a_type_that_cannot_be_measured_is_said_so(type_name: str) -> None:
    with pytest.raises(UnknownType):
        end_of(block(1, (type_name, bytes(8))))


def test_a_block_that_breaks_off_is_no_block() -> None:
    data = block(2, ("String", strings([b"abc", b"def"])))
    with pytest.raises(PeerClosed):
        measure(reader_of(data[:-1], lambda: 1 << 20))


def test_an_endless_number_is_refused() -> None:
    with pytest.raises(Malformed):
        end_of(b"\xff" * 20)


def test_blocks_that_follow_one_another_are_told_apart() -> None:
    first, second = block(1, ("UInt8", b"\1")), block(2, ("String", strings([b"a", b""])))
    assert split(first + second) == [first, second]


def test_a_type_name_is_replaced_in_its_place() -> None:
    zoned = "DateTime('UTC')"
    data = block(1, ("String", strings([b"DateTime"])), ("DateTime", bytes(4)), ("UInt8", b"\7"))
    expected = block(1, ("String", strings([b"DateTime"])), (zoned, bytes(4)), ("UInt8", b"\7"))
    assert with_types(data, {1: zoned}) == expected


def test_a_type_name_as_a_tree() -> None:
    assert parse("Map(String, Array(Nullable(Decimal(14, 2))))") == Type(
        "Map",
        (
            Type("String"),
            Type("Array", (Type("Nullable", (Type("Decimal", (Type("14"), Type("2"))),)),)),
        ),
    )

"""Where a block of ClickHouse's Native format ends, and which columns it has, without decoding a value.

A client's block carries no length, so its end is found by walking it column by column. Only strings need
a step per value; runs of equal length (identifiers, constants, empty) are recognized as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from openride_analytics.embedded.clickhouse.type_names import Type, UnknownType, parse
from openride_analytics.embedded.clickhouse.wire import Malformed, Reader

Walk = Callable[[Reader, int, int], int]
"""(reader, position, rows) -> the position after that many values."""


@dataclass(frozen=True)
class Column:
    """`type_start` and `type_end` delimit the encoded type name, its length included."""

    name: str
    type: str
    type_start: int
    type_end: int


@dataclass(frozen=True)
class Extent:
    """One block: `buffer[start:end]`, and what its header says."""

    start: int
    end: int
    rows: int
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class _Shape:
    prefix: Walk
    """What comes once before the column (dictionary versions), however deep the type that wants it."""
    values: Walk


def measure(reader: Reader) -> Extent:
    """The block that begins at the reader's position (after any BlockInfo); reads as much as that takes,
    and leaves the reader after it. Raises UnknownType for a type whose encoding is not known, Malformed,
    PeerClosed.
    """
    start = reader.position
    width, position = reader.varint_at(start)
    rows, position = reader.varint_at(position)
    columns = []
    for _ in range(width):
        name, position = _text(reader, position)
        type_start = position
        type_name, position = _text(reader, position)
        columns.append(Column(name, type_name, type_start, position))
        if rows:
            shape = _shape(type_name)
            position = shape.prefix(reader, position, rows)
            position = shape.values(reader, position, rows)
    reader.require(position)
    reader.position = position
    return Extent(start, position, rows, tuple(columns))


def _text(reader: Reader, position: int) -> tuple[str, int]:
    size, position = reader.varint_at(position)
    reader.require(position + size)
    return reader.buffer[position : position + size].decode("utf-8", "surrogateescape"), position + size


def _little_endian(reader: Reader, position: int, size: int = 8) -> int:
    reader.require(position + size)
    return int.from_bytes(reader.buffer[position : position + size], "little")


def _nothing(_reader: Reader, position: int, _rows: int) -> int:
    return position


def _fixed(width: int) -> Walk:
    def walk(_reader: Reader, position: int, rows: int) -> int:
        return position + width * rows

    return walk


def _strings(reader: Reader, position: int, rows: int) -> int:
    if rows > 1:
        reader.require(position + 1)
        rows, position = _equal_lengths(reader, position, rows)
    buffer = reader.buffer
    while rows:
        try:
            while rows:
                size = buffer[position]
                if size < 0x80:
                    position += size + 1
                else:
                    more = buffer[position + 1]
                    if more < 0x80:
                        position += (size & 0x7F | more << 7) + 2
                    else:
                        size, after = reader.varint_at(position)
                        position = after + size
                rows -= 1
        except IndexError:
            reader.fill()
    return position


def _equal_lengths(reader: Reader, position: int, rows: int) -> tuple[int, int]:
    """Skip the leading strings that are all as long as the first: what is left of (rows, position).

    Sound because each length byte is only looked at where the strings before it, all of that length, put it.
    """
    size = reader.buffer[position]
    if size >= 0x80:
        return rows, position
    stride = size + 1
    lengths = reader.buffer[position : position + stride * rows : stride]
    run = len(lengths) - len(lengths.lstrip(bytes((size,))))
    return rows - run, position + stride * run


def _low_cardinality(key: Walk) -> Walk:
    def walk(reader: Reader, position: int, rows: int) -> int:
        while rows > 0:
            flags = _little_endian(reader, position)
            position += 8
            index_width = 1 << (flags & 0xFF)
            if index_width > 8 or flags & 1 << 8:
                raise Malformed("a LowCardinality column with a shared dictionary")
            if flags & 1 << 9:
                keys = _little_endian(reader, position)
                position = key(reader, position + 8, keys)
            indexes = _little_endian(reader, position)
            if not 0 < indexes <= rows:
                raise Malformed("a LowCardinality column with more indexes than rows")
            position += 8 + indexes * index_width
            rows -= indexes
        return position

    return walk


def _array(element: Walk) -> Walk:
    def walk(reader: Reader, position: int, rows: int) -> int:
        if not rows:
            return position
        position += 8 * rows
        return element(reader, position, _little_endian(reader, position - 8))

    return walk


def _in_turn(walks: tuple[Walk, ...]) -> Walk:
    def walk(reader: Reader, position: int, rows: int) -> int:
        for each in walks:
            position = each(reader, position, rows)
        return position

    return walk


@lru_cache(maxsize=4096)
def _shape(type_name: str) -> _Shape:
    return _build(parse(type_name))


_WIDTHS = {
    "Nothing": 1, "Bool": 1,
    "UInt8": 1, "UInt16": 2, "UInt32": 4, "UInt64": 8, "UInt128": 16, "UInt256": 32,
    "Int8": 1, "Int16": 2, "Int32": 4, "Int64": 8, "Int128": 16, "Int256": 32,
    "BFloat16": 2, "Float32": 4, "Float64": 8,
    "Decimal32": 4, "Decimal64": 8, "Decimal128": 16, "Decimal256": 32,
    "Date": 2, "Date32": 4, "DateTime": 4, "DateTime64": 8, "Time": 4, "Time64": 8,
    "Enum8": 1, "Enum16": 2, "UUID": 16, "IPv4": 4, "IPv6": 16,
}  # fmt: skip

_POINT = Type("Tuple", (Type("Float64"), Type("Float64")))
_RING = Type("Array", (_POINT,))
_POLYGON = Type("Array", (_RING,))
_ALIASES = {
    "Point": _POINT,
    "Ring": _RING,
    "LineString": _RING,
    "Polygon": _POLYGON,
    "MultiLineString": _POLYGON,
    "MultiPolygon": Type("Array", (_POLYGON,)),
}


def _build(tree: Type) -> _Shape:
    name, arguments = tree.name, tree.arguments
    if name in _WIDTHS or name.startswith("Interval"):
        return _Shape(_nothing, _fixed(_WIDTHS.get(name, 8)))
    if name == "FixedString":
        return _Shape(_nothing, _fixed(tree.number(0)))
    if name == "Decimal":
        precision = tree.number(0)
        return _Shape(
            _nothing, _fixed(4 if precision <= 9 else 8 if precision <= 18 else 16 if precision <= 38 else 32)
        )
    if name == "String":
        return _Shape(_nothing, _strings)
    if name in _ALIASES:
        return _build(_ALIASES[name])
    if name == "Nullable" and len(arguments) == 1:
        inner = _build(arguments[0])
        return _Shape(inner.prefix, _in_turn((_fixed(1), inner.values)))
    if name == "LowCardinality" and len(arguments) == 1:
        key = arguments[0].arguments[0] if arguments[0].name == "Nullable" else arguments[0]
        return _Shape(_fixed_prefix, _low_cardinality(_build(key).values))
    if name == "Array" and len(arguments) == 1:
        inner = _build(arguments[0])
        return _Shape(inner.prefix, _array(inner.values))
    if name == "Tuple":
        if not arguments:
            return _Shape(_nothing, _fixed(1))
        elements = [_build(each) for each in arguments]
        return _Shape(
            _in_turn(tuple(e.prefix for e in elements)), _in_turn(tuple(e.values for e in elements))
        )
    if name in ("Map", "Nested"):
        return _build(Type("Array", (Type("Tuple", arguments),)))
    if name == "SimpleAggregateFunction" and len(arguments) >= 2:
        return _build(arguments[-1])
    raise UnknownType(f"values of {name} cannot be measured")


def _fixed_prefix(_reader: Reader, position: int, _rows: int) -> int:
    """The version of LowCardinality's encoding."""
    return position + 8

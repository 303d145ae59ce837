"""Blocks of a result as the bytes that came: what carries many rows out must not make an object of each value.

Only the types below are read. A String has no length that could be known before all of it is read, so whoever asks for
one asks for its lengths too, in a column just before it that is called the same and `#`; then a block is taken in by a
few reads, however many rows it has.

| type                                | bytes of a value                                    |
|-------------------------------------|-----------------------------------------------------|
| UUID                                | 16: two little-endian halves, the high one first    |
| (U)Int8..64, Float64, Bool          | little-endian                                       |
| Date                                | UInt16 days since 1970                              |
| DateTime64(P, 'z'), Decimal(<=38, S) | Int64 ticks; Int32, Int64 or Int128, times 10^S     |
| String                              | varint length, then UTF-8                           |
| Nullable(one of these, not String)  | all nulls first, one byte each (1: null)            |
| LowCardinality(String)              | indices into `keys`                                 |
| Array(one of fixed length)          | where each ends, UInt64, in `ends`; then all values |
| SimpleAggregateFunction(f, one of fixed length) | as of that one                          |
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openride_analytics.errors import Fatal

LENGTHS: Final = "#"  # after the name of a String column: the name of the column of its lengths, UInt32

_FIXED: Final = (
    (r"UUID", 16),
    (r"U?Int8|Bool", 1),
    (r"U?Int16|Date", 2),
    (r"U?Int32", 4),
    (r"U?Int64|Float64", 8),
    (r"DateTime64\(\d(?:, '[^']+')?\)", 8),
    (r"Decimal\(\d, \d+\)", 4),
    (r"Decimal\(1[0-8], \d+\)", 8),
    (r"Decimal\((?:19|2\d|3[0-8]), \d+\)", 16),
)
_HAS_KEYS: Final = 1 << 9
_GLOBAL_DICTIONARY: Final = 1 << 8


@dataclass(frozen=True, slots=True)
class Raw:
    """One column of a block. `nulls`: a byte for each row, where the type is Nullable; `keys`: where it is
    LowCardinality, what the values, unsigned integers of `width` bytes, are indices of (None: null); `ends`: where it
    is an Array, up to which of the values those of each row go."""

    type: str
    values: bytes
    width: int
    nulls: bytes | None = None
    keys: tuple[str | None, ...] | None = None
    ends: bytes | None = None


@dataclass(frozen=True, slots=True)
class RawBlock:
    """So many rows, by column."""

    rows: int
    columns: dict[str, Raw] = field(default_factory=dict)


async def read_block(reader: Any) -> RawBlock:
    """The block of a data packet, from its table name on. Raises Fatal for a type that is not in the table above."""
    await reader.read_str()
    while (number := await reader.read_varint()) != 0:
        await reader.read_bytes(1 if number == 1 else 4)
    width, rows = await reader.read_varint(), await reader.read_varint()
    block = RawBlock(rows)
    for _ in range(width):
        name, type_ = await reader.read_str(), await reader.read_str()
        if rows:
            lengths = block.columns.get(f"{name}{LENGTHS}")
            block.columns[name] = await _column(reader, type_, rows, lengths)
    return block


async def _column(reader: Any, type_: str, rows: int, lengths: Raw | None) -> Raw:
    if type_ == "String":
        if lengths is None:
            raise Fatal("clickhouse: a String without its lengths")
        sizes = np.frombuffer(lengths.values, dtype="<u4")
        return Raw(type_, await _exactly(reader, int((prefixes(sizes) + sizes).sum())), 0)
    if type_.startswith("LowCardinality("):
        return await _indexed(reader, type_, rows)
    if array := re.fullmatch(r"Array\((.+)\)", type_):
        ends, width = await _exactly(reader, rows * 8), _width(array[1])
        values = await _exactly(reader, int.from_bytes(ends[-8:], "little") * width)
        return Raw(type_, values, width, ends=ends)
    inner = re.fullmatch(r"Nullable\((.+)\)", type_)
    nulls = await _exactly(reader, rows) if inner else None
    width = _width(inner[1] if inner else type_)
    return Raw(type_, await _exactly(reader, rows * width), width, nulls)


def prefixes(sizes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """How many bytes the length before each string of so many bytes takes: seven bits in each."""
    found = np.ones(sizes.size, dtype=np.int64)
    for bits in (7, 14, 21, 28):
        found += sizes >= 1 << bits
    return found


async def _indexed(reader: Any, type_: str, rows: int) -> Raw:
    if type_ not in ("LowCardinality(String)", "LowCardinality(Nullable(String))"):
        raise Fatal(f"clickhouse: a column of the type {type_}")
    await reader.read_bytes(8)  # version
    flags = await reader.read_uint64()
    if flags & _GLOBAL_DICTIONARY or not flags & _HAS_KEYS:
        raise Fatal("clickhouse: a LowCardinality column without keys of its own")
    keys = await reader.read_strs(await reader.read_uint64())
    if await reader.read_uint64() != rows:
        raise Fatal("clickhouse: a LowCardinality column with another number of rows than its block")
    width = 1 << (flags & 0xFF)
    nullable = "Nullable" in type_
    known = (None, *keys[1:]) if nullable else tuple(keys)
    return Raw(type_, await _exactly(reader, rows * width), width, keys=known)


async def _exactly(reader: Any, length: int) -> bytes:
    found = await reader.read_bytes(length)
    if len(found) != length:
        raise EOFError
    return bytes(found)


@lru_cache(maxsize=64)
def _width(type_: str) -> int:
    aggregate = re.fullmatch(r"SimpleAggregateFunction\(\w+, (.+)\)", type_)
    for pattern, width in _FIXED:
        if re.fullmatch(pattern, aggregate[1] if aggregate else type_):
            return width
    raise Fatal(f"clickhouse: a column of the type {type_}")

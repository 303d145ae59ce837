"""Results that may be long, as those of a row for each driver or route: as columns, no object made of each value."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock
from openride_analytics.store.sql import statement

Column: TypeAlias = NDArray[Any]

ID: Final = np.dtype("S16")  # a UUID: 16 bytes, in the order of ids as text
COUNT: Final = np.dtype("<u8")  # a UInt64
MONEY: Final = np.dtype([("low", "<u8"), ("high", "<i8")])  # a Decimal(38, 2): so many cents, in two halves
CENTS: Final = np.dtype("<i8")  # a Decimal(18, 2) or shorter: so many cents
MOMENT: Final = np.dtype("<i8")  # a DateTime64(3): milliseconds since 1970
SECOND: Final = np.dtype("<u4")  # a UInt32: seconds since 1970
BITS: Final = np.dtype("u1")  # a UInt8

_BLOCK_ROWS: Final = 65_536


@dataclass(frozen=True)
class Labels:
    """A column of LowCardinality(String): of each row, which of the `texts` it has."""

    codes: Column
    texts: list[str]


@dataclass(frozen=True)
class Lists:
    """A column of arrays: all their values, and how many of them each row has."""

    values: Column
    lengths: Column


async def columns(
    clickhouse: ClickHouse,
    name: str,
    types: Mapping[str, np.dtype[Any]],
    parameters: Mapping[str, object],
    **parts: str,
) -> dict[str, Column]:
    """The result of statement `name`, made of `parts`, whose columns are of these types. Raises Retryable, TooMuch."""
    blocks = await blocks_of(clickhouse, name, parameters, **parts)
    return {column: values(blocks, column, type_) for column, type_ in types.items()}


async def blocks_of(
    clickhouse: ClickHouse, name: str, parameters: Mapping[str, object], **parts: str
) -> list[RawBlock]:
    """The result of statement `name`, made of `parts`, for the three functions below. Raises Retryable, TooMuch."""
    sql = statement(name, **parts)
    stream = clickhouse.stream(sql, parameters, timeout=10.0, block_rows=_BLOCK_ROWS, name=name)
    async with aclosing(stream):
        return [block async for block in stream]


def values(blocks: Sequence[RawBlock], name: str, type_: np.dtype[Any]) -> Column:
    """A column of this type; of arrays, all their values."""
    joined = b"".join(block.columns[name].values for block in blocks)
    if type_ is ID:  # halves, each with its lowest byte first
        return np.frombuffer(joined, dtype="<u8").astype(">u8").view(ID)
    return np.frombuffer(joined, dtype=type_)


def lists(blocks: Sequence[RawBlock], name: str, type_: np.dtype[Any]) -> Lists:
    """A column of arrays of this type."""
    ends = [np.frombuffer(block.columns[name].ends or b"", dtype="<i8") for block in blocks]
    lengths = [np.diff(each, prepend=0) for each in ends]
    return Lists(values(blocks, name, type_), np.concatenate([np.empty(0, "<i8"), *lengths]))


def labels(blocks: Sequence[RawBlock], name: str) -> Labels:
    """A column of LowCardinality(String)."""
    known: dict[str, int] = {}
    codes = [np.empty(0, "<i8")]
    for raw in (block.columns[name] for block in blocks):
        # A block has keys that no row has, too.
        used, places = np.unique(np.frombuffer(raw.values, f"<u{raw.width}"), return_inverse=True)
        texts = [(raw.keys or ())[key] or "" for key in used.tolist()]
        codes.append(np.array([known.setdefault(text, len(known)) for text in texts], "<i8")[places])
    return Labels(np.concatenate(codes), [*known])


def ids_of(uuids: Sequence[UUID]) -> Column:
    """The same as a column of IDs."""
    return np.array([uuid.bytes for uuid in uuids], dtype=ID)


def uuid_of(id_: bytes) -> UUID:
    """One of a column of IDs: numpy leaves out zeros at the end."""
    return UUID(bytes=id_.ljust(ID.itemsize, b"\0"))


def cents_of(money: Column) -> Column:
    """The same as a column of MONEY, of Python's whole numbers: they have no end."""
    cents: Column = (money["high"].astype(object) << 64) + money["low"].astype(object)
    return cents


def money_added(money: Column, at: Column, cents: Column) -> Column:
    """A column of MONEY with so many cents added at those places, also at one more than once."""
    total = money.copy()
    places, of_place = np.unique(at, return_inverse=True)
    sums = cents_of(money[places])
    np.add.at(sums, of_place, cents.astype(object))
    total["low"][places], total["high"][places] = sums & 0xFFFF_FFFF_FFFF_FFFF, sums >> 64
    return total


def amount_of(cents: int) -> Decimal:
    """In units of a currency."""
    return Decimal(cents).scaleb(-2)


def looked_up(ids: Column, known: Column, values: Column) -> Column:
    """For each of the `ids` the value that goes with it, 0 if it is not `known`. Both have each id once; the time goes
    by how many are known."""
    found = np.zeros(ids.size, values.dtype)
    if ids.size:
        order = np.argsort(ids)
        at = order[np.minimum(np.searchsorted(ids, known, sorter=order), ids.size - 1)]
        asked = ids[at] == known
        found[at[asked]] = values[asked]
    return found

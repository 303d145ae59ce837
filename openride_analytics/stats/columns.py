"""Results of a row for each driver or route, of which there may be many: as columns, no object made of each value."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
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

_BLOCK_ROWS: Final = 65_536


async def columns(
    clickhouse: ClickHouse, name: str, types: Mapping[str, np.dtype[Any]], parameters: Mapping[str, object]
) -> dict[str, Column]:
    """The result of statement `name`, whose columns are of these types. Raises Retryable, TooMuch."""
    blocks: list[RawBlock] = []
    stream = clickhouse.stream(statement(name), parameters, timeout=10.0, block_rows=_BLOCK_ROWS, name=name)
    async with aclosing(stream):
        async for block in stream:
            blocks.append(block)
    return {column: _joined(blocks, column, type_) for column, type_ in types.items()}


def ids_of(uuids: Sequence[UUID]) -> Column:
    """The same as a column of IDs."""
    return np.array([uuid.bytes for uuid in uuids], dtype=ID)


def uuid_of(id_: bytes) -> UUID:
    """One of a column of IDs: numpy leaves out zeros at the end."""
    return UUID(bytes=id_.ljust(ID.itemsize, b"\0"))


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


def _joined(blocks: Sequence[RawBlock], name: str, type_: np.dtype[Any]) -> Column:
    values = b"".join(block.columns[name].values for block in blocks)
    if type_ is ID:  # halves, each with its lowest byte first
        return np.frombuffer(values, dtype="<u8").astype(">u8").view(ID)
    return np.frombuffer(values, dtype=type_)

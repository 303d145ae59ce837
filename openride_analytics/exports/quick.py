"""A few rows as CSV, at once: without a queue, without a file.

All rows are taken in before the first byte goes out, as the bytes that ClickHouse sent: whether there were more has to
be said in a header. They become text some thousand at a time, while the caller already reads.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from openride_analytics.compute import compute
from openride_analytics.exports import statements
from openride_analytics.exports.columns import Column
from openride_analytics.exports.orders import Order
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock

MOST_ROWS: Final = 10_000
BLOCK_ROWS: Final = 2_048
MOST_BYTES: Final = 64 << 20  # that many of these rows may be held here
DEADLINE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Quick:
    """`pieces` are the CSV, the header first; `truncated`: there are more rows than that."""

    truncated: bool
    pieces: AsyncIterator[bytes]


async def quick(clickhouse: ClickHouse, order: Order) -> Quick:
    """The first rows of an order, at most MOST_ROWS or its limit. Raises Retryable, TooMuch."""
    most = min(order.limit, MOST_ROWS)
    asked = statements.soonest(order, most + 1)
    stream = clickhouse.stream(
        asked.sql,
        asked.params,
        identifiers=asked.identifiers,
        timeout=DEADLINE_SECONDS,
        block_rows=BLOCK_ROWS,
        most_bytes=MOST_BYTES,
        name=f"{asked.name} quick",
    )
    async with aclosing(stream) as coming:
        blocks = [block async for block in coming]
    return Quick(sum(block.rows for block in blocks) > most, _pieces(blocks, order.chosen, most))


async def _pieces(blocks: list[RawBlock], columns: list[Column], most: int) -> AsyncIterator[bytes]:
    yield (",".join(column.name for column in columns) + "\n").encode()
    left = most
    for block in blocks:
        yield await compute(partial(_text, block, columns, left))
        left -= block.rows


def _text(block: RawBlock, columns: list[Column], left: int) -> bytes:
    # Most processes are never asked for this, and these take their time and memory.
    from openride_analytics.exports.frames import frame  # noqa: PLC0415
    from openride_analytics.exports.writers import csv_rows  # noqa: PLC0415

    return csv_rows(frame(block, columns).head(left), columns)

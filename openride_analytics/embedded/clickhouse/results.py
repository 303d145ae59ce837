"""The engine's Native blocks made into what a client of the native protocol expects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from openride_analytics.embedded.clickhouse.blocks import Extent, measure
from openride_analytics.embedded.clickhouse.protocol import empty_block
from openride_analytics.embedded.clickhouse.type_names import UnknownType
from openride_analytics.embedded.clickhouse.wire import Reader, string

Describe = Callable[[], list[tuple[str, str]]]
"""The (name, type) of the result's columns, by asking the engine; empty if it cannot tell."""


def headed(blocks: Iterable[bytes], describe: Describe) -> Iterator[bytes]:
    """A block without rows first, as drivers learn the columns only from that; then the blocks, with the
    time zones that the engine's Native format leaves out of top-level DateTime columns.
    """
    remaining = iter(blocks)
    first = next(remaining, None)
    if first is None:
        return
    zones: dict[int, str] = {}
    try:
        columns = [(column.name, column.type) for column in extent(first).columns]
    except UnknownType:
        columns = describe()
    else:
        if any(type_name == "DateTime" for _, type_name in columns):
            zones = {
                index: full
                for index, ((_, bare), (_, full)) in enumerate(zip(columns, describe(), strict=False))
                if bare == "DateTime" and full.startswith("DateTime(")
            }
    if columns:
        yield empty_block([(name, zones.get(index, bare)) for index, (name, bare) in enumerate(columns)])
    for block in chain((first,), remaining):
        yield with_types(block, zones) if zones else block


def with_types(block: bytes, types: Mapping[int, str]) -> bytes:
    """The block with other type names for some columns (by index); the values must be encoded alike."""
    view = memoryview(block)
    parts: list[bytes | memoryview] = []
    done = 0
    columns = extent(block).columns
    for index, type_name in sorted(types.items()):
        parts += (view[done : columns[index].type_start], string(type_name))
        done = columns[index].type_end
    parts.append(view[done:])
    return b"".join(parts)


def extent(block: bytes) -> Extent:
    return measure(_reader(block))


def split(data: bytes) -> list[bytes]:
    """Blocks that follow one another without anything between; one that cannot be measured takes all the
    rest.
    """
    reader = _reader(data)
    blocks = []
    while reader.position < len(data):
        start = reader.position
        try:
            measure(reader)
        except UnknownType:
            reader.position = len(data)
        blocks.append(data[start : reader.position])
    return blocks


def _reader(data: bytes) -> Reader:
    reader = Reader(lambda _limit: b"")
    reader.buffer += data
    return reader

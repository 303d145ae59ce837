"""Frames → a file of rows: csv, jsonl and parquet, by polars; a frame at a time, so that memory does not grow.

Times are UTC in all of them, to the millisecond: text that ends with Z in csv and jsonl, timestamps in parquet. Money
is a decimal: text in jsonl, as in the API. Lists are arrays in jsonl and parquet, and JSON text in csv.
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any, Final, cast

import polars as pl
from polars.io.plugins import register_io_source

from openride_analytics.exports.columns import Column, Kind
from openride_analytics.exports.frames import schema
from openride_analytics.schema.exports import Compression

Frames = Iterator[pl.DataFrame]

ROW_GROUP: Final = 1 << 16  # rows
GZIP_LEVEL: Final = 1  # the next ones take twice the time for a tenth of the bytes
INSTANT: Final = "%Y-%m-%dT%H:%M:%S%.3fZ"

# Spreadsheets take what begins so for a formula. The quote makes it text; it is the one change to a value.
_FORMULA: Final = r"^[=+\-@\t\r\n]"
_TEXTS: Final = (Kind.TEXT, Kind.LABEL, Kind.LIST)
_LIST: Final = pl.List(pl.String())


def write_csv(
    frames: Frames, columns: Sequence[Column], file: IO[bytes], compression: Compression = Compression.NONE
) -> None:
    """With a header; text is quoted, so that an empty one differs from null, and no cell is a formula."""
    with _compressed(file, compression) as out:
        out.write(csv_header(columns))
        for frame in frames:
            out.write(csv_rows(frame, columns))


def csv_header(columns: Sequence[Column]) -> bytes:
    """Names come from the catalog: nothing in them needs a quote."""
    return (",".join(column.name for column in columns) + "\n").encode()


def csv_rows(frame: pl.DataFrame, columns: Sequence[Column]) -> bytes:
    """The rows of a frame without a header."""
    texts = [_inert(column.name) for column in columns if column.kind in _TEXTS]
    return (
        frame.with_columns(texts)
        .write_csv(include_header=False, datetime_format=INSTANT, quote_style="non_numeric")
        .encode()
    )


def _inert(name: str) -> pl.Expr:
    text = pl.col(name)
    return pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).alias(name)


def write_jsonl(
    frames: Frames, columns: Sequence[Column], file: IO[bytes], compression: Compression = Compression.NONE
) -> None:
    """An object a line."""
    texts = [
        *(pl.col(c.name).dt.strftime(INSTANT) for c in columns if c.kind is Kind.INSTANT),
        *(pl.col(c.name).cast(pl.String) for c in columns if c.kind in (Kind.MONEY, Kind.MEAN_MONEY)),
        *_lists(columns),
    ]
    with _compressed(file, compression) as out:
        for frame in frames:
            frame.with_columns(texts).write_ndjson(out)


def write_parquet(frames: Frames, columns: Sequence[Column], file: IO[bytes]) -> None:
    """Row groups of ROW_GROUP rows, each written when it is full."""

    def source(*_: Any) -> Frames:
        for frame in frames:
            yield frame.with_columns(_lists(columns))

    types = schema(columns) | {column.name: _LIST for column in columns if column.kind is Kind.LIST}
    scanned = register_io_source(source, schema=cast("Any", types))
    scanned.sink_parquet(
        file, compression="zstd", compression_level=1, row_group_size=ROW_GROUP, engine="streaming"
    )


def _lists(columns: Sequence[Column]) -> list[pl.Expr]:
    return [pl.col(column.name).str.json_decode(_LIST) for column in columns if column.kind is Kind.LIST]


def _compressed(file: IO[bytes], compression: Compression) -> AbstractContextManager[IO[bytes]]:
    """Leaves `file` open."""
    if compression is Compression.GZIP:
        packed: Any = gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0)
        return cast("AbstractContextManager[IO[bytes]]", packed)
    return nullcontext(file)

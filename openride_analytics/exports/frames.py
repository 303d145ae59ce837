"""Raw blocks → frames, by numpy: no step touches values one by one but for shares and means, of which there are few."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from openride_analytics.exports.columns import NULLS, WHOLE, Column, Kind
from openride_analytics.stats.numbers import mean, mean_money, rate
from openride_analytics.store.raw import LENGTHS, Raw, RawBlock, prefixes

_CENT: Final = pl.lit(Decimal("0.01"), dtype=pl.Decimal(18, 2))
_HYPHENS: Final = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))

SCHEMA: Final[dict[Kind, pl.DataType]] = {
    Kind.UUID: pl.String(),
    Kind.TEXT: pl.String(),
    Kind.LABEL: pl.String(),
    Kind.LIST: pl.String(),
    Kind.INTEGER: pl.Int64(),
    Kind.FLOAT: pl.Float64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.MONEY: pl.Decimal(38, 2),
    Kind.INSTANT: pl.Datetime("ms", "UTC"),
    Kind.DATE: pl.Date(),
    Kind.RATE: pl.Float64(),
    Kind.MEAN: pl.Float64(),
    Kind.MEAN_MONEY: pl.Decimal(38, 2),
}
_INTEGERS: Final = {
    f"{sign}Int{bits}": getattr(pl, f"{sign}Int{bits}")() for sign in ("", "U") for bits in (8, 16, 32, 64)
}


def schema(columns: Sequence[Column]) -> dict[str, pl.DataType]:
    """Names and types of a frame of these columns."""
    return {
        column.name: _INTEGERS[column.integer] if column.kind is Kind.INTEGER else SCHEMA[column.kind]
        for column in columns
    }


def frame(block: RawBlock, columns: Sequence[Column]) -> pl.DataFrame:
    """The rows of a block whose columns were asked for under the aliases c0, c1, ... in the order of `columns`."""
    return pl.DataFrame(
        [
            _MAKERS[column.kind](block, f"c{number}", column).alias(column.name)
            for number, column in enumerate(columns)
        ]
    )


def _integers(block: RawBlock, alias: str, column: Column) -> pl.Series:
    sign, bits = ("u", column.integer[4:]) if column.integer[0] == "U" else ("i", column.integer[3:])
    return _fixed(block.columns[alias], f"<{sign}{int(bits) // 8}")


def _floats(block: RawBlock, alias: str, _: Column) -> pl.Series:
    return _fixed(block.columns[alias], "<f8")


def _booleans(block: RawBlock, alias: str, _: Column) -> pl.Series:
    return _fixed(block.columns[alias], "?")


def _instants(block: RawBlock, alias: str, _: Column) -> pl.Series:
    return _fixed(block.columns[alias], "<M8[ms]").dt.replace_time_zone("UTC")


def _dates(block: RawBlock, alias: str, _: Column) -> pl.Series:
    raw = block.columns[alias]
    days = np.frombuffer(raw.values, "<u2").astype("<i4")
    return _with_nulls(pl.Series(days).cast(pl.Date), raw)


def _money(block: RawBlock, alias: str, _: Column) -> pl.Series:
    cents = _fixed(block.columns[alias], "<i8").to_frame("c")
    return cents.select(pl.col("c").cast(pl.Decimal(18, 2)) * _CENT).to_series().cast(SCHEMA[Kind.MONEY])


def _uuids(block: RawBlock, alias: str, _: Column) -> pl.Series:
    """As lower-case text."""
    raw = block.columns[alias]
    digits = np.frombuffer(np.frombuffer(raw.values, "<u8").astype(">u8").tobytes().hex().encode(), "u1")
    digits = digits.reshape(-1, 32)
    out = np.full((block.rows, 36), ord("-"), dtype="u1")
    at = 0
    for first, last in _HYPHENS:
        out[:, at : at + last - first] = digits[:, first:last]
        at += last - first + 1
    return _text(out.reshape(-1), np.arange(block.rows + 1, dtype="<i8") * 36, raw.nulls)


def _strings(block: RawBlock, alias: str, column: Column) -> pl.Series:
    """The lengths before the strings are taken out, and the strings lie one behind the other, as polars wants them."""
    sizes = np.frombuffer(block.columns[alias + LENGTHS].values, "<u4")
    content = np.frombuffer(block.columns[alias].values, "u1")
    ends = np.zeros(block.rows + 1, dtype="<i8")
    np.cumsum(sizes, out=ends[1:])
    widths = prefixes(sizes)
    starts = np.cumsum(widths + sizes) - sizes - widths
    keep = np.ones(content.size, dtype="?")
    keep[starts] = False
    for place in range(1, int(widths.max(initial=1))):
        keep[starts[widths > place] + place] = False
    nulls = block.columns[alias + NULLS].values if column.nullable else None
    return _text(content[keep], ends, nulls)


def _labels(block: RawBlock, alias: str, _: Column) -> pl.Series:
    raw = block.columns[alias]
    indices = np.frombuffer(raw.values, f"<u{raw.width}").astype("<u4")
    return pl.Series(raw.keys, dtype=pl.String).gather(pl.Series(indices))


def _rates(block: RawBlock, alias: str, _: Column) -> pl.Series:
    return pl.Series(_each(rate, block, alias, "<u8"), dtype=pl.Float64)


def _means(block: RawBlock, alias: str, _: Column) -> pl.Series:
    return pl.Series(_each(mean, block, alias, "<f8"), dtype=pl.Float64)


def _mean_money(block: RawBlock, alias: str, _: Column) -> pl.Series:
    def computed(cents: int, count: int) -> Decimal | None:
        found = mean_money(Decimal(cents).scaleb(-2), count)
        return None if found is None else Decimal(found)

    return pl.Series(_each(computed, block, alias, "<i8"), dtype=SCHEMA[Kind.MEAN_MONEY])


def _each(compute: Callable[[Any, Any], Any], block: RawBlock, alias: str, dtype: str) -> list[Any]:
    parts = np.frombuffer(block.columns[alias].values, dtype).tolist()
    wholes = np.frombuffer(block.columns[alias + WHOLE].values, "<u8").tolist()
    return list(map(compute, parts, wholes))


def _fixed(raw: Raw, dtype: str) -> pl.Series:
    return _with_nulls(pl.Series(np.frombuffer(raw.values, dtype)), raw)


def _with_nulls(values: pl.Series, raw: Raw) -> pl.Series:
    if raw.nulls is None or not raw.nulls.count(1):
        return values
    return values.zip_with(_valid(raw.nulls), pl.Series([None], dtype=values.dtype))


def _valid(nulls: bytes) -> pl.Series:
    return pl.Series(np.frombuffer(nulls, "u1") == 0)


def _text(content: NDArray[np.uint8], ends: NDArray[np.int64], nulls: bytes | None) -> pl.Series:
    """A column of strings from all of them in a row, and where each ends: valid UTF-8, as the server was told."""
    valid = _valid(nulls) if nulls is not None and nulls.count(1) else None
    return pl.Series._from_buffers(pl.String, [pl.Series(content), pl.Series(ends)], valid)


_MAKERS: Final[dict[Kind, Callable[[RawBlock, str, Column], pl.Series]]] = {
    Kind.UUID: _uuids,
    Kind.TEXT: _strings,
    Kind.LIST: _strings,
    Kind.LABEL: _labels,
    Kind.INTEGER: _integers,
    Kind.FLOAT: _floats,
    Kind.BOOLEAN: _booleans,
    Kind.MONEY: _money,
    Kind.INSTANT: _instants,
    Kind.DATE: _dates,
    Kind.RATE: _rates,
    Kind.MEAN: _means,
    Kind.MEAN_MONEY: _mean_money,
}

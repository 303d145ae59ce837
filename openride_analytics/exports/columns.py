"""A column of a dataset: what it holds, and what ClickHouse is asked for to have it at little cost.

Everything is asked for as the type that is expected, so that a file has the same types whatever a table says; strings
with their lengths, and valid as UTF-8; shares and means as what they are computed from, so that they are rounded like
those of the API, by the same function.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from openride_analytics.store.raw import LENGTHS

NULLS: Final = "?"  # after the name of a String column: the name of the column that tells which are null
WHOLE: Final = "/"  # after the name of a share or mean: the name of the column with what it is divided by


class Kind(StrEnum):
    """What a column holds."""

    UUID = "uuid"
    TEXT = "text"
    LABEL = "label"  # text of a few different values
    LIST = "list"  # of text; in a file, a JSON array as text
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    MONEY = "money"  # two decimals
    INSTANT = "instant"  # milliseconds, UTC
    DATE = "date"  # a local day
    RATE = "rate"  # percent, two decimals; null of nothing
    MEAN = "mean"  # two decimals; null of nothing
    MEAN_MONEY = "mean_money"


@dataclass(frozen=True)
class Column:
    """`integer` says which integer type; `personal`: it may tell who somebody is; `bookkeeping`: only for who asks."""

    name: str
    kind: Kind
    nullable: bool = False
    integer: str = "UInt64"
    personal: bool = False
    bookkeeping: bool = False

    @property
    def derived(self) -> bool:
        """Whether it is computed after the query, which therefore cannot filter by it."""
        return self.kind in (Kind.RATE, Kind.MEAN, Kind.MEAN_MONEY)


_TYPES: Final = {
    Kind.UUID: "UUID",
    Kind.FLOAT: "Float64",
    Kind.BOOLEAN: "Bool",
    Kind.MONEY: "Decimal(18, 2)",
    Kind.INSTANT: "DateTime64(3, 'UTC')",
    Kind.DATE: "Date",
}
# What a share or a mean is computed from: columns of the dataset's statement.
_PARTS: Final = {Kind.RATE: "UInt64", Kind.MEAN: "Float64", Kind.MEAN_MONEY: "Decimal(18, 2)"}


def type_of(column: Column) -> str:
    """The ClickHouse type that a column is asked for as, without Nullable."""
    return column.integer if column.kind is Kind.INTEGER else _TYPES.get(column.kind, "String")


def asked(column: Column, alias: str) -> list[str]:
    """The select list for it, its names on the wire beginning with `alias`."""
    name = f"`{column.name}`"
    if column.derived:
        part = f"CAST(`{column.name}_of`, '{_PARTS[column.kind]}') AS `{alias}`"
        return [part, f"CAST(`{column.name}_over`, 'UInt64') AS `{alias}{WHOLE}`"]
    if column.kind is Kind.LABEL:
        type_ = "LowCardinality(Nullable(String))" if column.nullable else "LowCardinality(String)"
        return [f"CAST({name}, '{type_}') AS `{alias}`"]
    if column.kind in (Kind.TEXT, Kind.LIST):
        return _strings(column, name, alias)
    type_ = f"Nullable({type_of(column)})" if column.nullable else type_of(column)
    return [f"CAST({name}, '{type_.replace(chr(39), chr(92) + chr(39))}') AS `{alias}`"]


def _strings(column: Column, name: str, alias: str) -> list[str]:
    text = f"toJSONString({name})" if column.kind is Kind.LIST else f"CAST({name}, 'String')"
    if column.nullable:
        text = f"CAST(ifNull({name}, ''), 'String')"
    valid = f"toValidUTF8({text})"
    found = [f"toUInt32(length({valid})) AS `{alias}{LENGTHS}`", f"{valid} AS `{alias}`"]
    return [f"toUInt8(isNull({name})) AS `{alias}{NULLS}`", *found] if column.nullable else found

"""What ClickHouse is asked: how many rows there are, and the rows.

Names come from the catalog only, and values are bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from openride_analytics.exports.catalog import SOURCES
from openride_analytics.exports.columns import Column, Kind, asked
from openride_analytics.exports.orders import Order, parsed
from openride_analytics.schema.queries import Granularity
from openride_analytics.stats.periods import Period, buckets, day_start
from openride_analytics.store import budget
from openride_analytics.store.sql import statement

_SETTINGS: Final = "SETTINGS distributed_product_mode = 'global', join_use_nulls = 0"
PRIORITY: Final = budget.PRIORITY + 1
_LOOKS_BACK: Final = timedelta(days=29)

_LITERALS: Final = {
    Kind.UUID: "{%s:UUID}",
    Kind.FLOAT: "{%s:Float64}",
    Kind.BOOLEAN: "CAST({%s:UInt8}, 'Bool')",
    Kind.MONEY: "toDecimal64({%s:String}, 2)",
    Kind.INSTANT: "{%s:DateTime64(3, 'UTC')}",
    Kind.DATE: "{%s:Date}",
}


@dataclass(frozen=True)
class Statement:
    """SQL with what is bound in it. `identifiers`: the names that may be."""

    name: str
    sql: str
    params: dict[str, object] = field(default_factory=dict)
    identifiers: frozenset[str] = frozenset()


def count(order: Order, *, unhurried: bool = False) -> Statement:
    """One row: `total`, how many rows the order is about, whatever its limit."""
    found = _built(order, "count() AS total", "", {})
    return _unhurried(found) if unhurried else found


def rows(order: Order, limit: int, *, unhurried: bool = False) -> Statement:
    """The first rows, at most so many, with the columns as `frames` wants them.

    `unhurried`: ClickHouse is to do it with one thread, which waits while questions of callers are answered. Where rows
    come in the order of the table that is as fast, and leaves the other threads to those who wait for numbers.
    """
    found = _built(order, _selected(order), _first(SOURCES[order.dataset].order), {"most": limit})
    return _unhurried(found) if unhurried else found


def _unhurried(asked: Statement) -> Statement:
    return replace(asked, sql=f"{asked.sql}, max_threads = 1, priority = {PRIORITY}")


def soonest(order: Order, limit: int) -> Statement:
    """The same of few rows, wanted soon.

    Of events, the first are taken in the order that their table is kept in, which is all of theirs but the last column:
    only then does ClickHouse read no further than it must, in a quarter of the time where much is not merged yet. Of
    several rows that are alike but for that column some may be among the first and others not. More threads would only
    begin more parts of the table than so few rows need.
    """
    source = SOURCES[order.dataset]
    if source.table is None:
        return rows(order, limit)
    head = _first(source.order[:-1])
    found = _built(order, _selected(order), _first(source.order), {"most": limit}, head=head)
    return replace(found, sql=f"{found.sql}, max_threads = 1")


def _selected(order: Order) -> str:
    return ",\n    ".join(
        name for number, column in enumerate(order.chosen) for name in asked(column, f"c{number}")
    )


def _first(by: Sequence[str]) -> str:
    return f"ORDER BY {', '.join(f'`{name}`' for name in by)}\nLIMIT {{most:UInt64}}\n"


def _built(order: Order, selected: str, tail: str, params: dict[str, object], *, head: str = "") -> Statement:
    """`head`: which of the rows, before anything is done with them; `tail`: after."""
    source = SOURCES[order.dataset]
    conditions, values = _conditions(order)
    where = f"WHERE {' AND '.join(conditions)}\n" if conditions else ""
    inner = statement(source.statement)
    given_rows = f"(\n{inner}\n)\n{where}"
    if head:
        given_rows = f"(\nSELECT *\nFROM\n{given_rows}{head})\n"
    sql = f"SELECT\n    {selected}\nFROM\n{given_rows}{tail}{_SETTINGS}"
    given = {name: value for name, value in _known(order).items() if name in source.parameters}
    given |= {"since": order.since, "until": order.until}
    identifiers = frozenset({source.table} if source.table else ())
    return Statement(source.statement, sql, given | values | params, identifiers)


def _known(order: Order) -> dict[str, object]:
    """What the statements of datasets may want to know."""
    period = order.period
    days = buckets(period, Granularity.DAILY)
    back = Period(day_start(period.first_day - _LOOKS_BACK, period.zone), period.until, period.zone)
    return {
        "table": SOURCES[order.dataset].table,
        "days": [int(day.timestamp()) for day in days],
        "dates": [day.astimezone(period.zone).date().isoformat() for day in days],
        "known": [int(day.timestamp()) for day in buckets(back, Granularity.DAILY)],
        "currency": order.currency,
    }


def _conditions(order: Order) -> tuple[list[str], dict[str, object]]:
    source = SOURCES[order.dataset]
    found: list[str] = []
    values: dict[str, object] = {}
    for number, (name, wanted) in enumerate(order.filters.items()):
        column = source.column(name)
        if column is None:
            continue
        given = {
            f"f{number}_{place}": parsed(column, text)
            for place, text in enumerate(wanted)
            if text is not None
        }
        values |= given
        found.append(_condition(column, list(given), null=None in wanted))
    return found, values


def _condition(column: Column, placeholders: list[str], *, null: bool) -> str:
    literal = _LITERALS.get(
        column.kind, f"{{%s:{column.integer if column.kind is Kind.INTEGER else 'String'}}}"
    )
    either = [f"isNull(`{column.name}`)"] if null else []
    if placeholders:
        listed = ", ".join(literal % placeholder for placeholder in placeholders)
        either.append(f"`{column.name}` IN ({listed})")
    return f"({' OR '.join(either)})"

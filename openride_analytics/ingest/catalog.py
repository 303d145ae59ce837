"""The tables that landing rows end in, and by which views: read from the server, so that later ones are known too."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from openride_analytics.schema.columns import LANDING
from openride_analytics.settings import ClickHouse as ClickHouseSettings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

# What every landing table has, and the typed table behind it has not: only events_raw has them, under these names.
RAW_ONLY: Final = {"entity_id": "entity_id", "actor_id": "user_id", "metadata": "metadata"}

# A topic-partition in one text.
PLACE: Final = "concat(kafka_epoch, ' ', kafka_topic, '/', toString(kafka_partition))"

QUERY_SECONDS: Final = 300.0

_MERGING: Final = re.compile(
    r"(?:Replicated)?(?:Aggregating|Replacing)MergeTree(?:\((?:'[^']*', )*(?P<version>\w+)?\))?"
)
_AGGREGATE: Final = re.compile(
    r"(?P<simple>Simple)?AggregateFunction\((?:\d+, )?(?P<name>\w+)(?P<parameters>\([^)]*\))?, (?P<rest>.+)\)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Column:
    """A column of a target. `key`: rows of one key are merged, where the engine merges at all."""

    name: str
    type: str
    key: bool

    @property
    def plain_type(self) -> str | None:
        """The type of its values; None for a state, whose values only its function knows."""
        found = _AGGREGATE.fullmatch(self.type)
        if found is None:
            return self.type
        return found["rest"] if found["simple"] else None

    @property
    def merged(self) -> str:
        """Its value over rows of one key. Arrays hold sets, in no order of their own."""
        found = _AGGREGATE.fullmatch(self.type)
        if found is None:
            return f"any({self.name})"
        suffix = "" if found["simple"] else "Merge"
        value = f"{found['name']}{suffix}{found['parameters'] or ''}({self.name})"
        return f"arraySort({value})" if (self.plain_type or "").startswith("Array(") else value

    @property
    def hashed(self) -> str:
        """What of it goes into the hash of a row: a NULL among the arguments would be the whole hash."""
        if "Nullable(" in self.type:
            return f"isNull({self.name}), ifNull(toString({self.name}), '')"
        return self.name


@dataclass(frozen=True)
class View:
    """One way into a target: rows of the landing table of `kind` (`source`, as `select` names it) through `select`."""

    kind: str
    source: str
    select: str

    def over(self, rows: str) -> str:
        """The same of other rows: those that the subquery `rows` gives."""
        return re.sub(
            rf"\bFROM {re.escape(self.source)}\b", lambda _: f"FROM ({rows}) AS landing", self.select
        )

    @property
    def raw(self) -> list[str]:
        """The columns of RAW_ONLY that it may use."""
        return [name for name in RAW_ONLY if re.search(rf"\b{name}\b", self.select)]


class Cut(Enum):
    """How the rows of a target are told apart."""

    HOURS = auto()  # by the time in their key
    MESSAGES = auto()  # one row a message
    ENTITIES = auto()  # one row an entity: all its events


@dataclass(frozen=True)
class Target:
    """A table that views fill from landing rows; `columns` are those that the views give. `merging`: rows of one key
    become one, column by column, or the one with the greatest `version` stays."""

    name: str
    merging: bool
    version: str | None
    columns: tuple[Column, ...]
    views: tuple[View, ...]

    @property
    def kinds(self) -> list[str]:
        """Whose rows it is made of."""
        return sorted({view.kind for view in self.views})

    @property
    def keys(self) -> list[str]:
        """What a row is found by."""
        return [column.name for column in self.columns if column.key]

    @property
    def time(self) -> str | None:
        """The column that says to which part of an hour a row belongs; None where rows are not of a time."""
        times = [c.name for c in self.columns if c.key and c.type.startswith(("DateTime(", "DateTime64("))]
        return times[0] if times else None

    @property
    def cut(self) -> Cut:
        """How its rows are told apart."""
        if self.time is not None:
            return Cut.HOURS
        return Cut.MESSAGES if "kafka_offset" in self.keys else Cut.ENTITIES


async def targets(clickhouse: ClickHouse, settings: ClickHouseSettings) -> list[Target]:
    """Every table that views fill from landing rows, by name. Raises Retryable."""
    database = {"database": settings.database}
    views = await clickhouse.select(statement("audit/views"), database, timeout=QUERY_SECONDS, name="audit")
    rows = await clickhouse.select(statement("audit/columns"), database, timeout=QUERY_SECONDS, name="audit")
    columns: dict[str, list[Column]] = {}
    engines: dict[str, str] = {}
    for row in rows.dicts():
        columns.setdefault(row["table"], []).append(Column(row["name"], row["type"], bool(row["key"])))
        engines[row["table"]] = row["engine"]
    found: dict[str, list[View]] = {}
    given: dict[str, list[set[str]]] = {}
    for view in views.dicts():
        read = _view(view["select"], settings.database)
        if read is not None:
            found.setdefault(view["target"], []).append(read)
            given.setdefault(view["target"], []).append({column.name for column in columns[view["name"]]})
    return [
        Target(
            # In a cluster what holds the rows is not what is read from.
            table.removesuffix("_local") if settings.cluster else table,
            *merging(engines[table]),
            _given(columns[table], given[table]),
            tuple(found[table]),
        )
        for table in sorted(found)
    ]


def merging(engine: str) -> tuple[bool, str | None]:
    """Of an engine, as the server writes it: `merging` and `version` of a Target."""
    found = _MERGING.match(engine)
    return found is not None, found and found["version"]


def _view(select: str, database: str) -> View | None:
    source = re.search(rf"\bFROM ({database}\.landing_({'|'.join(LANDING)})(?:_local)?)\b", select)
    return View(source[2], source[1], select) if source else None


def _given(columns: Iterable[Column], by_views: Iterable[set[str]]) -> tuple[Column, ...]:
    """The columns that every view gives: the others have defaults, such as the time of arrival."""
    names = set.intersection(*by_views)
    return tuple(column for column in columns if column.name in names)

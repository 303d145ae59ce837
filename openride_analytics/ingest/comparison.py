"""A table against what its rows would be if they were made again from the events: the SQL of both sides.

Each side becomes one row: how many rows, and the sum of their hashes, which does not depend on their order. Only where
these differ are the rows themselves brought together.

The SQL is put together here, for the tables are not known before the server is asked. All that goes into it are
names of our own schema (`schema/columns`), names, types and SELECTs out of the server's catalog, where only
migrations write, and placeholders for values.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from openride_analytics.ingest.catalog import PLACE, RAW_ONLY, Cut, Target, View
from openride_analytics.ingest.unsettled import Unsettled
from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.schema.events import ENTITY, KINDS, event_type
from openride_analytics.store.binding import quote

# One thread, and a bound to memory; what needs more goes through files.
_SETTINGS: Final = (
    "SETTINGS max_threads = 1, max_memory_usage = 2000000000, max_bytes_before_external_group_by = 500000000, "
    "join_algorithm = 'grace_hash', distributed_product_mode = 'global'"
)
_OFFSET: Final = "kafka_epoch, kafka_topic, kafka_partition, kafka_offset"
_SHARED: Final = tuple(column for column in COMMON if column.name not in RAW_ONLY)
_PERIOD: Final = "{time} >= {{begin:DateTime64(3, 'UTC')}} AND {time} < {{end:DateTime64(3, 'UTC')}}"
_EVENTS_OF_PERIOD: Final = _PERIOD.format(time="event_timestamp")
# Rows without a time are told apart by one of so many hashes of their keys: few enough to be listed.
PLACES: Final = 65_536
_SINCE: Final = "{since:DateTime64(3, 'UTC')}"


@dataclass(frozen=True)
class Comparison:
    """Table `name`: SELECTs of its rows as they are `expected` and `found`, merged, with the same columns.

    `hashed` is what tells a row from another, `time` the column with their time, if they have one. Placeholders, by
    `cut`: HOURS begin, end; MESSAGES kept_places, kept_offsets (parallel: the first offset that is compared of those
    places; of others, all are), and `Unsettled.ends`; ENTITIES number, of, since. Those but MESSAGES have
    `Unsettled.parameters` too.
    """

    name: str
    kinds: Sequence[str]
    cut: Cut
    keys: Sequence[str]
    hashed: str
    time: str | None
    expected: str
    found: str

    @property
    def sums(self) -> str:
        """Result: one row; expected, found (rows), same (whether the rows are, as far as their sums can tell)."""
        side = "SELECT count() AS rows, sum(cityHash64({hashed})) AS hash FROM ({rows})"
        expected, found = (side.format(hashed=self.hashed, rows=rows) for rows in (self.expected, self.found))
        return (
            "SELECT expected.rows AS expected, found.rows AS found, "  # noqa: S608
            "expected.rows = found.rows AND expected.hash = found.hash AS same "
            f"FROM ({expected}) AS expected CROSS JOIN ({found}) AS found {_SETTINGS}"
        )

    @property
    def differences(self) -> str:
        """Result: what differs, by place; place (an hour, in epoch seconds, or one of PLACES that its key falls
        in); missing, extra (rows)."""
        if self.time is not None:
            place = f"toUnixTimestamp(toStartOfHour({self.time}, 'UTC'))"
        else:
            place = f"cityHash64({', '.join(self.keys)}) % {PLACES}"
        side = "SELECT cityHash64({hashed}) AS hash, {place} AS place, {sign} AS sign FROM ({rows})"
        sides = " UNION ALL ".join(
            side.format(hashed=self.hashed, place=place, sign=sign, rows=rows)
            for sign, rows in (("1", self.expected), ("-1", self.found))
        )
        return (
            "SELECT toInt64(place) AS place, sumIf(surplus, surplus > 0) AS missing, "  # noqa: S608
            "-sumIf(surplus, surplus < 0) AS extra "
            f"FROM (SELECT place, sum(sign) AS surplus FROM ({sides}) GROUP BY place, hash HAVING surplus != 0) "
            f"GROUP BY place {_SETTINGS}"
        )


def of_typed(kind: str, unsettled: Unsettled) -> Comparison:
    """The typed table of a kind against the rows of events_raw: each event there, as the same at the same place."""
    entity = ENTITY[kind].field
    where = _period("event_timestamp", [kind], unsettled)
    shared = ", ".join(column.name for column in _SHARED)
    return Comparison(
        name=f"{kind}_events",
        kinds=[kind],
        cut=Cut.HOURS,
        keys=(),
        hashed=f"{shared}, entity_id",
        time="event_timestamp",
        expected=f"SELECT {shared}, entity_id FROM events_raw WHERE {where} AND {_is_of(kind)}",  # noqa: S608
        found=f"SELECT {shared}, toString({entity}) AS entity_id FROM {kind}_events WHERE {where}",  # noqa: S608
    )


def of_target(target: Target, unsettled: Unsettled, *, whole: bool) -> Comparison:
    """A target against its views over the landing rows as the typed tables hold them.

    A row of an entity is made of all its events, of which some may have expired: unless the `whole` history is there,
    only those are compared whose first event that is left is their creation, at or after `since`. Of a whole history,
    those are left out whose last event is before it: their rows may be gone. The key columns of targets without a
    time must be columns of the typed tables.
    """
    if target.time is not None:
        where, source = (_period(time, target.kinds, unsettled) for time in (target.time, "event_timestamp"))
    elif target.cut is Cut.MESSAGES:
        where = source = _messages()
    else:
        where = source = _entities(target, unsettled, whole=whole)
    views = " UNION ALL ".join(_recomputed(target, view, source) for view in target.views)
    names = ", ".join(column.name for column in target.columns)
    found = f"SELECT {names} FROM {target.name} WHERE {where}"  # noqa: S608
    return Comparison(
        name=target.name,
        kinds=target.kinds,
        cut=target.cut,
        keys=target.keys,
        hashed=", ".join(column.hashed for column in target.columns),
        time=target.time,
        expected=_merged(target, views),
        found=_merged(target, found),
    )


def _merged(target: Target, rows: str) -> str:
    if not target.merging:
        return rows
    keys = ", ".join(target.keys)
    if target.version:
        return f"SELECT * FROM ({rows}) ORDER BY {target.version} DESC LIMIT 1 BY {keys}"  # noqa: S608
    columns = (c.name if c.key else f"{c.merged} AS {c.name}" for c in target.columns)
    return f"SELECT {', '.join(columns)} FROM ({rows}) GROUP BY {keys}"  # noqa: S608


def _recomputed(target: Target, view: View, where: str) -> str:
    """A view's rows, in the types of its target's columns."""
    columns = (
        f"CAST({c.name}, {quote(c.plain_type)}) AS {c.name}" if c.plain_type else c.name
        for c in target.columns
    )
    return f"SELECT {', '.join(columns)} FROM ({view.over(_landing(target, view, where))})"  # noqa: S608


def _landing(target: Target, view: View, where: str) -> str:
    """What the landing table was given. All but RAW_ONLY is in the typed table, which is itself compared with
    events_raw, so these are joined only where a view uses them."""
    rows = f"SELECT * FROM {view.kind}_events WHERE {where}"  # noqa: S608
    columns = [f"CAST({c.name}, {quote(c.type)}) AS {c.name}" for c in (*_SHARED, *LANDING[view.kind])]
    if view.raw:
        renamed = ", ".join(f"{RAW_ONLY[name]} AS {name}" for name in view.raw)
        period = f"AND {_EVENTS_OF_PERIOD}" if target.time else ""
        raw = f"SELECT {_OFFSET}, {renamed} FROM events_raw WHERE {_is_of(view.kind)} {period}"  # noqa: S608
        rows = f"SELECT * FROM ({rows}) AS typed INNER JOIN ({raw}) AS raw USING ({_OFFSET})"  # noqa: S608
        columns += view.raw
    return f"SELECT {', '.join(columns)} FROM ({rows})"  # noqa: S608


def _is_of(kind: str) -> str:
    return f"event_type IN ({', '.join(quote(event_type(struct)) for struct in KINDS[kind])})"


def _period(time: str, kinds: Iterable[str], unsettled: Unsettled) -> str:
    """Rows of the period, without hours in which something may be half stored."""
    hours = " UNION ALL ".join(
        f"SELECT toStartOfHour(event_timestamp, 'UTC') FROM {table} "  # noqa: S608
        f"WHERE {_EVENTS_OF_PERIOD} AND {unsettled.condition}"
        for table in ("events_raw", *(f"{kind}_events" for kind in kinds))
    )
    return f"{_PERIOD.format(time=time)} AND toStartOfHour({time}, 'UTC') NOT IN ({hours})"


def _messages() -> str:
    """Rows of messages that arrived in time to be in every table, and below the committed offsets: the others may be
    half stored."""
    first = f"transform({PLACE}, {{kept_places:Array(String)}}, {{kept_offsets:Array(UInt64)}}, toUInt64(0))"
    return f"kafka_offset >= {first} AND kafka_offset < {Unsettled.END}"


def _entities(target: Target, unsettled: Unsettled, *, whole: bool) -> str:
    """Rows of every `of`-th key, without keys of which something may be half stored or has expired."""
    keys = ", ".join(target.keys)
    part = f"cityHash64({keys}) % {{of:UInt32}} = {{number:UInt32}}"
    half_stored = _each(target, keys, f"WHERE {part} AND {unsettled.condition}")
    grouped = f"WHERE {part} GROUP BY {keys} HAVING"
    if whole:
        expiring = _each(target, keys, f"{grouped} max(event_timestamp) < {_SINCE}")
        return f"{part} AND ({keys}) NOT IN ({half_stored} UNION ALL {expiring})"
    created = "minIf(event_timestamp, endsWith(event_type, '.created'))"
    first = "min(event_timestamp)"
    kept = _each(target, keys, f"{grouped} {first} >= {_SINCE} AND {first} = {created}")
    return f"{part} AND ({keys}) IN ({kept}) AND ({keys}) NOT IN ({half_stored})"


def _each(target: Target, columns: str, clauses: str) -> str:
    """The same of every typed table that the target's rows come from."""
    return " UNION ALL ".join(f"SELECT {columns} FROM {kind}_events {clauses}" for kind in target.kinds)  # noqa: S608

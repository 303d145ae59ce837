"""Is the warehouse what this version was written for? Asked by readiness: small queries of system tables."""

import re
from collections.abc import Mapping
from typing import Final

from openride_analytics.errors import Fatal
from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse, SchemaDrift
from openride_analytics.store.lease import TABLE as LEASE_TABLE
from openride_analytics.store.migration_files import Migration, pending, read
from openride_analytics.store.migrations import LEDGER, recorded
from openride_analytics.store.templates import Target, tables, views

# The oldest server ingestion was tested with: de-duplication through views changed several times before.
OLDEST_SERVER: Final = (26, 9)

_WINDOW: Final = re.compile(r"\b(?:non_)?replicated_deduplication_window = (\d+)")
_VERSION: Final = "SELECT version() AS version"
_TABLES: Final = "SELECT name, engine, engine_full FROM system.tables WHERE database = {database:String}"
_COLUMNS: Final = """
SELECT table, name, type FROM system.columns
WHERE database = {database:String} AND startsWith(table, 'landing_') ORDER BY table, position
"""
_UNFILLED: Final = r"""
WITH here AS (SELECT name, create_table_query FROM system.tables WHERE database = {database:String}),
    there AS (SELECT table, name FROM system.columns WHERE database = {database:String})
SELECT DISTINCT target, column
FROM
(
    SELECT extract(create_table_query, '^CREATE MATERIALIZED VIEW \S+ TO \w+\.(\w+)') AS target, there.name AS column
    FROM there INNER JOIN here ON here.name = there.table
)
WHERE target IN (SELECT name FROM here) AND (target, column) NOT IN (SELECT table, name FROM there)
ORDER BY target, column
"""


async def check(clickhouse: ClickHouse, settings: Settings) -> list[str]:
    """What is wrong with the schema, one line each; nothing if all is well. Raises Retryable."""
    target, migrations = Target.of(settings), read("clickhouse")
    problems = await _server(clickhouse)
    try:
        left = pending(migrations, await recorded(clickhouse))
    except SchemaDrift:
        return [*problems, "the schema was never migrated"]
    except Fatal as error:
        return [*problems, str(error)]
    problems += [f"migration {migration.name} is not applied" for migration in left]
    applied = [migration for migration in migrations if migration not in left]
    problems += await _tables(clickhouse, applied, target)
    problems += await _landing(clickhouse, target)
    problems += await _unfilled(clickhouse, target)
    return problems


async def _server(clickhouse: ClickHouse) -> list[str]:
    version = str((await clickhouse.select(_VERSION, name="schema")).columns[0][0])
    major, minor, *_ = version.split(".")
    if (int(major), int(minor)) >= OLDEST_SERVER:
        return []
    return [f"the server's version {version} is older than {OLDEST_SERVER[0]}.{OLDEST_SERVER[1]}"]


async def _tables(clickhouse: ClickHouse, applied: list[Migration], target: Target) -> list[str]:
    block = await clickhouse.select(_TABLES, {"database": target.database}, name="schema")
    engines = {row["name"]: (row["engine"], row["engine_full"]) for row in block.dicts()}
    local = {target.local(table).partition(".")[2] for m in applied for table in tables(m.template)}
    named = {name for m in applied for name in (*tables(m.template), *views(m.template))}
    missing = sorted((local | named) - engines.keys())
    return [f"{name} is missing" for name in missing] + _without_window(engines)


def _without_window(engines: Mapping[str, tuple[str, str]]) -> list[str]:
    """Tables of the chain that would store a repeated insert twice."""
    return [
        f"table {name} has no de-duplication window"
        for name, (engine, full) in sorted(engines.items())
        if engine.endswith("MergeTree") and name not in (LEDGER, LEASE_TABLE) and not _window(full)
    ]


def _window(engine_full: str) -> int:
    found = _WINDOW.search(engine_full)
    return int(found[1]) if found else 0


async def _landing(clickhouse: ClickHouse, target: Target) -> list[str]:
    """Landing tables without a column that inserts are made of. A newer version may have added more: an insert names
    its own."""
    block = await clickhouse.select(_COLUMNS, {"database": target.database}, name="schema")
    found: dict[str, set[tuple[str, str]]] = {}
    for row in block.dicts():
        found.setdefault(row["table"], set()).add((row["name"], row["type"]))
    problems = []
    for kind, typed in LANDING.items():
        expected = {(column.name, column.type) for column in (*COMMON, *typed)}
        for table in {f"landing_{kind}", target.local(f"landing_{kind}").partition(".")[2]}:
            if not expected <= found.get(table, set()):
                problems.append(f"the columns of {table} are not as expected")
    return problems


async def _unfilled(clickhouse: ClickHouse, target: Target) -> list[str]:
    """Columns that a view offers and its target lacks: an insert leaves them out and calls it success."""
    block = await clickhouse.select(_UNFILLED, {"database": target.database}, name="schema")
    return [f"{row['target']} has no column {row['column']}" for row in block.dicts()]

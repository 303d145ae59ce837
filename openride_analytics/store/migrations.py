"""Bring ClickHouse's schema up to date, and say whether it is.

What is guaranteed: files are applied in order and recorded once; normally by one process at a time, the
others waiting for it (`lease`). ClickHouse has no transactions, so a file that failed half-way is run again
from its beginning, and a process paused for longer than its lease may run a statement that another one also
runs: every statement of a migration is therefore one that may be repeated.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from openride_analytics.errors import Fatal, Retryable
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse, SchemaDrift, ServerFailure
from openride_analytics.store.lease import TABLE as LEASE_TABLE
from openride_analytics.store.lease import Lease, lease
from openride_analytics.store.migration_files import Applied, Migration, pending, read
from openride_analytics.store.migrations_postgres import migrate_postgres
from openride_analytics.store.templates import Retention, Target, render, retentions

__all__ = ["apply", "migrate", "migrate_postgres"]

LEDGER: Final = "schema_migrations"

_UNKNOWN_DATABASE: Final = 81
_SYNTAX_ERROR: Final = 62
# Long enough for a CREATE on every server of a cluster.
_STATEMENT_SECONDS: Final = 50.0
# What fills a table from another, or changes what is stored, takes as long as there is much of it.
_LONGEST_SECONDS: Final = 86_400.0
_IN_THE_BACKGROUND: Final = {"alter_sync": 0}

_RECORDED: Final = f"SELECT DISTINCT version, name, checksum FROM {LEDGER} ORDER BY version"  # noqa: S608
_ENGINES: Final = "SELECT name, engine_full FROM system.tables WHERE database = {database:String}"

logger = logging.getLogger("openride.store.migrations")


async def migrate(clickhouse: ClickHouse, settings: Settings) -> list[str]:
    """Create the database if it is missing, apply what is pending, set TTLs as the settings say.

    Returns the names of the files applied by this call. Raises Fatal (an applied file was edited or is
    missing; a file is wrong), Retryable.
    """
    return await apply(clickhouse, read("clickhouse"), settings)


async def apply(clickhouse: ClickHouse, migrations: Sequence[Migration], settings: Settings) -> list[str]:
    """`migrate` for given migrations."""
    target = Target.of(settings)
    await _create_database(settings, target)
    for statement in _own_tables(target):
        await clickhouse.execute(statement, timeout=_STATEMENT_SECONDS, name="migrate")
    if not pending(migrations, await recorded(clickhouse)):
        if await _outdated(clickhouse, migrations, target):
            async with lease(clickhouse) as held:
                await _retain(clickhouse, migrations, target, held)
        return []
    async with lease(clickhouse) as held:
        left = pending(migrations, await recorded(clickhouse))
        for migration in left:
            await _run(clickhouse, migration, target, held)
        await _retain(clickhouse, migrations, target, held)
    return [migration.name for migration in left]


async def recorded(clickhouse: ClickHouse) -> list[Applied]:
    """What the ledger says is applied. Raises Retryable; SchemaDrift where nothing ever was."""
    block = await clickhouse.select(_RECORDED, name="migrate")
    return [Applied(row["version"], row["name"], row["checksum"]) for row in block.dicts()]


async def _create_database(settings: Settings, target: Target) -> None:
    """On every server of a cluster; through `default` where it is missing, which lets nobody in."""
    statement = f"CREATE DATABASE IF NOT EXISTS {target.database} {target.on_cluster}"
    own = ClickHouse(msgspec.structs.replace(settings.clickhouse, pool_size=2))
    default = ClickHouse(msgspec.structs.replace(settings.clickhouse, pool_size=2, database="default"))
    try:
        await own.open()
        await default.open()
        try:
            await own.execute(statement, timeout=_STATEMENT_SECONDS, name="migrate")
        except SchemaDrift as error:
            if error.code != _UNKNOWN_DATABASE:
                raise
            await default.execute(statement, timeout=_STATEMENT_SECONDS, name="migrate")
    finally:
        await own.close()
        await default.close()


def _own_tables(target: Target) -> list[str]:
    """The ledger and the lease. In a cluster every server of every shard has the same one copy of them."""
    engine = "MergeTree"
    if target.cluster:
        path = f"/clickhouse/tables/all/{target.database}/{{table}}"
        engine = f"ReplicatedMergeTree('{path}', '{{shard}}-{{replica}}')"
    tables = {
        LEDGER: "version UInt32, name String, checksum String",
        LEASE_TABLE: "generation UInt64, holder String, released UInt8",
    }
    window = f"{'' if target.cluster else 'non_'}replicated_deduplication_window = 10000"
    return [
        f"CREATE TABLE IF NOT EXISTS {target.database}.{name} {target.on_cluster} "
        f"({columns}, {'applied_at' if name == LEDGER else 'written_at'} DateTime64(3, 'UTC') "
        f"DEFAULT now64(3, 'UTC')) ENGINE = {engine} ORDER BY {columns.split()[0]} SETTINGS {window}"
        for name, columns in tables.items()
    ]


async def _run(clickhouse: ClickHouse, migration: Migration, target: Target, held: Lease) -> None:
    for number, statement in enumerate(render(migration.template, target), 1):
        try:
            await _execute(clickhouse, statement, held)
        except ServerFailure as error:
            if isinstance(error, SchemaDrift) or error.code == _SYNTAX_ERROR:
                raise Fatal(f"migration {migration.name}, statement {number}: {error.problem}") from None
            raise Retryable(
                "clickhouse", f"migration {migration.name}, statement {number}: {error.problem}"
            ) from None
    row: dict[str, list[object]] = {
        "version": [migration.version],
        "name": [migration.name],
        "checksum": [migration.checksum],
    }
    token = f"migration:{migration.version}:{migration.checksum}"
    await clickhouse.insert(LEDGER, row, token=token, timeout=10)
    logger.info("applied a migration", extra={"migration": migration.name})


async def _outdated(
    clickhouse: ClickHouse, migrations: Sequence[Migration], target: Target
) -> list[Retention]:
    """The TTLs that are not as the settings say."""
    block = await clickhouse.select(_ENGINES, {"database": target.database}, name="migrate")
    engines = {row["name"]: row["engine_full"] for row in block.dicts()}
    wanted = {found.table: found for m in migrations for found in retentions(m.template, target)}
    return [
        retention
        for table, retention in wanted.items()
        if table in engines and f"TTL {retention.expression}" not in engines[table]
    ]


async def _retain(
    clickhouse: ClickHouse, migrations: Sequence[Migration], target: Target, held: Lease
) -> None:
    """ALTER the TTLs that differ; ClickHouse then applies them to what is stored in the background."""
    for retention in await _outdated(clickhouse, migrations, target):
        table = f"{target.database}.{retention.table} {target.on_cluster}"
        statement = f"ALTER TABLE {table} MODIFY TTL {retention.expression}"
        await _execute(clickhouse, statement, held, _IN_THE_BACKGROUND)
        logger.info("changed a table's TTL", extra={"table": retention.table, "ttl": retention.expression})


async def _execute(
    clickhouse: ClickHouse, statement: str, held: Lease, settings: Mapping[str, int] | None = None
) -> None:
    """However long it takes, while the server lets us hold the lease: that tells one at work from one that hangs."""
    await held.renew()
    work = clickhouse.execute(statement, timeout=_LONGEST_SECONDS, name="migrate", settings=settings)
    await held.keep(work)

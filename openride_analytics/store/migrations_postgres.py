"""Bring PostgreSQL's schema up to date, in one transaction: all of it or nothing, one process at a time."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from openride_analytics.errors import Fatal
from openride_analytics.settings import Settings
from openride_analytics.store.migration_files import Applied, Migration, pending, read
from openride_analytics.store.postgres import Postgres

_SECONDS: Final = 120.0
_LOCK: Final = 0x6F70656E72696465  # "openride"
_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


async def migrate_postgres(settings: Settings) -> list[str]:
    """Apply what is pending; the names of the files applied by this call.

    Raises Fatal (an applied file was edited or is missing; a file is wrong), Retryable.
    """
    postgres = Postgres(settings.postgres)
    await postgres.open()
    try:
        return await apply(postgres, read("postgres"))
    finally:
        await postgres.close()


async def apply(postgres: Postgres, migrations: Sequence[Migration]) -> list[str]:
    """`migrate_postgres` for given migrations and an open pool."""
    async with postgres.connection(timeout=_SECONDS) as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(_LEDGER)
        rows = await connection.fetch("SELECT version, name, checksum FROM schema_migrations")
        left = pending(migrations, [Applied(row["version"], row["name"], row["checksum"]) for row in rows])
        for migration in left:
            await _run(connection, migration)
    return [migration.name for migration in left]


async def _run(connection: Any, migration: Migration) -> None:
    try:
        await connection.execute(migration.template)
    except asyncpg.InsufficientPrivilegeError:
        raise  # it is not the file that is wrong
    except (
        asyncpg.SyntaxOrAccessError,
        asyncpg.DataError,
        asyncpg.IntegrityConstraintViolationError,
    ) as error:
        raise Fatal(f"migration {migration.name}: {type(error).__name__} ({error.sqlstate})") from None
    await connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.checksum,
    )

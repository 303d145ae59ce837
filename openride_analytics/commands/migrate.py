"""Bring the schemas of ClickHouse and, where DATABASE_URL is set, PostgreSQL up to date.

Prints each migration applied. Migrations run in order, once; a failed one can be run again. Replicas that
start at the same time wait for one another. The command serve does the same before it starts.
"""

import argparse
import asyncio

from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate, migrate_postgres


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Apply what is pending. Raises Retryable when a server is away, Fatal if an applied file was edited."""
    applied = asyncio.run(_migrate(settings))
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("nothing to apply: the schema is up to date")
    return 0


async def _migrate(settings: Settings) -> list[str]:
    clickhouse = ClickHouse(settings.clickhouse)
    await clickhouse.open()
    try:
        applied = [f"clickhouse {name}" for name in await migrate(clickhouse, settings)]
    finally:
        await clickhouse.close()
    if settings.postgres.url is not None:
        applied += [f"postgres {name}" for name in await migrate_postgres(settings)]
    return applied

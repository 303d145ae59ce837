"""Any number of events, made inside ClickHouse: what the speed of answers is measured on.

The shares of the types are those of the simulation (half positions, a fifth bookings, a sixth payments, an eighth
trips, the rest people and routes), 90 days of them. They go through the landing tables and all views, as ingestion's
do; only Kafka is left out.
"""

from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files

from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.figures import say

DAYS = 90
STORY = ("users", "routes", "rides", "bookings", "payments", "trips", "locations")

_MERGED = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine_full LIKE '%min_age_to_force_merge_seconds%'
"""

# Blocks as large as a busy service's batches would be after some merging: thousands of parts are not what is measured.
_SETTINGS: dict[str, str | int] = {
    "async_insert": 0,
    "deduplicate_insert": "disable",
    "max_block_size": 400_000,
    "max_insert_block_size": 400_000,
    "min_insert_block_size_rows": 400_000,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
}


async def populate(clickhouse: ClickHouse, events: int, until: datetime) -> None:
    """Fill a migrated, empty database with about so many events of the `DAYS` days before `until` (UTC)."""
    sizes = {
        "users": max(100, events // 100),
        "routes": max(20, events // 1000),
        "rides": events * 7 // 100,
        "positions": events // 2,
        "days": DAYS,
        "until": until.strftime("%Y-%m-%d %H:%M:%S"),
    }
    for name, sql in _statements(sizes):
        say(f"population: {name}")
        await clickhouse.execute(sql, settings=_SETTINGS, timeout=1800)
    await clickhouse.execute("DROP TABLE rides SYNC")
    merged = await clickhouse.select(_MERGED)
    for table in merged.columns[0]:  # as they are some minutes later, without what has come since
        await clickhouse.execute(f"OPTIMIZE TABLE {table} FINAL", timeout=600)


def _statements(sizes: dict[str, object]) -> Iterator[tuple[str, str]]:
    for name in STORY:
        sql = files(__name__).joinpath(f"{name}.sql").read_text()
        for word, value in sizes.items():
            sql = sql.replace(f"{{{{{word}}}}}", str(value))
        yield name, sql

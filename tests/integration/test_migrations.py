"""The migration runner against real servers."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest

from openride_analytics import settings as tree
from openride_analytics.errors import Fatal, Retryable
from openride_analytics.store import lease as leases
from openride_analytics.store import migrations
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migration_files import Migration, read
from openride_analytics.store.migrations import apply, migrate
from openride_analytics.store.migrations_postgres import apply as apply_postgres
from openride_analytics.store.migrations_postgres import migrate_postgres
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.schema_check import check
from tests.support.clickhouse import Database

NAMES = [migration.name for migration in read("clickhouse")]
KEEPING = "CREATE TABLE IF NOT EXISTS {{local:t}} (n UInt8) ENGINE = MergeTree ORDER BY n SETTINGS {{dedup}}"


def with_days(settings: tree.Settings, days: int) -> tree.Settings:
    retention = msgspec.structs.replace(settings.retention, metrics_days=days)
    return msgspec.structs.replace(settings, retention=retention)


async def ttl(clickhouse: ClickHouse, table: str) -> str:
    block = await clickhouse.select(
        "SELECT extract(engine_full, 'TTL (.+?) SETTINGS') AS ttl FROM system.tables "
        "WHERE database = currentDatabase() AND name = {table:String}",
        {"table": table},
    )
    return str(block.one()["ttl"])


async def test_all_files_are_applied_in_order(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    assert await migrate(clickhouse, warehouse_settings) == NAMES


async def test_what_is_applied_is_not_applied_again(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    assert await migrate(migrated, warehouse_settings) == []


async def test_a_missing_database_is_created(
    clickhouse_database: Database, clickhouse: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    with clickhouse_database.client() as driver:
        driver.execute(f"DROP DATABASE `{clickhouse_database.name}` SYNC")
    assert await migrate(clickhouse, warehouse_settings) == NAMES


async def test_three_replicas_that_start_at_once_apply_each_file_once(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    applied = await asyncio.gather(*(migrate(clickhouse, warehouse_settings) for _ in range(3)))
    assert sorted(name for names in applied for name in names) == NAMES


async def test_an_edited_file_is_refused(migrated: ClickHouse, warehouse_settings: tree.Settings) -> None:
    files = read("clickhouse")
    files[2] = dataclasses.replace(files[2], checksum="other")
    with pytest.raises(Fatal, match=f"{NAMES[2]} was edited"):
        await apply(migrated, files, warehouse_settings)


async def test_a_migration_that_failed_half_way_can_be_run_again(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    broken = Migration.of("0001_t.sql", f"{KEEPING}; CREATE TABLE IF NOT EXISTS")
    with pytest.raises(Fatal, match=r"0001_t\.sql, statement 2"):
        await apply(clickhouse, [broken], warehouse_settings)
    mended = Migration.of("0001_t.sql", KEEPING)
    assert await apply(clickhouse, [mended], warehouse_settings) == ["0001_t.sql"]


async def test_a_failed_migration_leaves_the_lease_free(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    with pytest.raises(Fatal):
        await apply(clickhouse, [Migration.of("0001_t.sql", "CREATE")], warehouse_settings)
    async with asyncio.timeout(5), leases.lease(clickhouse) as held:
        assert held


async def test_changing_a_setting_changes_the_tables(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    await migrate(migrated, with_days(warehouse_settings, 7))
    assert await ttl(migrated, "booking_events") == "toDateTime(ingested_at) + toIntervalDay(7)"


async def test_changing_one_retention_leaves_the_others(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    await migrate(migrated, with_days(warehouse_settings, 7))
    assert await ttl(migrated, "location_events") == "toDateTime(ingested_at) + toIntervalDay(30)"


async def test_what_is_stored_need_not_be_looked_through_before_a_changed_ttl_holds(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    await migrated.execute("INSERT INTO booking_events (event_id) SELECT generateUUIDv4()")
    await migrated.execute("SYSTEM STOP MERGES booking_events")  # nor is anything else done to it
    async with asyncio.timeout(20):
        await migrate(migrated, with_days(warehouse_settings, 7))
    await migrated.execute("SYSTEM START MERGES booking_events")
    assert await ttl(migrated, "booking_events") == "toDateTime(ingested_at) + toIntervalDay(7)"


async def test_a_ttl_that_is_right_is_not_altered(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    await migrate(migrated, warehouse_settings)
    block = await migrated.select(
        "SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND command LIKE '%TTL%'"
    )
    assert block.one()["n"] == 0


async def test_a_held_lease_is_waited_for(migrated: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "WAIT_SECONDS", 0.5)
    async with leases.lease(migrated):
        with pytest.raises(Retryable, match="too long"):
            async with leases.lease(migrated):
                pass


async def test_the_lease_of_a_dead_process_expires(migrated: ClickHouse) -> None:
    await migrated.execute(
        "INSERT INTO schema_lease (generation, holder, released, written_at) "
        "SELECT max(generation) + 1, 'dead', 0, now64(3, 'UTC') - INTERVAL 2 MINUTE FROM schema_lease"
    )
    async with asyncio.timeout(5), leases.lease(migrated) as held:
        assert held


def slowly(seconds: int) -> Migration:
    """One whose second statement takes so long."""
    fill = (
        f"INSERT INTO {{{{local:t}}}} SELECT sleepEachRow(0.5) FROM numbers({seconds * 2}) "
        "SETTINGS max_block_size = 1, max_threads = 1"
    )
    return Migration.of("0001_t.sql", f"{KEEPING}; {fill}")


async def test_to_fill_a_table_may_take_longer_than_to_make_one(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_STATEMENT_SECONDS", 3.0)
    assert await apply(clickhouse, [slowly(5)], warehouse_settings) == ["0001_t.sql"]


async def test_the_lease_is_held_as_long_as_a_statement_takes(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS", 0.6)
    await apply(clickhouse, [slowly(2)], warehouse_settings)
    block = await clickhouse.select("SELECT countIf(released = 0) AS writes FROM schema_lease")
    assert block.one()["writes"] > 2


async def test_what_is_done_under_a_lease_ends_where_that_cannot_be_held(
    migrated: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS", 0.3)
    async with leases.lease(migrated) as held:
        await migrated.close()
        with pytest.raises(Retryable, match="closed"):
            await held.keep(asyncio.sleep(60))


async def test_a_migrated_schema_has_no_problems(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    assert await check(migrated, warehouse_settings) == []


async def test_an_empty_database_was_never_migrated(
    clickhouse: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    assert await check(clickhouse, warehouse_settings) == ["the schema was never migrated"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("DROP TABLE mv_daily_booking_metrics", "mv_daily_booking_metrics is missing"),
        ("DROP TABLE booking_events", "booking_events is missing"),
        (
            "ALTER TABLE trip_events MODIFY SETTING non_replicated_deduplication_window = 0",
            "table trip_events has no de-duplication window",
        ),
        (
            "ALTER TABLE landing_trip MODIFY COLUMN on_time String",
            "the columns of landing_trip are not as expected",
        ),
    ],
)
async def test_damage_is_found(
    migrated: ClickHouse, warehouse_settings: tree.Settings, damage: str, says: str
) -> None:
    await migrated.execute(damage)
    assert await check(migrated, warehouse_settings) == [says]


async def test_a_newer_version_may_have_added_to_it(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    """While a release is rolled out replicas of the version before go on answering and storing."""
    await migrated.execute("ALTER TABLE landing_user ADD COLUMN extra String")
    await migrated.execute(
        "INSERT INTO schema_migrations SELECT * REPLACE (9999 AS version, '9999_newer.sql' AS name) "
        "FROM schema_migrations LIMIT 1"
    )
    assert await check(migrated, warehouse_settings) == []


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Postgres]:
    """PostgreSQL with nothing of ours in it."""
    postgres = Postgres(tree.Postgres(url=tree.Secret(postgres_url)))
    await postgres.open()
    try:
        await postgres.execute("DROP SCHEMA public CASCADE")
        await postgres.execute("CREATE SCHEMA public")
        yield postgres
    finally:
        await postgres.close()


@pytest.fixture
def postgres_settings(postgres_url: str) -> tree.Settings:
    return tree.load({"DATABASE_URL": postgres_url})


async def test_three_replicas_migrate_postgres_once(
    postgres: Postgres, postgres_settings: tree.Settings
) -> None:
    applied = await asyncio.gather(*(migrate_postgres(postgres_settings) for _ in range(3)))
    assert sorted(name for names in applied for name in names) == [m.name for m in read("postgres")]


async def test_all_times_in_postgres_know_their_zone(
    postgres: Postgres, postgres_settings: tree.Settings
) -> None:
    await migrate_postgres(postgres_settings)
    rows = await postgres.fetch(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type IN ('timestamp without time zone', 'date')"
    )
    assert rows == []


async def test_a_postgres_migration_that_fails_leaves_nothing(postgres: Postgres) -> None:
    broken = Migration.of("0001_t.sql", "CREATE TABLE t (n int); CREATE TABLE t (n int)")
    with pytest.raises(Fatal, match=r"0001_t\.sql: DuplicateTableError"):
        await apply_postgres(postgres, [broken])
    assert await postgres.fetch("SELECT * FROM pg_tables WHERE schemaname = 'public'") == []


async def test_a_postgres_database_that_is_not_there_is_waited_for(postgres_url: str) -> None:
    missing = urlsplit(postgres_url)._replace(path="/nowhere").geturl()
    with pytest.raises(Retryable, match="refuses us"):
        await migrate_postgres(tree.load({"DATABASE_URL": missing}))


@pytest.mark.parametrize("statement", ["CREATE ROLE another", "SELECT 1"])
async def test_rights_that_postgres_does_not_give_are_waited_for(
    postgres: Postgres, postgres_url: str, statement: str
) -> None:
    """Neither those to have tables at all, nor those that a file needs."""
    role = f"newcomer_{uuid4().hex[:12]}"
    await postgres.execute(f"CREATE ROLE {role} LOGIN")
    if statement.startswith("CREATE"):
        await postgres.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    address = urlsplit(postgres_url)
    theirs = address._replace(netloc=f"{role}@{address.hostname}:{address.port}").geturl()
    client = Postgres(tree.Postgres(url=tree.Secret(theirs)))
    await client.open()
    with pytest.raises(Retryable, match="refuses us"):
        await apply_postgres(client, [Migration.of("0001_t.sql", statement)])
    await client.close()

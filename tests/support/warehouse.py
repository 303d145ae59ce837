"""A migrated warehouse for tests, and events put into its landing tables."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from openride_analytics import settings as tree
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate
from tests.support.clickhouse import Database

ENTITY = {
    "user": "user_id",
    "booking": "booking_id",
    "payment": "payment_id",
    "trip": "trip_id",
    "route": "route_id",
    "location": "driver_id",
}

Event = Mapping[str, Any]

_FILLED = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' "
    "AND total_rows > 0 AND name NOT LIKE 'schema%'"
)
_STATE = (
    "SELECT groupBitXor(cityHash64(create_table_query)) AS schema, (SELECT count() FROM system.processes "
    "WHERE current_database = currentDatabase()) AS statements "
    "FROM system.tables WHERE database = currentDatabase()"
)
_numbers = itertools.count(1)


@pytest.fixture
def warehouse_settings(clickhouse_database: Database) -> tree.Settings:
    """Settings that lead to this test's own database."""
    return tree.load(clickhouse_database.env())


@pytest.fixture
async def clickhouse(warehouse_settings: tree.Settings) -> AsyncIterator[ClickHouse]:
    """A client on this test's own, empty database."""
    client = ClickHouse(warehouse_settings.clickhouse)
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def migrated(clickhouse: ClickHouse, warehouse_settings: tree.Settings) -> ClickHouse:
    """The same, migrated: for tests that change the schema."""
    await migrate(clickhouse, warehouse_settings)
    return clickhouse


@pytest.fixture(scope="session")
def spare_databases() -> list[Database]:
    """Migrated and without rows, for the next test."""
    return []


@pytest.fixture
async def migrated_database(
    clickhouse_server: EmbeddedClickHouse, spare_databases: list[Database]
) -> AsyncIterator[Database]:
    """A migrated database without rows: a spare one saves most of a second. It is one again if the test has left the
    schema as it was, and nothing that runs.
    """
    new = Database("127.0.0.1", clickhouse_server.port, f"test_migrated_{next(_numbers)}")
    database = spare_databases.pop() if spare_databases else new
    settings = tree.load(database.env())
    client = ClickHouse(settings.clickhouse)
    await client.open()
    await migrate(client, settings)
    before = (await client.select(_STATE)).dicts()
    yield database
    if (await client.select(_STATE)).dicts() == before:
        await empty(client)
        spare_databases.append(database)
    else:
        await client.execute(f"DROP DATABASE `{database.name}` SYNC")
    await client.close()


@pytest.fixture(scope="session")
def shared_settings(clickhouse_server: EmbeddedClickHouse) -> tree.Settings:
    """Settings that lead to a migrated database, made once for the run."""
    return prepared(clickhouse_server, "test_shared")


def prepared(server: EmbeddedClickHouse, name: str, *batches: Sequence[Event]) -> tree.Settings:
    """A migrated database of that name with those events in it, for tests that only read it."""
    settings = tree.load(Database("127.0.0.1", server.port, name).env())

    async def prepare() -> None:
        client = ClickHouse(settings.clickhouse)
        await client.open()
        await migrate(client, settings)
        for n, batch in enumerate(batches):
            await store(client, batch, token=f"batch {n}")
        await client.close()

    asyncio.run(prepare())
    return settings


@pytest.fixture
async def warehouse(shared_settings: tree.Settings) -> AsyncIterator[ClickHouse]:
    """The migrated database of the run, with nothing in it: for tests that only fill it."""
    client = ClickHouse(shared_settings.clickhouse)
    await client.open()
    await empty(client)
    yield client
    await client.close()


async def empty(clickhouse: ClickHouse) -> None:
    """Take every row out of every table."""
    for table in await filled(clickhouse):
        await clickhouse.execute(f"TRUNCATE TABLE {table}")


async def merge(clickhouse: ClickHouse) -> None:
    """Merge every table wholly, as a server does in time."""
    for table in await filled(clickhouse):
        await clickhouse.execute(f"OPTIMIZE TABLE {table} FINAL")


async def filled(clickhouse: ClickHouse) -> list[str]:
    """The tables that hold rows."""
    found = await clickhouse.select(_FILLED)
    return list(found.columns[0]) if found.rows else []


def kind_of(event: Event) -> str:
    """The topic kind of an event."""
    first = str(event["event_type"]).partition(".")[0]
    return "location" if first == "driver" else first


def columns(
    kind: str, events: Sequence[Event], *, offset: int = 0, partition: int = 0
) -> dict[str, list[Any]]:
    """Events of one kind (JSON-like dicts) as columns of its landing table, at offsets from `offset`."""
    result: dict[str, list[Any]] = {column.name: [] for column in (*COMMON, *LANDING[kind])}
    for n, event in enumerate(events):
        row = {column.name: _value(column.type, event.get(column.name)) for column in LANDING[kind]}
        row |= {
            "event_id": UUID(event["event_id"]),
            "event_type": event["event_type"],
            "event_timestamp": _moment(event["event_timestamp"]),
            "entity_id": str(event[ENTITY[kind]]),
            "actor_id": event.get("user_id") or event.get("rider_id") or event.get("driver_id"),
            "metadata": json.dumps(event, default=str),
            "kafka_epoch": "test",
            "kafka_topic": f"openride.events.{kind}",
            "kafka_partition": partition,
            "kafka_offset": offset + n,
        }
        for name, values in result.items():
            values.append(row[name])
    return result


async def store(clickhouse: ClickHouse, events: Iterable[Event], *, token: str = "seed") -> None:
    """Insert events, one batch a kind, in the order given; a second call needs another token."""
    kinds: dict[str, list[Event]] = {}
    for event in events:
        kinds.setdefault(kind_of(event), []).append(event)
    for kind, batch in kinds.items():
        await clickhouse.insert(f"landing_{kind}", columns(kind, batch), token=f"{token}:{kind}", timeout=30)


def _moment(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _value(type_: str, value: Any) -> Any:
    if value is None:
        return _absent(type_)
    if "UUID" in type_:
        return UUID(str(value))
    if "Decimal" in type_:
        return Decimal(str(value))
    if "DateTime64" in type_:
        return _moment(value)
    return value


def _absent(type_: str) -> Any:
    return [] if type_.startswith("Array") else "" if type_ == "String" else None

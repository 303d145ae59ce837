"""ClickHouse for tests: one embedded server for the run, a fresh database on it for each test."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from clickhouse_driver import Client

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """Where a test's own, empty database is."""

    host: str
    port: int
    name: str

    def client(self) -> Client:
        """A clickhouse-driver client on it; the caller closes it (`with`)."""
        return Client(self.host, port=self.port, database=self.name)

    def env(self) -> dict[str, str]:
        """The settings that lead the service here."""
        return {
            "CLICKHOUSE_HOST": self.host,
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_USER": "default",
            "CLICKHOUSE_PASSWORD": "",
            "CLICKHOUSE_DATABASE": self.name,
        }


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """One server for the whole run; its log stays in pytest's folder of this run."""
    loop = asyncio.new_event_loop()
    server = EmbeddedClickHouse(tmp_path_factory.mktemp("clickhouse"))
    try:
        loop.run_until_complete(server.start())
        yield server
        loop.run_until_complete(server.stop())
    finally:
        loop.close()


@pytest.fixture
def clickhouse_database(clickhouse_server: EmbeddedClickHouse) -> Iterator[Database]:
    """An empty database on the shared server, dropped after the test."""
    database = Database("127.0.0.1", clickhouse_server.port, f"test_{next(_numbers)}")
    with database.client() as client:
        client.execute("SELECT 1")  # to connect is to create it
        yield database
        client.execute(f"DROP DATABASE `{database.name}` SYNC")

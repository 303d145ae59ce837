"""Independent clients talk to the embedded ClickHouse as to any server: asynch, clickhouse-driver, the
official clickhouse-client, and the engine's own remote().
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest
from asynch.connection import Connection
from clickhouse_driver.errors import ServerException

from tests.support.clickhouse import Database

pytestmark = pytest.mark.clickhouse

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)

VALUES: list[tuple[str, list[Any]]] = [
    ("UUID", [UUID(int=0), UUID("12345678-1234-5678-1234-567812345678")]),
    ("Nullable(UUID)", [None, UUID(int=1)]),
    ("String", ["", "ride", "x" * 20_000, "Lagos → Kano"]),
    ("Nullable(String)", [None, "", "ride"]),
    ("LowCardinality(String)", ["a", "b", "a", ""]),
    ("LowCardinality(Nullable(String))", ["a", None, "a"]),
    ("Array(String)", [[], ["a", "b"], ["", "c" * 300]]),
    ("Array(LowCardinality(String))", [[], ["a", "b"], ["a"]]),
    ("Array(Nullable(UInt8))", [[None, 1], []]),
    ("DateTime64(3, 'UTC')", [NOON, NOON.replace(microsecond=123_000)]),
    ("Nullable(DateTime64(3, 'UTC'))", [None, NOON]),
    ("DateTime('UTC')", [NOON]),
    ("DateTime('Africa/Lagos')", [NOON]),
    ("Date", [date(1970, 1, 1), date(2026, 2, 28)]),
    ("Decimal(14, 2)", [Decimal("0.00"), Decimal("-123456789012.34"), Decimal("0.01")]),
    ("Nullable(Decimal(14, 2))", [None, Decimal("12.30")]),
    ("Decimal(38, 4)", [Decimal("1234567890123456789012345678901234.5678")]),
    ("Float32", [0.5, -1.0]),
    ("Float64", [0.1, -1e300, float("inf")]),
    ("Nullable(Float64)", [None, 6.5]),
    ("UInt8", [0, 255]),
    ("UInt16", [0, 2**16 - 1]),
    ("UInt32", [0, 2**32 - 1]),
    ("UInt64", [0, 2**64 - 1]),
    ("Int8", [-128, 127]),
    ("Int64", [-(2**63), 2**63 - 1]),
    ("UInt256", [0, 2**256 - 1]),
    ("Bool", [True, False]),
    ("Nullable(Bool)", [None, True]),
    ("FixedString(3)", ["abc", "äb"]),
    ("Enum8('ride' = 1, 'it''s (a, b)' = -2)", ["ride", "it's (a, b)"]),
    ("Enum16('a' = 1000)", ["a"]),
    ("Map(String, UInt64)", [{}, {"a": 1, "b": 2}]),
    ("Tuple(Float64, String)", [(6.5, "x"), (0.0, "")]),
    ("IPv4", ["127.0.0.1"]),
    ("SimpleAggregateFunction(sum, UInt64)", [7]),
]


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[Any]:
    """An asynch cursor."""
    connection = Connection(host=database.host, port=database.port, database=database.name)
    await connection.connect()
    try:
        yield connection.cursor()
    finally:
        await connection.close()


def comparable(values: list[Any]) -> list[Any]:
    """clickhouse-driver gives lists or tuples, and addresses as objects."""
    return [
        list(each) if isinstance(each, tuple) else str(each) if isinstance(each, IPv4Address) else each
        for each in values
    ]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind for kind, _ in VALUES])
def test_values_return_as_they_were_sent(clickhouse_database: Database, kind: str, values: list[Any]) -> None:
    with clickhouse_database.client() as client:
        client.execute(f"CREATE TABLE t (n UInt32, v {kind}, after String) ENGINE = MergeTree ORDER BY n")
        client.execute("INSERT INTO t VALUES", [(n, value, "end") for n, value in enumerate(values)])
        found = client.execute("SELECT v FROM t ORDER BY n")
    assert comparable([value for (value,) in found]) == comparable(values)


async def test_asynch_reads_what_it_wrote(clickhouse_database: Database) -> None:
    kinds = ("UUID", "Nullable(String)", "DateTime64(3, 'UTC')", "Decimal(14, 2)", "Array(String)")
    row = (UUID(int=7), None, NOON, Decimal("12.30"), ["a"])
    async with connected(clickhouse_database) as cursor:
        columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(kinds))
        await cursor.execute(f"CREATE TABLE t ({columns}) ENGINE = MergeTree ORDER BY c0")
        await cursor.execute("INSERT INTO t VALUES", [row])
        await cursor.execute("SELECT * FROM t")
        assert await cursor.fetchall() == [row]


async def test_asynch_learns_the_columns_of_an_empty_result(clickhouse_database: Database) -> None:
    async with connected(clickhouse_database) as cursor:
        await cursor.execute("SELECT now('UTC') AS at, 'x' AS name WHERE 0")
        described = [(column.name, column.type_code) for column in cursor.description]
    assert described == [("at", "DateTime('UTC')"), ("name", "String")]


def test_the_zone_of_a_time_is_told_in_each_block(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        found = client.execute(
            "SELECT toString(number), toDateTime(1774785600, 'UTC') FROM numbers(200000)"
            " WHERE number % 50000 = 0 SETTINGS max_block_size = 1000"
        )
    assert {at for _, at in found} == {NOON}


def test_a_large_result_arrives_whole(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        [numbers] = client.execute("SELECT number FROM numbers(500000)", columnar=True)
    assert list(numbers) == list(range(500_000))


def test_an_error_has_its_code_and_message(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        with pytest.raises(ServerException, match="nosuch") as caught:
            client.execute("SELECT nosuch")
        assert caught.value.code == 47


def test_an_error_amid_a_result_leaves_the_connection_usable(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        with pytest.raises(ServerException, match="FUNCTION_THROW_IF"):
            client.execute("SELECT throwIf(number = 300000) FROM numbers(400000)")
        assert client.execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SHOW TABLES", []),
        ("SELECT 1 FORMAT JSON", [(1,)]),
        ("EXPLAIN SYNTAX SELECT 1", [("SELECT 1\nFROM system.one",)]),
        ("EXISTS TABLE nosuch", [(0,)]),
        ("SELECT unhex('ff00fe')", [(b"\xff\x00\xfe",)]),
        ("SELECT [now('UTC')] = [] -- no end", [(0,)]),
    ],
)
def test_statements_of_all_sorts(clickhouse_database: Database, sql: str, expected: list[Any]) -> None:
    with clickhouse_database.client() as client:
        assert client.execute(sql, settings={"strings_as_bytes": "unhex" in sql}) == expected


def test_two_statements_at_once_are_refused(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client, pytest.raises(ServerException, match="Multi-statements"):
        client.execute("SELECT 1; SELECT 2")


def test_a_database_is_made_and_used(clickhouse_database: Database) -> None:
    other = f"{clickhouse_database.name}_other"
    with clickhouse_database.client() as client:
        client.execute(f"CREATE DATABASE {other}")
        client.execute(f"USE {other}")
        client.execute("CREATE TABLE t (a UInt8, b DateTime('UTC')) ENGINE = Memory")
        client.execute("INSERT INTO t (a, b) VALUES", [(1, NOON)])
        assert client.execute(f"SELECT * FROM {other}.t") == [(1, NOON)]
        client.execute(f"DROP DATABASE {other} SYNC")


def test_a_temporary_table_belongs_to_its_connection(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TEMPORARY TABLE mine (a String)")
        client.execute("INSERT INTO mine VALUES", [("x",)])
        assert client.execute("SELECT a FROM mine") == [("x",)]


async def test_connections_work_side_by_side(clickhouse_database: Database) -> None:
    async def ask(number: int) -> int:
        async with connected(clickhouse_database) as cursor:
            await cursor.execute(f"SELECT {number} + sum(number) FROM numbers(1000000)")
            [(answer,)] = await cursor.fetchall()
            return int(answer) - 499_999_500_000

    assert await asyncio.gather(*map(ask, range(12))) == list(range(12))


@pytest.mark.parametrize("compression", ["0", "1"])
def test_the_official_client(clickhouse_database: Database, compression: str) -> None:
    program = shutil.which("clickhouse-client")
    if program is None:
        pytest.skip("no clickhouse-client on the PATH")

    where = ["--host", clickhouse_database.host, "--port", str(clickhouse_database.port)]
    options = ["--database", clickhouse_database.name, "--compression", compression, "--max_threads", "1"]

    def run(sql: str, rows: str = "") -> str:
        done = subprocess.run(
            [program, *where, *options, "--query", sql],
            input=rows,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    run("CREATE TABLE t (a UInt64, b String, c DateTime('UTC')) ENGINE = MergeTree ORDER BY a")
    run("INSERT INTO t FORMAT CSV", '1,"x","2026-03-29 12:00:00"\n2,"y","2026-03-29 12:00:01"\n')
    assert run("SELECT * FROM t ORDER BY a") == "1\tx\t2026-03-29 12:00:00\n2\ty\t2026-03-29 12:00:01\n"


REMOTE = """
import sys
from chdb import _chdb
connection = _chdb.connect(":memory:")
there = f"remote('{sys.argv[1]}', '{sys.argv[2]}', 't')"
rows = "SELECT number, toString(number) FROM numbers(200000)"
connection.query(f"INSERT INTO FUNCTION {there} (a, b) {rows}", "CSV")
for question in (
    f"SELECT count(), sum(a), max(length(b)) FROM {there}",
    f"SELECT a, b, c FROM {there} ORDER BY a LIMIT 2",
):
    print(connection.query(question, "TSV").bytes().decode(), end="")
"""


def test_the_engine_s_own_remote_function(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute(
            "CREATE TABLE t (a UInt64, b String, c LowCardinality(String) DEFAULT 'd')"
            " ENGINE = MergeTree ORDER BY a"
        )
    address = f"{clickhouse_database.host}:{clickhouse_database.port}"
    done = subprocess.run(
        [sys.executable, "-c", REMOTE, address, clickhouse_database.name],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "200000\t19999900000\t6\n0\t0\td\n1\t1\td\n"

"""What the embedded ClickHouse acknowledges is stored, once; what it does not is not."""

import random
import socket
import threading
from typing import Any

import pytest
from clickhouse_driver.errors import ServerException

from tests.support.clickhouse import Database
from tests.support.clickhouse_wire import (
    CANCEL,
    EMPTY_BLOCK,
    END_OF_STREAM,
    EXCEPTION,
    connected,
    query_packet,
    strings_block,
)

pytestmark = pytest.mark.clickhouse


def count(client: Any, table: str) -> int:
    [[rows]] = client.execute(f"SELECT count() FROM {table}")
    return int(rows)


def test_300_blocks_of_random_bytes_are_stored_exactly(clickhouse_database: Database) -> None:
    chance = random.Random(1)
    sent = []
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (n UInt32, m UInt32, v String) ENGINE = MergeTree ORDER BY (n, m)")
        for n in range(300):
            values = [chance.randbytes(chance.randint(0, 300)) for _ in range(chance.randint(1, 20))]
            if n % 10 == 0:
                values[0] = EMPTY_BLOCK + strings_block([b"a packet in a value"]) + EMPTY_BLOCK
            rows = [(n, m, value) for m, value in enumerate(values)]
            client.execute("INSERT INTO t VALUES", rows, settings={"strings_as_bytes": True})
            sent += rows
        found = client.execute("SELECT * FROM t ORDER BY n, m", settings={"strings_as_bytes": True})
    assert found == sent


def test_a_view_that_throws_fails_the_insert(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE landing (a UInt32) ENGINE = Null")
        client.execute("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
        client.execute("CREATE MATERIALIZED VIEW v TO t AS SELECT a + throwIf(a = 7) AS a FROM landing")
        with pytest.raises(ServerException, match="throwIf"):
            client.execute("INSERT INTO landing VALUES", [(a,) for a in range(10)])
        assert count(client, "t") == 0


def test_a_broken_constraint_fails_the_insert(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (a UInt32, CONSTRAINT c CHECK a < 5) ENGINE = MergeTree ORDER BY a")
        with pytest.raises(ServerException) as caught:
            client.execute("INSERT INTO t VALUES", [(a,) for a in range(10)])
        assert (caught.value.code, count(client, "t")) == (469, 0)


def test_a_failed_insert_leaves_the_connection_usable(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        with pytest.raises(ServerException):
            client.execute("INSERT INTO nosuch VALUES", [(1,)])
        assert client.execute("SELECT 1") == [(1,)]


def chain(client: Any) -> None:
    """A landing table, a table behind it, and an aggregate behind that one."""
    window = "SETTINGS non_replicated_deduplication_window = 100"
    client.execute("CREATE TABLE landing (a UInt32) ENGINE = Null")
    client.execute(f"CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a {window}")
    client.execute(f"CREATE TABLE s (total UInt64) ENGINE = SummingMergeTree ORDER BY () {window}")
    client.execute("CREATE MATERIALIZED VIEW vt TO t AS SELECT a FROM landing")
    client.execute("CREATE MATERIALIZED VIEW vs TO s AS SELECT sum(a) AS total FROM landing")


def totals(client: Any) -> tuple[int, int, int]:
    [[rows, direct]] = client.execute("SELECT count(), sum(a) FROM t")
    [[aggregated]] = client.execute("SELECT sum(total) FROM s")
    return rows, direct, aggregated


def with_token(token: str) -> dict[str, object]:
    return {"insert_deduplication_token": token, "deduplicate_blocks_in_dependent_materialized_views": 1}


def test_a_token_is_stored_once_through_a_null_table_and_its_views(clickhouse_database: Database) -> None:
    rows = [(a,) for a in range(1000)]
    with clickhouse_database.client() as client:
        chain(client)
        for _ in range(3):
            client.execute("INSERT INTO landing VALUES", rows, settings=with_token("first"))
        assert totals(client) == (1000, 499_500, 499_500)


def test_a_token_in_the_statement_counts_as_well(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        chain(client)
        for _ in range(2):
            client.execute("INSERT INTO landing SETTINGS insert_deduplication_token = 'x' VALUES", [(1,)])
        assert totals(client) == (1, 1, 1)


def test_equal_rows_under_another_token_are_stored_again(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        chain(client)
        for token in ("first", "second"):
            client.execute("INSERT INTO landing VALUES", [(1,)], settings=with_token(token))
        assert totals(client) == (2, 2, 2)


def test_several_blocks_under_one_token_are_all_stored(clickhouse_database: Database) -> None:
    """Cut by the client after 100 rows each, as remote() and large inserts do."""
    settings = with_token("first") | {"insert_block_size": 100}
    with clickhouse_database.client() as client:
        chain(client)
        for _ in range(2):
            client.execute("INSERT INTO landing VALUES", [(a,) for a in range(1000)], settings=settings)
        assert totals(client) == (1000, 499_500, 499_500)


def test_a_large_block_is_one_part(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
        rows = [list(range(200_000))]
        client.execute("INSERT INTO t VALUES", rows, columnar=True)
        parts = client.execute(
            "SELECT rows FROM system.parts WHERE database = currentDatabase() AND table = 't' AND level = 0"
        )
    assert parts == [(200_000,)]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_nothing_is_stored_of_a_client_that_dies_half_way(
    clickhouse_database: Database, share: float
) -> None:
    """One whole block, then a share of a second, then the end instead of the empty block."""
    block = strings_block([b"x" * 100] * 1000)
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (v String) ENGINE = MergeTree ORDER BY v")
        with connected(clickhouse_database) as dying:
            dying.sendall(query_packet("INSERT INTO t VALUES"))
            dying.recv(4096)
            dying.sendall(block + block[: int(len(block) * share)])
            dying.shutdown(socket.SHUT_WR)
            assert dying.recv(4096) == b""  # the server has closed it: it has done what it will do
        assert count(client, "t") == 0


def test_nothing_is_stored_of_a_cancelled_insert(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (v String) ENGINE = MergeTree ORDER BY v")
        with connected(clickhouse_database) as cancelling:
            cancelling.sendall(query_packet("INSERT INTO t VALUES"))
            cancelling.recv(4096)
            cancelling.sendall(strings_block([b"x"]) + CANCEL)
            assert cancelling.recv(4096)[:1] == EXCEPTION
        assert count(client, "t") == 0


def test_a_block_that_looks_finished_in_the_middle_of_a_value(clickhouse_database: Database) -> None:
    """The bytes after which a naive reader would stop arrive, then nothing for a moment, then the rest."""
    value = b"a" * 50 + EMPTY_BLOCK + b"b" * 50
    block = strings_block([value, b"last"])
    cut = block.index(EMPTY_BLOCK, 20) + len(EMPTY_BLOCK)
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (v String) ENGINE = MergeTree ORDER BY v")
        with connected(clickhouse_database) as slow:
            slow.sendall(query_packet("INSERT INTO t VALUES"))
            slow.recv(4096)
            slow.sendall(block[:cut])
            assert count(client, "t") == 0  # time passes
            slow.sendall(block[cut:] + EMPTY_BLOCK)
            assert slow.recv(4096) == END_OF_STREAM
        found = client.execute("SELECT v FROM t ORDER BY v", settings={"strings_as_bytes": True})
    assert found == [(value,), (b"last",)]


def test_values_written_in_the_statement(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (a UInt8, b String DEFAULT 'd') ENGINE = MergeTree ORDER BY a")
        client.execute("INSERT INTO t (a) VALUES (1), (2)")
        client.execute("INSERT INTO t SELECT number, 'n' FROM numbers(3, 2)")
        assert client.execute("SELECT * FROM t ORDER BY a") == [(1, "d"), (2, "d"), (3, "n"), (4, "n")]


def test_columns_left_out_get_their_defaults(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute(
            "CREATE TABLE t (a UInt8, b String DEFAULT 'd', c UInt8 MATERIALIZED a + 1) ENGINE = Memory"
        )
        client.execute("INSERT INTO t (a) VALUES", [(1,)])
        client.execute("INSERT INTO t VALUES", [(2, "given")])
        assert client.execute("SELECT a, b, c FROM t ORDER BY a") == [(1, "d", 2), (2, "given", 3)]


def test_inserts_at_once_do_not_mix(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (n UInt32, v String) ENGINE = MergeTree ORDER BY n")

    def insert(n: int) -> None:
        with clickhouse_database.client() as own:
            for _ in range(5):
                own.execute("INSERT INTO t VALUES", [(n, str(n) * 20)] * 500)

    threads = [threading.Thread(target=insert, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with clickhouse_database.client() as client:
        found = client.execute(
            "SELECT n, count(), countIf(v != repeat(toString(n), 20)) FROM t GROUP BY n ORDER BY n"
        )
    assert found == [(n, 2500, 0) for n in range(6)]

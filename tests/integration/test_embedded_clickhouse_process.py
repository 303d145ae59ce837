"""The embedded ClickHouse as a process: it starts, stops in time, survives a kill, and is never left behind."""

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.embedded.process import ServerFailed
from tests.support.clickhouse import Database
from tests.support.clickhouse_wire import CANCEL, END_OF_STREAM, connected, query_packet
from tests.support.eventually import eventually

pytestmark = pytest.mark.clickhouse

ENDLESS = "SELECT count() FROM numbers(1000000000000000) WHERE NOT ignore(sipHash64(number))"
STREAM = "SELECT number FROM numbers(1000000000000000)"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedClickHouse]:
    async with EmbeddedClickHouse(tmp_path / "data") as running:
        yield running


def client_of(server: EmbeddedClickHouse) -> Client:
    return Client("127.0.0.1", port=server.port, database=server.database)


def running(client: Any) -> int:
    """Queries that run, this one left out."""
    [[count]] = client.execute("SELECT count() FROM system.processes WHERE query LIKE '%1000000000000000%'")
    return int(count) - 1


def in_background(query: str, port: int) -> tuple[threading.Thread, list[Exception]]:
    """A thread whose client runs `query`; and what came of it."""
    outcome: list[Exception] = []

    def run() -> None:
        with Client("127.0.0.1", port=port) as client:
            try:
                client.execute(query)
            except (ServerException, EOFError, OSError) as error:
                outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


async def test_it_stops_within_seconds_while_queries_run(server: EmbeddedClickHouse) -> None:
    threads = [in_background(query, server.port)[0] for query in (ENDLESS, ENDLESS, STREAM)]
    with client_of(server) as client:
        await eventually(lambda: running(client) == len(threads))
    began = time.monotonic()
    await server.stop()
    elapsed = time.monotonic() - began
    for thread in threads:
        thread.join(5)
    assert (elapsed < 4, server.pid) == (True, None)


async def test_what_was_acknowledged_survives_a_kill(server: EmbeddedClickHouse) -> None:
    with client_of(server) as client:
        client.execute(
            "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a"
            " SETTINGS non_replicated_deduplication_window = 100"
        )
        for n in range(20):
            token = {"insert_deduplication_token": str(n)}
            client.execute("INSERT INTO t VALUES", [(n,)] * 100, settings=token)
    assert server.pid
    psutil.Process(server.pid).kill()
    with pytest.raises(ServerFailed, match="killed by SIGKILL"):
        await server.wait()
    async with EmbeddedClickHouse(server.data_dir) as again:
        with client_of(again) as client:
            for n in range(21):  # the 20 are known, the last is new
                token = {"insert_deduplication_token": str(n)}
                client.execute("INSERT INTO t VALUES", [(n,)] * 100, settings=token)
            assert client.execute("SELECT count(), uniqExact(a) FROM t") == [(2100, 21)]


async def test_data_are_found_again_after_a_stop(tmp_path: Path) -> None:
    async with EmbeddedClickHouse(tmp_path) as first:
        with client_of(first) as client:
            client.execute("CREATE TABLE t ENGINE = MergeTree ORDER BY a AS SELECT 7 AS a")
    async with EmbeddedClickHouse(tmp_path) as second:
        with client_of(second) as client:
            assert client.execute("SELECT a FROM t") == [(7,)]


async def test_a_second_server_on_the_same_data_is_told_why_not(server: EmbeddedClickHouse) -> None:
    command = [sys.executable, "-m", "openride_analytics.embedded.clickhouse"]
    second = await asyncio.create_subprocess_exec(
        *command,
        "--data-dir",
        str(server.data_dir),
        "--port",
        "0",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(second.communicate(), 20)
    assert (second.returncode, "is another server using it?" in said.decode()) == (1, True)


async def test_a_server_that_cannot_start_says_so_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text("this is not a directory")
    with pytest.raises(ServerFailed, match="cannot start on"):
        await EmbeddedClickHouse(tmp_path).start()


async def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ServerFailed, match="cannot be used"):
        await EmbeddedClickHouse(tmp_path, port=taken.getsockname()[1]).start()


PARENT = """
import asyncio, sys
from pathlib import Path
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse

async def main():
    server = EmbeddedClickHouse(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await server.wait()

asyncio.run(main())
"""


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    server = psutil.Process(int(await asyncio.wait_for(parent.stdout.readline(), 20)))
    parent.kill()
    await parent.wait()
    await eventually(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


async def test_a_terminal_s_interrupt_does_not_reach_it(server: EmbeddedClickHouse) -> None:
    """Ctrl-C goes to the foreground process group, which the server is not in."""
    assert server.pid
    assert os.getpgid(server.pid) == server.pid


async def test_the_query_of_a_client_that_has_gone_ends(clickhouse_database: Database) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from clickhouse_driver import Client; Client('127.0.0.1', port=sys.argv[1]).execute(sys.argv[2])",
        str(clickhouse_database.port),
        ENDLESS,
    )
    with clickhouse_database.client() as client:
        await eventually(lambda: running(client) == 1)
        parent.kill()
        await parent.wait()
        await eventually(lambda: running(client) == 0)


@pytest.mark.parametrize("query", [ENDLESS, STREAM])
async def test_a_cancelled_query_ends_and_its_connection_goes_on(
    clickhouse_database: Database, query: str
) -> None:
    with clickhouse_database.client() as client, clickhouse_database.client() as other:
        client.connection.force_connect()
        client.make_query_settings(None)
        client.connection.send_query(query)
        client.connection.send_external_tables([])
        await eventually(lambda: running(other) == 1)
        client.connection.send_cancel()
        while client.receive_packet():  # raises what an exception packet says; False at the end of stream
            pass
        assert client.execute("SELECT 1") == [(1,)]


def test_a_query_that_is_cancelled_before_it_began_does_not_begin(clickhouse_database: Database) -> None:
    with connected(clickhouse_database) as client:
        client.sendall(query_packet(ENDLESS) + CANCEL)
        assert client.recv(4096) == END_OF_STREAM


async def test_a_result_that_nobody_reads_ends(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as other:
        with connected(clickhouse_database) as client:
            client.sendall(query_packet(STREAM))
            await eventually(lambda: running(other) == 1)
        await eventually(lambda: running(other) == 0)


async def test_a_query_can_be_killed_by_its_text(clickhouse_database: Database) -> None:
    thread, outcome = in_background(ENDLESS, clickhouse_database.port)
    with clickhouse_database.client() as client:
        await eventually(lambda: running(client) == 1)
        client.execute("KILL QUERY WHERE query = %(query)s ASYNC", {"query": ENDLESS})
    await asyncio.to_thread(thread.join, 10)
    assert [getattr(error, "code", None) for error in outcome] == [394]

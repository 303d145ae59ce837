"""The PostgreSQL client: lazy, bounded in every wait, and back by itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import pytest

from openride_analytics import settings as tree
from openride_analytics.errors import Ambiguous, Retryable
from openride_analytics.settings import Secret
from openride_analytics.store.postgres import Postgres
from tests.support.eventually import eventually
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.postgres


def client_of(url: str | None) -> Postgres:
    return Postgres(tree.Postgres(url=Secret(url) if url else None))


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Postgres]:
    client = client_of(postgres_url)
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    address = urlsplit(postgres_url)
    async with Proxy(address.hostname or "127.0.0.1", address.port or 5432) as started:
        yield started


@pytest.fixture
async def remote(postgres_url: str, proxy: Proxy) -> AsyncIterator[Postgres]:
    """The client, behind the proxy."""
    address = urlsplit(postgres_url)
    user = address.netloc.rpartition("@")[0]
    client = client_of(address._replace(netloc=f"{user}@127.0.0.1:{proxy.port}").geturl())
    await client.open()
    yield client
    await client.close()


async def test_fetch_gives_rows(postgres: Postgres) -> None:
    assert await postgres.fetch("SELECT $1::int AS n, now() IS NOT NULL AS t", 7) == [{"n": 7, "t": True}]


async def test_of_several_hosts_the_one_that_answers_is_used(postgres_url: str, proxy: Proxy) -> None:
    proxy.arm(Fault.RESET, after=0)
    address = urlsplit(postgres_url)
    user, _, host = address.netloc.rpartition("@")
    several = address._replace(netloc=f"{user}@127.0.0.1:{proxy.port},{host}").geturl()
    client = client_of(f"{several}?target_session_attrs=read-write")
    await client.open()
    assert await client.fetch("SELECT 1 AS n") == [{"n": 1}]
    await client.close()


async def test_times_are_utc(postgres: Postgres) -> None:
    assert await postgres.fetch("SELECT current_setting('timezone') AS zone") == [{"zone": "UTC"}]


async def test_a_table_that_another_version_adds_a_column_to_is_read_on(postgres: Postgres) -> None:
    """Also in a transaction, in which a statement that was prepared for the table of before cannot be repeated."""

    async def read() -> list[str]:
        async with postgres.connection(timeout=5) as connection, connection.transaction():
            return list(await connection.fetchrow("SELECT * FROM changing"))

    await postgres.execute("CREATE TABLE changing AS SELECT 'a' AS one")
    try:
        await read()
        await postgres.execute("ALTER TABLE changing ADD COLUMN two text DEFAULT 'b'")
        assert await read() == ["a", "b"]
    finally:
        await postgres.execute("DROP TABLE changing")


async def test_what_a_statement_deserves_passes_through(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await postgres.execute("DELETE FROM no_such_table")


async def test_a_server_that_only_reads_is_waited_for(postgres_url: str) -> None:
    """As one that stands by."""
    client = client_of(f"{postgres_url}?options=-c%20default_transaction_read_only%3Don")
    await client.open()
    with pytest.raises(Retryable, match="refuses us"):
        await client.execute("CREATE TABLE written (n int)")
    await client.close()


async def test_a_missing_server_does_not_stop_the_start_and_is_retryable(proxy: Proxy) -> None:
    client = client_of("postgresql://nobody@127.0.0.1:1/nowhere")
    await client.open()
    with pytest.raises(Retryable, match="no connection"):
        await client.fetch("SELECT 1")
    await client.close()


async def test_without_a_url_there_is_none() -> None:
    client = client_of(None)
    await client.open()
    with pytest.raises(Retryable, match="not configured"):
        await client.fetch("SELECT 1")


async def test_a_connection_that_the_driver_gives_up_is_lost(postgres: Postgres) -> None:
    with pytest.raises(Ambiguous):
        async with postgres.connection(timeout=5):
            raise asyncpg.InternalClientError(
                "cannot switch to state 11; another operation (2) is in progress"
            )
    assert await postgres.fetch("SELECT 1 AS one") == [{"one": 1}]


async def test_a_slow_statement_ends_at_its_deadline(postgres: Postgres) -> None:
    with pytest.raises(Ambiguous, match=r"0\.2 s"):
        await postgres.execute("SELECT pg_sleep(20)", timeout=0.2)


async def test_a_server_that_hangs_ends_nothing_but_the_deadline(remote: Postgres, proxy: Proxy) -> None:
    await remote.fetch("SELECT 1")
    proxy.arm(Fault.HANG, after=0)
    with pytest.raises(Retryable, match=r"0\.2 s"):
        await remote.fetch("SELECT 1", timeout=0.2)


async def test_after_lost_connections_the_next_statement_is_answered(remote: Postgres, proxy: Proxy) -> None:
    await remote.fetch("SELECT 1")
    proxy.reset_all()
    with suppress(Retryable):
        await remote.fetch("SELECT 1")
    assert await remote.fetch("SELECT 1 AS n") == [{"n": 1}]


async def test_who_finds_every_connection_taken_is_refused_in_time_and_the_next_one_is_not(
    postgres: Postgres,
) -> None:
    taking = [asyncio.create_task(postgres.execute("SELECT pg_sleep(20)")) for _ in range(4)]
    await eventually(lambda: postgres._pool.get_size() - postgres._pool.get_idle_size() == 4)
    refused = await asyncio.gather(
        *(postgres.fetch("SELECT 1", timeout=0.1) for _ in range(20)), return_exceptions=True
    )
    for task in taking:
        task.cancel()
    await asyncio.gather(*taking, return_exceptions=True)
    answers = await asyncio.gather(*(postgres.fetch("SELECT $1::int AS n", n) for n in range(8)))
    assert {type(error) for error in refused} == {Retryable}  # and not Ambiguous: nothing was begun
    assert [answer[0]["n"] for answer in answers] == list(range(8))


async def test_cancelled_statements_lose_no_place(postgres: Postgres) -> None:
    rng = random.Random(3)
    for _ in range(5):
        tasks = [asyncio.create_task(postgres.execute("SELECT pg_sleep(20)")) for _ in range(8)]
        await asyncio.sleep(rng.random() * 0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    answers = await asyncio.gather(*(postgres.fetch("SELECT $1::int AS n", n) for n in range(8)))
    assert [answer[0]["n"] for answer in answers] == list(range(8))

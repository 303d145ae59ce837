"""The ClickHouse client when network, server or its own caller fail: nothing lost, doubled or leaked."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from openride_analytics.errors import Ambiguous, OpenRideError, Retryable
from openride_analytics.store import pool
from openride_analytics.store.clickhouse import ClickHouse, DataRefused
from tests.support.clickhouse import Database
from tests.support.fake_clickhouse import END_OF_STREAM, PROGRESS, FakeClickHouse, exception, sample
from tests.support.proxy import Fault, Proxy
from tests.support.store import client_of, count, create_chain, rows

pytestmark = pytest.mark.clickhouse

SLOW = "SELECT sum(sleepEachRow(0.01)) FROM numbers(1000) SETTINGS max_block_size = 1"
COLUMNS = sample(n="UInt64", s="String")


@pytest.fixture
async def clickhouse(clickhouse_database: Database) -> AsyncIterator[ClickHouse]:
    client = client_of(clickhouse_database)
    yield client
    await client.close()


@pytest.fixture
async def proxy(clickhouse_database: Database) -> AsyncIterator[Proxy]:
    async with Proxy(clickhouse_database.host, clickhouse_database.port) as started:
        yield started


@pytest.fixture
async def remote(clickhouse_database: Database, proxy: Proxy) -> AsyncIterator[ClickHouse]:
    """The client, behind the proxy, with a connection made."""
    client = client_of(clickhouse_database, port=proxy.port)
    await client.select("SELECT 1")
    yield client
    await client.close()


async def eventually(check: Callable[[], Awaitable[bool]], *, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not await check():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def busy(client: ClickHouse, lent: int) -> None:
    """Wait until so many connections are in use."""

    async def reached() -> bool:
        return client._pool.lent == lent

    assert await eventually(reached)


def fake_client(server: FakeClickHouse, *, pool_size: int = 4) -> ClickHouse:
    return client_of(Database("127.0.0.1", server.port, "test"), pool_size=pool_size)


# What a server may say to an insert


async def test_progress_before_the_end_is_still_success() -> None:
    async with FakeClickHouse(asked=PROGRESS + COLUMNS, done=PROGRESS + PROGRESS + END_OF_STREAM) as server:
        client = fake_client(server)
        await client.insert("t", rows(3), token="t", timeout=2)
        assert client._pool.idle == 1
        await client.close()


async def test_an_end_before_all_rows_were_sent_says_nothing_of_them() -> None:
    async with FakeClickHouse(asked=COLUMNS + END_OF_STREAM) as server:
        client = fake_client(server)
        with pytest.raises(Ambiguous, match="before it had all rows"):
            await client.insert("t", {"n": [1], "s": ["x" * (32 << 20)]}, token="t", timeout=10)
        await client.close()


async def test_a_connection_on_which_something_is_left_is_not_used_again() -> None:
    async with FakeClickHouse(asked=COLUMNS, done=END_OF_STREAM + PROGRESS) as server:
        client = fake_client(server)
        await client.insert("t", rows(3), token="t", timeout=2)
        assert client._pool.idle == 0
        await client.close()


@pytest.mark.parametrize("revision", [54429, 54454, 54485])
async def test_servers_of_other_revisions_take_an_insert(revision: int) -> None:
    async with FakeClickHouse(asked=COLUMNS, done=END_OF_STREAM, revision=revision) as server:
        client = fake_client(server)
        await client.insert("t", rows(1), token="t", timeout=2)
        await client.close()
    assert (
        b"\x01n\x06UInt64" + bytes(8) + b"\x01s" in server.received
    )  # asynch announces 54453: no extra byte


async def test_a_server_that_would_lose_settings_is_not_used() -> None:
    async with FakeClickHouse(revision=54428) as server:
        client = fake_client(server)
        with pytest.raises(Retryable, match="too old"):
            await client.select("SELECT 1")
        await client.close()


@pytest.mark.parametrize(
    ("version", "name"), [((26, 2), b"\x12deduplicate_insert"), ((26, 1), b"\x12insert_deduplicate")]
)
async def test_deduplication_is_asked_for_in_the_servers_own_words(
    version: tuple[int, int], name: bytes
) -> None:
    async with FakeClickHouse(asked=COLUMNS, done=END_OF_STREAM, version=version) as server:
        client = fake_client(server)
        await client.insert("t", rows(1), token="t", timeout=2)
        await client.close()
    assert name in server.received


@pytest.mark.parametrize(
    ("done", "error"),
    [
        (PROGRESS + exception(241, "memory"), Ambiguous),
        (PROGRESS + exception(469, "constraint"), DataRefused),
        (PROGRESS + b"\x63", Ambiguous),
        (PROGRESS, Ambiguous),
    ],
    ids=["passing error", "data error", "unknown packet", "silence"],
)
async def test_progress_before_anything_else_is_a_failure(done: bytes, error: type[OpenRideError]) -> None:
    async with FakeClickHouse(asked=COLUMNS, done=done) as server:
        client = fake_client(server)
        with pytest.raises(error):
            await client.insert("t", rows(3), token="t", timeout=0.3)
        assert client._pool.idle == 0
        await client.close()


async def test_an_exception_instead_of_the_sample_means_that_nothing_was_sent() -> None:
    async with FakeClickHouse(asked=exception(252, "too many parts")) as server:
        client = fake_client(server)
        with pytest.raises(Retryable, match="TOO_MANY_PARTS") as caught:
            await client.insert("t", rows(3), token="t", timeout=2)
        assert not isinstance(caught.value, Ambiguous)
        await client.close()


# What a network may do to it


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET])
@pytest.mark.parametrize("after", [1_500, 500_000, 900_000])
async def test_a_block_cut_short_stores_nothing_and_its_repetition_all(
    clickhouse: ClickHouse, remote: ClickHouse, proxy: Proxy, fault: Fault, after: int
) -> None:
    await create_chain(clickhouse)
    proxy.arm(fault, after=after)
    with pytest.raises(Ambiguous):
        await remote.insert("landing", rows(60_000), token="t", timeout=10)
    proxy.mend()
    before = await count(clickhouse)
    await remote.insert("landing", rows(60_000), token="t", timeout=10)
    assert (before, await count(clickhouse)) == (0, 60_000)


async def test_a_connection_lost_before_the_rows_is_not_ambiguous(
    clickhouse: ClickHouse, remote: ClickHouse, proxy: Proxy
) -> None:
    await create_chain(clickhouse)
    proxy.arm(Fault.RESET, after=50)
    with pytest.raises(Retryable) as caught:
        await remote.insert("landing", rows(), token="t", timeout=5)
    assert not isinstance(caught.value, Ambiguous)


async def test_an_answer_lost_after_the_insert_leads_to_one_copy(
    clickhouse: ClickHouse, remote: ClickHouse, proxy: Proxy
) -> None:
    await create_chain(clickhouse)
    proxy.arm(Fault.LOSE_ANSWER, after=10_000)
    with pytest.raises(Ambiguous):
        await remote.insert("landing", rows(60_000), token="t", timeout=10)
    proxy.mend()
    before = await count(clickhouse)
    await remote.insert("landing", rows(60_000), token="t", timeout=10)
    assert (before, await count(clickhouse)) == (60_000, 60_000)


async def test_a_network_that_swallows_the_rows_makes_the_deadline_ambiguous(
    clickhouse: ClickHouse, remote: ClickHouse, proxy: Proxy
) -> None:
    await create_chain(clickhouse)
    proxy.arm(Fault.HANG, after=10_000)
    with pytest.raises(Ambiguous, match=r"0\.5 s"):
        await remote.insert("landing", rows(60_000), token="t", timeout=0.5)


async def test_a_network_that_swallows_a_question_ends_it_in_time(remote: ClickHouse, proxy: Proxy) -> None:
    proxy.arm(Fault.HANG, after=0)
    with pytest.raises(Retryable, match=r"0\.2 s"):
        await remote.select("SELECT 1", timeout=0.2)


async def test_a_server_that_comes_back_is_found_again(remote: ClickHouse, proxy: Proxy) -> None:
    await asyncio.gather(*(remote.select("SELECT 1") for _ in range(3)))
    proxy.reset_all()

    async def answers() -> bool:
        with suppress(Retryable):
            return (await remote.select("SELECT 1 AS n")).one() == {"n": 1}
        return False

    assert await eventually(answers)


async def test_a_refused_connection_is_retryable_and_not_ambiguous(clickhouse_database: Database) -> None:
    async with FakeClickHouse() as gone:
        port = gone.port
    client = client_of(clickhouse_database, port=port)
    with pytest.raises(Retryable, match="no connection") as caught:
        await client.insert("t", rows(3), token="t", timeout=2)
    assert not isinstance(caught.value, Ambiguous)
    await client.close()


async def test_waiters_for_a_hung_server_give_up_together() -> None:
    async with FakeClickHouse(greets=False) as server:
        client = fake_client(server, pool_size=2)
        begun = time.monotonic()
        asked = (client.select("SELECT 1", timeout=0.3) for _ in range(10))
        results = await asyncio.gather(*asked, return_exceptions=True)
        took = time.monotonic() - begun
        await client.close()
    assert ({type(result) for result in results}, took < 0.3 * 3) == ({Retryable}, True)


async def test_a_connection_that_was_quiet_for_long_is_not_used_again(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Routers forget it, and say nothing."""
    monkeypatch.setattr(pool, "_IDLE_SECONDS", 0.0)
    await clickhouse.select("SELECT 1")
    [(_, quiet)] = clickhouse._pool._idle
    await clickhouse.select("SELECT 1")
    assert not quiet.usable


async def test_who_has_given_up_is_not_waiting() -> None:
    async with FakeClickHouse(greets=False) as server:
        client = fake_client(server, pool_size=2)
        asked = (client.select("SELECT 1", timeout=0.1) for _ in range(5))
        await asyncio.gather(*asked, return_exceptions=True)
        assert client._pool.waiting == 0
        await client.close()


# What a caller may do


async def test_a_question_past_its_deadline_is_killed_at_the_server(clickhouse: ClickHouse) -> None:
    count_running = "SELECT count() AS c FROM system.processes WHERE query LIKE '%sleep' || 'EachRow%'"

    async def running(expected: int) -> bool:
        return (await clickhouse.select(count_running)).one() == {"c": expected}

    slow = asyncio.create_task(clickhouse.select(SLOW, timeout=1))
    seen = await eventually(lambda: running(1))
    with pytest.raises(Retryable, match="within 1 s"):
        await slow
    assert (seen, await eventually(lambda: running(0))) == (True, True)


async def test_a_question_past_its_deadline_costs_its_connection(clickhouse: ClickHouse) -> None:
    with pytest.raises(Retryable):
        await clickhouse.select(SLOW, timeout=0.1)
    assert clickhouse._pool.idle == 0


async def test_after_a_cancelled_question_the_next_one_reads_its_own_answer(clickhouse: ClickHouse) -> None:
    task = asyncio.create_task(clickhouse.select("SELECT number FROM numbers(20000000)"))
    await busy(clickhouse, 1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    block = await clickhouse.select("SELECT 'mine' AS whose")
    assert block.one() == {"whose": "mine"}


async def test_a_thousand_cancellations_lose_no_place(clickhouse: ClickHouse) -> None:
    rng = random.Random(5)
    question = "SELECT {n:UInt32} AS n"

    async def ask(number: int) -> None:
        with suppress(Retryable):
            block = await clickhouse.select(question, {"n": number}, timeout=rng.random() * 0.01)
            assert block.one() == {"n": number}

    async def abandon(number: int) -> None:
        task = asyncio.create_task(ask(number))
        await asyncio.sleep(rng.random() * 0.004)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for first in range(0, 1000, 20):
        await asyncio.gather(*(abandon(first + index) for index in range(20)))
    answers = await asyncio.gather(*(clickhouse.select(question, {"n": n}) for n in range(8)))
    assert ([block.one()["n"] for block in answers], clickhouse._pool.lent) == (list(range(8)), 0)


async def test_inserts_cancelled_at_any_moment_and_repeated_are_stored_once(clickhouse: ClickHouse) -> None:
    rng = random.Random(11)
    await create_chain(clickhouse)
    for batch in range(40):
        token = f"batch {batch}"
        with suppress(TimeoutError):
            async with asyncio.timeout(rng.random() * 0.02):
                await clickhouse.insert("landing", rows(2_000), token=token, timeout=5)
        await clickhouse.insert("landing", rows(2_000), token=token, timeout=5)
    assert await count(clickhouse) == 40 * 2_000


async def test_readers_leave_a_place_for_an_insert(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    readers = [asyncio.create_task(clickhouse.select(SLOW, timeout=30)) for _ in range(6)]
    await busy(clickhouse, 3)
    await clickhouse.insert("landing", rows(), token="t", timeout=5)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert await count(clickhouse) == 100


async def test_inserts_leave_a_place_for_a_reader() -> None:
    async with FakeClickHouse(asked=COLUMNS) as server:
        client = fake_client(server)
        inserts = [asyncio.create_task(client.insert("t", rows(3), token="t", timeout=9)) for _ in range(6)]
        await busy(client, 3)
        reader = asyncio.create_task(client.select("SELECT 1"))
        await busy(client, 4)
        for task in (reader, *inserts):
            task.cancel()
        await asyncio.gather(reader, *inserts, return_exceptions=True)
        assert client._pool.lent == 0
        await client.close()


async def test_close_ends_what_is_running(clickhouse: ClickHouse) -> None:
    running = asyncio.create_task(clickhouse.select(SLOW, timeout=30))
    await busy(clickhouse, 1)
    await clickhouse.close()
    with pytest.raises(Retryable):
        await asyncio.wait_for(running, 1)


async def test_a_closed_client_asks_nothing(clickhouse: ClickHouse) -> None:
    await clickhouse.close()
    with pytest.raises(Retryable, match="closed"):
        await clickhouse.select("SELECT 1")

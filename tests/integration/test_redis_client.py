"""The Redis client: it answers or fails in time, and none of its uses takes it from another. Commands in batches."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from openride_analytics import settings as tree
from openride_analytics.clock import SystemClock
from openride_analytics.embedded.redis import EmbeddedRedis
from openride_analytics.settings import Secret
from openride_analytics.store import breaker
from openride_analytics.store import redis as module
from openride_analytics.store.batches import Batches
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.redis import Client, Use, connect
from tests.support.fake_clickhouse import FakeClickHouse
from tests.support.proxy import Proxy

pytestmark = pytest.mark.redis


def settings_for(url: str) -> tree.Redis:
    return tree.Redis(url=Secret(url), cluster=False, cache_ttl_metrics=300, cache_ttl_reports=3600)


async def test_what_is_set_is_got(redis_url: str) -> None:
    client = connect(settings_for(redis_url))
    await client.set("test:redis-client", b"\x00value")
    assert await client.get("test:redis-client") == b"\x00value"
    await client.aclose()


async def test_a_refused_connection_fails_at_once() -> None:
    client = connect(settings_for("redis://127.0.0.1:1/0"))
    begun = time.monotonic()
    with pytest.raises(RedisConnectionError):
        await client.get("key")
    assert time.monotonic() - begun < 1
    await client.aclose()


async def test_a_hung_server_costs_one_timeout() -> None:
    async with FakeClickHouse(greets=False) as silent:
        client = connect(settings_for(f"redis://127.0.0.1:{silent.port}/0"), timeout=0.2)
        begun = time.monotonic()
        with pytest.raises(RedisTimeoutError):
            await client.get("key")
        assert time.monotonic() - begun < 0.8
        await client.aclose()


Ask: TypeAlias = Callable[..., Awaitable[Any]]


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[list[EmbeddedRedis]]:
    """Two, of which one may take over from the other."""
    found = [EmbeddedRedis(tmp_path / name) for name in ("before", "after")]
    async with AsyncExitStack() as stack:
        for server in found:
            await server.start()
            stack.push_async_callback(server.stop)
        yield found


@pytest.mark.parametrize(
    "how",
    [
        lambda client: Use(client, seconds=5, at_once=4),
        lambda client: Batches(client, Breaker("redis", SystemClock()), seconds=5),
    ],
    ids=["a use", "batches"],
)
@pytest.mark.parametrize("at_once", [1, 4])
async def test_after_a_failover_nobody_stays_with_the_server_of_before(
    servers: list[EmbeddedRedis],
    how: Callable[[Client], Ask],
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It keeps connections open, and only reads from then on."""
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.0)
    count = ("EVAL", "return redis.call('INCR', KEYS[1])", 1, "count")
    before, after = (urlsplit(server.url) for server in servers)
    async with Proxy(str(before.hostname), cast("int", before.port)) as name, AsyncExitStack() as stack:
        client = connect(settings_for(f"redis://127.0.0.1:{name.port}/0"))
        stack.push_async_callback(client.aclose)
        ask = how(client)
        await asyncio.gather(*(ask(*count) for _ in range(at_once)))
        name.lead_to(str(after.hostname), cast("int", after.port))
        operator: Any = connect(settings_for(servers[0].url))
        stack.push_async_callback(operator.aclose)
        await operator.execute_command("REPLICAOF", "127.0.0.1", "1")
        await asyncio.gather(*(ask(*count) for _ in range(at_once)), return_exceptions=True)
        assert await ask(*count) == 1


@pytest.fixture(params=["one server", "cluster"])
def where(request: pytest.FixtureRequest) -> tree.Redis:
    cluster = request.param == "cluster"
    url = request.getfixturevalue("redis_cluster_url" if cluster else "redis_url")
    return tree.Redis(url=Secret(url), cluster=cluster, cache_ttl_metrics=1, cache_ttl_reports=1)


@pytest.fixture
async def client(where: tree.Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """One that has found its servers, and may have three connections to each."""
    monkeypatch.setattr(module, "CONNECTIONS", 3)
    found = connect(where, timeout=10)
    await found.ping()
    yield found
    await found.aclose()


async def test_a_command_is_given_up_before_the_clients_own_time_is_over(client: Client) -> None:
    impatient = Use(client, seconds=0.05, at_once=1)
    with pytest.raises(TimeoutError):
        await impatient("BLPOP", f"test:{uuid4()}", 30)


async def test_what_comes_too_late_is_nobody_elses_answer(client: Client) -> None:
    """Each connection that is given up would have an answer waiting for whoever has it next."""
    list_, own = f"test:{uuid4()}", f"test:{uuid4()}"
    impatient, patient = Use(client, seconds=0.05, at_once=3), Use(client, seconds=5, at_once=1)
    await asyncio.gather(*(impatient("BLPOP", list_, 30) for _ in range(3)), return_exceptions=True)
    await patient("RPUSH", list_, "a", "b", "c")
    assert [await patient("INCR", own) for _ in range(3)] == [1, 2, 3]


async def test_one_use_leaves_connections_to_another(client: Client) -> None:
    list_, own = f"test:{uuid4()}", f"test:{uuid4()}"
    crowd, other = Use(client, seconds=10, at_once=2), Use(client, seconds=10, at_once=1)
    crowding = [asyncio.create_task(crowd("BLPOP", list_, 30)) for _ in range(8)]
    await asyncio.sleep(0)
    counted = await other("INCR", own)
    await other("RPUSH", list_, *range(8))
    assert (counted, len(await asyncio.gather(*crowding))) == (1, 8)


# Batches


def batches(client: Client, seconds: float) -> Batches:
    return Batches(client, Breaker("redis", SystemClock()), seconds=seconds)


async def test_each_of_a_batch_has_its_own_answer(client: Client) -> None:
    keys = [f"test:{uuid4()}" for _ in range(50)]
    ask = batches(client, 10)
    await asyncio.gather(*(ask("SET", key, n) for n, key in enumerate(keys)))
    found = await asyncio.gather(*(ask("INCR", key) for key in keys))
    assert found == list(range(1, 51))


async def test_what_one_of_a_batch_may_not_do_the_others_may(client: Client) -> None:
    text, number = f"test:{uuid4()}", f"test:{uuid4()}"
    await client.set(text, "no number")
    ask = batches(client, 10)
    refused, counted = await asyncio.gather(
        *(ask("INCR", key) for key in (text, number)), return_exceptions=True
    )
    assert (type(refused), counted) == (ResponseError, 1)


async def test_a_batch_that_is_given_up_leaves_no_answer_to_another(client: Client) -> None:
    lists, own = [f"test:{uuid4()}" for _ in range(3)], f"test:{uuid4()}"
    impatient, patient = batches(client, 0.05), Use(client, seconds=10, at_once=1)
    given_up = await asyncio.gather(*(impatient("BLPOP", each, 30) for each in lists), return_exceptions=True)
    for each in lists:
        await patient("RPUSH", each, "a")
    counted = [await patient("INCR", own) for _ in range(3)]
    assert ({type(error) for error in given_up}, counted) == ({TimeoutError}, [1, 2, 3])


async def test_who_leaves_takes_nobody_elses_answer_away(client: Client) -> None:
    one, other = f"test:{uuid4()}", f"test:{uuid4()}"
    ask = batches(client, 10)
    asking = [asyncio.create_task(ask("INCR", key)) for key in (one, other)]
    await asyncio.sleep(0)
    asking[0].cancel()
    assert await asking[1] == 1

"""The Redis client: it answers or fails at once."""

import time

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from openride_analytics import settings as tree
from openride_analytics.settings import Secret
from openride_analytics.store.redis import TIMEOUT_SECONDS, connect
from tests.support.fake_clickhouse import FakeClickHouse

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
        client = connect(settings_for(f"redis://127.0.0.1:{silent.port}/0"))
        begun = time.monotonic()
        with pytest.raises(RedisTimeoutError):
            await client.get("key")
        assert time.monotonic() - begun < 4 * TIMEOUT_SECONDS
        await client.aclose()

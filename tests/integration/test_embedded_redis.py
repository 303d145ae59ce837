"""The embedded Redis: the version we may rely on, its data, its readiness."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from openride_analytics.embedded.process import ServerFailed
from openride_analytics.embedded.redis import EmbeddedRedis

pytestmark = pytest.mark.redis


async def test_speaks_every_command_of_6_2(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.set("getdel", "1")
        assert await client.getdel("getdel") == b"1"


async def test_data_survives_a_restart(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path) as server, Redis.from_url(server.url) as client:
        await client.set("kept", "yes")
    async with EmbeddedRedis(tmp_path) as server, Redis.from_url(server.url) as client:
        assert await client.get("kept") == b"yes"


async def test_a_port_in_use_is_named(tmp_path: Path, redis_url: str) -> None:
    port = urlsplit(redis_url).port
    assert port is not None
    with pytest.raises(ServerFailed, match=f"port {port}"):
        await EmbeddedRedis(tmp_path, port=port).start()


async def test_a_second_server_on_the_same_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openride_analytics.embedded.process.LOCK_TIMEOUT_SECONDS", 0.1)
    async with EmbeddedRedis(tmp_path):
        with pytest.raises(ServerFailed, match="another server still runs"):
            await EmbeddedRedis(tmp_path).start()


async def test_a_server_is_taken_from_the_path_where_the_wheel_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openride_analytics.embedded import redis

    bundled = redis.server_program()
    (tmp_path / "redis-server").symlink_to(bundled)
    monkeypatch.setattr(redis, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis.server_program() == tmp_path / "redis-server"


async def test_without_any_server_it_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openride_analytics.embedded import redis

    monkeypatch.setattr(redis, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerFailed, match=r"openride-analytics\[embedded\]"):
        redis.server_program()

"""The API while Redis fails, forgets or lies: the same answers, computed again, hardly later, and by one question.

Faults 25 (down or hung), 27 (what it kept is gone or junk) and 35 (a stampede) of the list in `tests/faults`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from openride_analytics import settings as tree
from openride_analytics.store import answers, breaker, limits
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import ApiResources, Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.proxy import Fault, Proxy
from tests.support.warehouse import store

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis]

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
BOOKINGS = "/v1/metrics/bookings?start_date=2026-10-01&end_date=2026-10-31"
ADDED_SECONDS = 0.3  # that a Redis that fails may cost an answer

Disturb = Callable[[Any, str], Awaitable[None]]


@pytest.fixture
async def booked(warehouse: ClickHouse, redis_url: str) -> None:
    """One booking, and nothing kept."""
    at = "2026-10-04T12:00:00+01:00"
    event = example("booking.created", event_id=str(uuid4()), booking_id=str(uuid4()), event_timestamp=at)
    await store(warehouse, [event], token=str(uuid4()))
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()


@asynccontextmanager
async def replica(
    settings: tree.Settings, redis_url: str, **more: str
) -> AsyncIterator[tuple[ApiResources, Served]]:
    environ = leading_to(settings) | {"REDIS_URL": redis_url} | more
    async with resources(environ, now=NOW) as given, serving(given) as served:
        yield given, served


async def metric(served: Served, name: str, **labels: str) -> float:
    text = (await served.get("/metrics")).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def computed(served: Served) -> float:
    """How often ClickHouse was asked for bookings."""
    return await metric(served, "openride_clickhouse_query_seconds_count", query="metrics/bookings")


# Down or hung


def test_what_a_failing_redis_may_cost_is_less_than_is_promised() -> None:
    """A request meets the first failure and then an open breaker: it waits for its own batch, and for one before."""
    assert 2 * max(answers.DEADLINE_SECONDS, limits.DEADLINE_SECONDS) <= ADDED_SECONDS


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.RESET])
@pytest.mark.usefixtures("booked")
async def test_without_redis_all_are_answered_and_one_command_is_waited_for(
    shared_settings: tree.Settings, redis_url: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit of requests, too, which asks the same Redis."""
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 600.0)
    address = urlsplit(redis_url)
    async with Proxy(address.hostname or "", address.port or 0) as proxy:
        url = address._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()
        async with replica(shared_settings, url) as (_, served):
            await served.get(BOOKINGS)
            proxy.arm(fault)
            found = [
                await served.get(f"{BOOKINGS}&granularity={each}") for each in ("weekly", "monthly", "hourly")
            ]
            failures = await metric(served, "openride_cache_failures_total")
    told = [
        (answer.status_code, answer.headers["x-cache"], answer.json()["bookings_created"]) for answer in found
    ]
    assert (told, failures) == ([(200, "MISS", 1)] * 3, 1)


# Gone, or junk


def resealed(change: Callable[[list[Any]], object]) -> Disturb:
    """As another version would have kept it, with a digest that is right."""

    async def disturb(redis: Any, key: str) -> None:
        fields = msgspec.msgpack.decode((await redis.get(key))[16:])
        packed = msgspec.msgpack.encode(change(fields))
        digest = hashlib.blake2b(packed, digest_size=16, person=b"openride-answer1").digest()
        await redis.set(key, digest + packed)

    return disturb


async def flushed(redis: Any, key: str) -> None:
    await redis.flushall()


async def evicted(redis: Any, key: str) -> None:
    """By memory, as a Redis that is full does it."""
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    await redis.config_set("maxmemory", 1)
    try:
        while await redis.exists(key):
            await redis.get("something to make room for")
    finally:
        await redis.config_set("maxmemory", 0)
        await redis.config_set("maxmemory-policy", "noeviction")


def junk(value: bytes) -> Disturb:
    async def disturb(redis: Any, key: str) -> None:
        await redis.set(key, value)

    return disturb


async def cut(redis: Any, key: str) -> None:
    await redis.set(key, (await redis.get(key))[:-3])


async def flipped(redis: Any, key: str) -> None:
    kept = bytearray(await redis.get(key))
    kept[40] ^= 1
    await redis.set(key, bytes(kept))


async def another_kind(redis: Any, key: str) -> None:
    await redis.delete(key)
    await redis.rpush(key, "a list")


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(flushed, id="flushed"),
        pytest.param(evicted, id="evicted"),
        pytest.param(junk(b""), id="empty"),
        pytest.param(junk(b"\xff" * 500), id="junk"),
        pytest.param(junk(b'{"bookings_created": 7}'), id="somebody else's"),
        pytest.param(cut, id="cut"),
        pytest.param(flipped, id="a bit flipped"),
        pytest.param(another_kind, id="a list"),
        pytest.param(resealed(lambda fields: fields[:2]), id="an old layout"),
        pytest.param(resealed(lambda fields: {"body": fields[0]}), id="another layout"),
    ],
)
@pytest.mark.usefixtures("booked")
async def test_what_is_not_an_answer_of_ours_is_a_miss(
    shared_settings: tree.Settings, redis_url: str, disturb: Disturb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.0)
    async with replica(shared_settings, redis_url) as (given, served):
        first = await served.get(BOOKINGS)
        (key,) = [key async for key in given.redis.scan_iter("openride:answer:*")]  # type: ignore[attr-defined]
        await disturb(given.redis, key.decode())
        second = await served.get(BOOKINGS)
    told = (second.status_code, second.headers["x-cache"], second.headers["etag"])
    assert told == (200, "MISS", first.headers["etag"])


@pytest.mark.usefixtures("booked")
async def test_an_answer_of_another_release_is_not_taken(
    shared_settings: tree.Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica(shared_settings, redis_url) as (_, served):
        await served.get(BOOKINGS)
    monkeypatch.setattr("openride_analytics.stats.keeping._RELEASE", "0.0.1")
    async with replica(shared_settings, redis_url) as (_, served):
        assert (await served.get(BOOKINGS)).headers["x-cache"] == "MISS"


# A stampede


@pytest.mark.usefixtures("booked")
async def test_two_hundred_equal_requests_at_two_replicas_are_one_query(
    shared_settings: tree.Settings, redis_url: str
) -> None:
    async with (
        replica(shared_settings, redis_url) as (_, one),
        replica(shared_settings, redis_url) as (_, other),
    ):
        found = await asyncio.gather(*(served.get(BOOKINGS) for served in (one, other) * 100))
        asked = await computed(one) + await computed(other)
    assert ({answer.status_code for answer in found}, len({answer.content for answer in found}), asked) == (
        {200},
        1,
        1,
    )

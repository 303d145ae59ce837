"""Rate limits: one count for all replicas in a real Redis, and none that keeps anybody waiting while it is away."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest

from openride_analytics.settings import load
from openride_analytics.store import breaker
from openride_analytics.store import limits as store_limits
from openride_analytics.store.limits import WINDOW_MS, RateLimits, key_of
from openride_analytics.store.redis import connect
from tests.support.api import Served, SteadyClock, resources, serving
from tests.support.eventually import eventually, poll
from tests.support.proxy import Fault, Proxy
from tests.support.tokens import SECRET_ENVIRON, bearer, signed

pytestmark = pytest.mark.redis

ASKED = "/v1/metrics/bookings?zone=x"  # answered without asking ClickHouse
IN, TOO_MANY = 400, 429
LIMIT = 5
CROWD = 1000
MOST_SECONDS = 0.3  # what a Redis that hangs may cost a request


def environ(redis_url: str, limit: int = LIMIT) -> dict[str, str]:
    return {**SECRET_ENVIRON, "REDIS_URL": redis_url, "RATE_LIMIT_PER_MINUTE": str(limit)}


@asynccontextmanager
async def limited(redis_url: str) -> AsyncIterator[Served]:
    """A service that limits."""
    async with resources(environ(redis_url)) as given, serving(given) as served:
        yield served


@asynccontextmanager
async def limits(redis_url: str, per_minute: int, seconds: float = 10.0) -> AsyncIterator[RateLimits]:
    """The limits alone, and patient: a busy machine is no fault."""
    client = connect(load({"REDIS_URL": redis_url}).redis)
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store_limits, "DEADLINE_SECONDS", seconds)
            yield RateLimits(client, breaker.Breaker("redis", SteadyClock()), per_minute)
    finally:
        await client.aclose()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = connect(load({"REDIS_URL": redis_url}).redis)
    yield client
    await client.aclose()


def somebody() -> dict[str, str]:
    """Whom nobody has seen before: the Redis is everybody's."""
    return bearer(signed(sub=str(uuid4())))


async def ask(api: Served, token: dict[str, str], **headers: str) -> httpx.Response:
    return await api.get(ASKED, **token, **headers)


async def test_replicas_allow_together_what_one_may(redis_url: str) -> None:
    token = somebody()
    async with limited(redis_url) as one, limited(redis_url) as two:
        answers = await asyncio.gather(*(ask(api, token) for api in (one, two) for _ in range(LIMIT)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [IN] * LIMIT + [TOO_MANY] * LIMIT


async def test_who_asks_too_often_is_told_when_to_come_again(redis_url: str) -> None:
    token = somebody()
    async with limited(redis_url) as api:
        *_, last = [await ask(api, token) for _ in range(LIMIT + 1)]
    assert (last.headers["content-type"], last.json()["title"]) == (
        "application/problem+json",
        "Too Many Requests",
    )
    assert 1 <= int(last.headers["Retry-After"]) <= WINDOW_MS / 1000


async def test_others_are_not_held_to_account(redis_url: str) -> None:
    token = somebody()
    async with limited(redis_url) as api:
        await asyncio.gather(*(ask(api, token) for _ in range(2 * LIMIT)))
        assert (await ask(api, somebody())).status_code == IN


async def test_another_token_of_the_same_subject_is_the_same_caller(redis_url: str) -> None:
    subject = str(uuid4())
    async with limited(redis_url) as api:
        answers = [await ask(api, bearer(signed(sub=subject, jti=str(n)))) for n in range(LIMIT + 1)]
    assert answers[-1].status_code == TOO_MANY


async def test_where_nobody_shows_a_token_it_goes_by_address_and_no_header_changes_it(
    redis_url: str, redis: Any
) -> None:
    await redis.delete(key_of("address 127.0.0.1"))
    open_to_all = {"REDIS_URL": redis_url, "RATE_LIMIT_PER_MINUTE": str(LIMIT)}
    async with resources(open_to_all) as given, serving(given) as api:
        spoofed = [
            {"X-Forwarded-For": f"10.0.0.{n}", "Forwarded": f"for=10.0.0.{n}"} for n in range(LIMIT + 1)
        ]
        answers = [await ask(api, {}, **headers) for headers in spoofed]
    assert [answer.status_code for answer in answers] == [IN] * LIMIT + [TOO_MANY]


async def test_what_is_public_is_not_limited(redis_url: str) -> None:
    async with limited(redis_url) as api:
        assert {(await api.get("/health/live")).status_code for _ in range(3 * LIMIT)} == {200}


async def test_a_token_that_is_refused_counts_for_nobody(redis_url: str) -> None:
    subject = str(uuid4())
    async with limited(redis_url) as api:
        for _ in range(2 * LIMIT):
            await ask(api, bearer(signed("b" * 32, sub=subject)))
        assert (await ask(api, bearer(signed(sub=subject)))).status_code == IN


async def test_without_a_limit_redis_is_not_asked() -> None:
    async with resources({"RATE_LIMIT_PER_MINUTE": "0"}) as given, serving(given) as api:
        assert {(await ask(api, {})).status_code for _ in range(30)} == {IN}


async def test_a_window_ends_by_itself(redis_url: str, redis: Any) -> None:
    client = str(uuid4())
    async with limits(redis_url, 1) as limit:
        before = [await limit.wait_seconds(client) for _ in range(2)]
        await redis.pexpire(key_of(client), 1)
        await asyncio.sleep(0.02)
        assert (before[0], before[1] > 0, await limit.wait_seconds(client)) == (0, True, 0)


@pytest.mark.parametrize("junk", [b"junk", b"", b"99999999999999999999"])
async def test_a_key_that_holds_something_else_is_begun_anew(redis_url: str, redis: Any, junk: bytes) -> None:
    client = str(uuid4())
    await redis.set(key_of(client), junk)
    async with limits(redis_url, 1) as limit:
        found = [await limit.wait_seconds(client) for _ in range(2)]
    assert (found[0], found[1] > 0, await redis.pttl(key_of(client)) > 0) == (0, True, True)


async def test_a_key_without_an_end_gets_one(redis_url: str, redis: Any) -> None:
    client = str(uuid4())
    await redis.set(key_of(client), 1000)
    async with limits(redis_url, 1) as limit:
        assert 0 < await limit.wait_seconds(client) <= WINDOW_MS / 1000
    assert 0 < await redis.pttl(key_of(client)) <= WINDOW_MS


async def test_of_more_than_redis_is_asked_for_in_its_time_none_is_let_in_uncounted(redis_url: str) -> None:
    """Through a network so slow that they could not be asked for a few at a time."""
    client = str(uuid4())
    async with slowly(redis_url) as url, limits(url, LIMIT, 4.0) as limit:
        waits = await asyncio.gather(*(limit.wait_seconds(client) for _ in range(CROWD)))
    assert waits.count(0) == LIMIT


async def test_an_event_loop_that_is_held_up_is_no_fault_of_redis(redis_url: str, redis: Any) -> None:
    """Also while it connects."""
    client, seconds = str(uuid4()), 0.05
    await redis.set(key_of(client), 1000)
    async with limits(redis_url, 1, seconds) as limit, held_up(2 * seconds):
        assert await limit.wait_seconds(client) > 0


async def test_no_subject_is_in_redis(redis_url: str, redis: Any) -> None:
    subject = f"{uuid4()}@example.com"
    async with limited(redis_url) as api:
        await ask(api, bearer(signed(sub=subject)))
    assert [key for key in await redis.keys("*") if subject.encode() in key] == []


# Faults


async def test_a_redis_that_is_away_limits_nobody() -> None:
    async with limited("redis://127.0.0.1:1/0") as api:
        token = somebody()
        assert {(await ask(api, token)).status_code for _ in range(3 * LIMIT)} == {IN}


async def test_a_redis_that_hangs_costs_a_request_at_most_300_ms(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.0)  # every request tries
    async with through_proxy(redis_url) as (proxy, api):
        await ask(api, somebody())
        proxy.arm(Fault.HANG)
        taken = [await timed(ask(api, somebody())) for _ in range(5)]
    assert ({status for status, _ in taken}, min(seconds for _, seconds in taken) <= MOST_SECONDS) == (
        {IN},
        True,
    )


async def test_once_it_was_found_to_hang_nobody_waits_for_it(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 600.0)
    async with through_proxy(redis_url) as (proxy, api):
        proxy.arm(Fault.HANG)
        await ask(api, somebody())
        taken = [await timed(ask(api, somebody())) for _ in range(20)]
    assert sum(seconds for _, seconds in taken) < 20 * MOST_SECONDS / 3


async def test_who_comes_while_it_is_found_to_hang_does_not_ask_it_too(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 600.0)
    host, port = httpx.URL(redis_url).host, cast("int", httpx.URL(redis_url).port)
    async with Proxy(host, port) as proxy, limits(f"redis://127.0.0.1:{proxy.port}/0", 1, 0.5) as limit:
        proxy.arm(Fault.HANG)
        first = asyncio.create_task(limit.wait_seconds(str(uuid4())))
        await eventually(lambda: proxy.struck == 1)
        await asyncio.gather(first, *(limit.wait_seconds(str(uuid4())) for _ in range(CROWD)))
    assert proxy.struck == 1


async def test_when_it_is_back_it_limits_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.05)
    token = somebody()
    async with through_proxy(redis_url) as (proxy, api):
        proxy.arm(Fault.HANG)
        await ask(api, token)
        proxy.mend()
        await poll(lambda: refused(api, token))


async def test_requests_cut_off_while_they_are_counted_leave_no_answer_to_another(redis_url: str) -> None:
    """Each of many who come twice is let in once: a count that was somebody else's would show."""
    random_seconds = random.Random(7)
    host, port = httpx.URL(redis_url).host, cast("int", httpx.URL(redis_url).port)
    async with Proxy(host, port) as proxy, limits(f"redis://127.0.0.1:{proxy.port}/0", 1) as limit:
        proxy.delay = 0.002
        for _ in range(200):
            task = asyncio.create_task(limit.wait_seconds("whoever is cut off"))
            await asyncio.sleep(random_seconds.uniform(0, 0.01))
            task.cancel()
            client = str(uuid4())
            found = [await limit.wait_seconds(client) for _ in range(2)]
            await asyncio.wait([task])
            assert (found[0], found[1] > 0) == (0, True)


@asynccontextmanager
async def slowly(redis_url: str) -> AsyncIterator[str]:
    """The Redis at the other end of a slow network."""
    host, port = httpx.URL(redis_url).host, cast("int", httpx.URL(redis_url).port)
    async with Proxy(host, port) as proxy:
        proxy.delay = 0.1
        yield f"redis://127.0.0.1:{proxy.port}/0"


@asynccontextmanager
async def held_up(seconds: float) -> AsyncIterator[None]:
    """An event loop in which something takes so long, again and again."""
    loop, holding = asyncio.get_running_loop(), True

    def hold() -> None:
        if holding:
            time.sleep(seconds)
            loop.call_soon(hold)

    loop.call_soon(hold)
    try:
        yield
    finally:
        holding = False


@asynccontextmanager
async def through_proxy(redis_url: str) -> AsyncIterator[tuple[Proxy, Served]]:
    """A service that limits, and what stands before its Redis."""
    host, port = httpx.URL(redis_url).host, cast("int", httpx.URL(redis_url).port)
    async with Proxy(host, port) as proxy, limited(f"redis://127.0.0.1:{proxy.port}/0") as api:
        yield proxy, api


async def timed(asking: Any) -> tuple[int, float]:
    begun = time.monotonic()
    answer = await asking
    return answer.status_code, time.monotonic() - begun


async def refused(api: Served, token: dict[str, str]) -> bool:
    return (await ask(api, token)).status_code == TOO_MANY

"""Answers kept in a real Redis: computed once, and never in the way."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from openride_analytics import settings as tree
from openride_analytics.clock import SystemClock
from openride_analytics.settings import Secret
from openride_analytics.store import answers as module
from openride_analytics.store.answers import Answer, Answers, key_of
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.redis import connect
from openride_analytics.telemetry import Metrics
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.redis


ESCAPED = str.maketrans({char: f"\\{char}" for char in "{}*?[]"})  # in Redis' patterns


class Maker:
    """Computes an answer, slowly, and counts how often."""

    def __init__(self, seconds: float = 0.1, error: Exception | None = None, *, kept: int = 60) -> None:
        self.begun = self.cancelled = 0
        self._seconds = seconds
        self._kept = kept
        self._error = error

    async def __call__(self) -> Answer:
        self.begun += 1
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._error is not None:
            raise self._error
        return Answer(f"{self.begun}".encode(), "tag", 1.5, self._kept)


@asynccontextmanager
async def answers(url: str) -> AsyncIterator[Answers]:
    client = connect(
        tree.Redis(url=Secret(url), cluster=False, cache_ttl_metrics=300, cache_ttl_reports=3600)
    )
    try:
        yield Answers(client, Breaker("redis", SystemClock()), metrics=Metrics())
    finally:
        await client.aclose()


@asynccontextmanager
async def behind_proxy(url: str) -> AsyncIterator[tuple[Proxy, Answers]]:
    """Answers, and what stands before their Redis."""
    address = urlsplit(url)
    async with (
        Proxy(address.hostname or "", address.port or 0) as proxy,
        answers(address._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()) as one,
    ):
        yield proxy, one


def saying(body: str) -> Callable[[], Awaitable[Answer]]:
    """Computes an answer that says what the question was."""

    async def make() -> Answer:
        return Answer(body.encode(), "tag", 1.5, 60)

    return make


async def keys(url: str, question: str) -> set[str]:
    """What is kept of a question."""
    async with Redis.from_url(url, decode_responses=True) as client:
        return {key async for key in client.scan_iter(f"{key_of(question).translate(ESCAPED)}*")}


@pytest.fixture
def question() -> str:
    return f"question {uuid4()}"


async def test_what_was_made_is_there_for_the_next_one(redis_url: str, question: str) -> None:
    make = Maker()
    async with answers(redis_url) as one:
        asked = [await one.get(question, make) for _ in range(2)]
    answer = Answer(b"1", "tag", 1.5, 60)
    assert asked == [(answer, False), (answer, True)]


async def test_two_hundred_equal_questions_at_two_replicas_are_one_computation(
    redis_url: str, question: str
) -> None:
    make = Maker()
    async with answers(redis_url) as one, answers(redis_url) as other:
        asking: list[Callable[[], Awaitable[tuple[Answer, bool]]]] = [
            lambda replica=replica: replica.get(question, make)  # type: ignore[misc]
            for replica in (one, other) * 100
        ]
        found = await asyncio.gather(*(ask() for ask in asking))
    assert (make.begun, {answer.body for answer, _ in found}) == (1, {b"1"})


async def test_what_takes_longer_than_a_claim_is_one_computation_too(
    redis_url: str, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLAIM_MS", 200)
    make = Maker(seconds=1)
    async with answers(redis_url) as one, answers(redis_url) as other:
        await asyncio.gather(*(replica.get(question, make) for replica in (one, other)))
    assert make.begun == 1


async def test_a_thousand_who_leave_at_any_moment_leave_no_answer_to_another_question(redis_url: str) -> None:
    """Through a slow network, so that they leave while their commands are on the way."""
    rng = random.Random(26)
    async with behind_proxy(redis_url) as (proxy, one):
        proxy.delay = 0.001

        async def leave(question: str) -> None:
            asking = asyncio.create_task(one.get(question, saying(question)))
            await asyncio.sleep(rng.random() * 0.02)
            asking.cancel()
            await asyncio.wait([asking])

        wrong = []
        for first in range(0, 1000, 20):
            questions = [f"left {uuid4()}" for _ in range(20)]
            await asyncio.gather(*map(leave, questions))
            asked = [*rng.sample(questions, 4), f"new {first}"]
            found = await asyncio.gather(*(one.get(each, saying(each)) for each in asked))
            wrong += [
                each for each, (answer, _) in zip(asked, found, strict=True) if answer.body != each.encode()
            ]
    assert wrong == []


async def test_what_is_kept_is_there_for_more_than_redis_can_be_asked_in_its_time(
    redis_url: str, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a network so slow that they could not be asked for a few at a time."""
    monkeypatch.setattr(module, "DEADLINE_SECONDS", 2.0)
    questions = [f"{question} {n}" for n in range(1000)]
    async with behind_proxy(redis_url) as (proxy, one):
        await asyncio.gather(*(one.get(each, saying(each)) for each in questions))
        proxy.delay = 0.1
        found = await asyncio.gather(*(one.get(each, saying(each)) for each in questions))
    assert {hit for _, hit in found} == {True}


async def test_different_questions_have_different_answers(redis_url: str, question: str) -> None:
    make = Maker()
    async with answers(redis_url) as one:
        found = [await one.get(question + suffix, make) for suffix in ("", "?")]
    assert [answer.body for answer, _ in found] == [b"1", b"2"]


async def test_an_answer_is_forgotten_after_its_time(redis_url: str, question: str) -> None:
    make = Maker(seconds=0, kept=1)
    async with answers(redis_url) as one:
        await one.get(question, make)
        await asyncio.sleep(1.2)
        _, hit = await one.get(question, make)
    assert (hit, make.begun) == (False, 2)


async def test_an_answer_that_no_longer_holds_is_replaced_and_by_one_computation(
    redis_url: str, question: str
) -> None:
    make = Maker()

    async def holds(answer: Answer) -> bool:
        return answer.body == b"2"

    async with answers(redis_url) as one, answers(redis_url) as other:
        await one.get(question, make)
        found = await asyncio.gather(*(replica.get(question, make, holds) for replica in (one, other) * 10))
        found.append(await one.get(question, make, holds))
    assert (make.begun, {answer.body for answer, _ in found}, found[-1][1]) == (2, {b"2"}, True)


async def test_an_error_is_raised_and_not_kept(redis_url: str, question: str) -> None:
    async with answers(redis_url) as one:
        with pytest.raises(ArithmeticError):
            await one.get(question, Maker(error=ArithmeticError()))
        left = await keys(redis_url, question)
        _, hit = await one.get(question, Maker(seconds=0))
    assert (hit, left) == (False, set())  # its claim neither


async def test_who_has_computed_an_answer_has_nothing_more_to_do(redis_url: str, question: str) -> None:
    async with answers(redis_url) as one:
        before = asyncio.all_tasks()
        await one.get(question, Maker(seconds=0))
        assert asyncio.all_tasks() == before


async def test_what_nobody_waits_for_any_more_is_cancelled(redis_url: str, question: str) -> None:
    make = Maker(seconds=30)
    async with answers(redis_url) as one:
        asking = [asyncio.create_task(one.get(question, make)) for _ in range(2)]
        await asyncio.sleep(0.1)
        asking[0].cancel()
        await asyncio.sleep(0.1)
        early = make.cancelled
        asking[1].cancel()
        await asyncio.sleep(0.1)
    assert (early, make.cancelled) == (0, 1)


async def test_one_who_leaves_does_not_take_the_others_answer_away(redis_url: str, question: str) -> None:
    make = Maker(seconds=0.3)
    async with answers(redis_url) as one:
        asking = [asyncio.create_task(one.get(question, make)) for _ in range(2)]
        await asyncio.sleep(0.1)
        asking[0].cancel()
        answer, _ = await asking[1]
    assert answer.body == b"1"


async def test_when_the_one_who_computes_dies_another_one_does(redis_url: str, question: str) -> None:
    make = Maker(seconds=0)
    async with answers(redis_url) as one:
        await one.get(question, make)
        (kept,) = await keys(redis_url, question)
        client = Redis.from_url(redis_url)
        await client.delete(kept)
        await client.set(f"{kept}:claim", "of a dead process", px=500)
        await client.aclose()
        _, hit = await one.get(question, make)
    assert (hit, make.begun) == (False, 2)


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x00" * 64, "ä".encode() * 40])
async def test_junk_is_a_miss_and_is_replaced(redis_url: str, question: str, junk: bytes) -> None:
    make = Maker(seconds=0)
    async with answers(redis_url) as one:
        await one.get(question, make)
        (key,) = await keys(redis_url, question)
        client = Redis.from_url(redis_url)
        await client.set(key, junk)
        await client.aclose()
        hits = [(await one.get(question, make))[1] for _ in range(2)]
    assert hits == [False, True]


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.RESET])
async def test_without_redis_every_question_is_computed_and_hardly_later(
    redis_url: str, question: str, fault: Fault
) -> None:
    make = Maker(seconds=0)
    async with behind_proxy(redis_url) as (proxy, one):
        proxy.arm(fault, after=0)
        for _ in range(20):
            await one.get(question, make)
    failures = one.metrics.cache_failures_total._value.get()
    assert (make.begun, failures) == (20, 1)

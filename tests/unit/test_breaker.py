"""Who has failed is left alone for a while, and then asked by one."""

import pytest

from openride_analytics.store.breaker import OPEN_SECONDS, Breaker
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def failed(clock: FakeClock) -> Breaker:
    breaker = Breaker("redis", clock)
    breaker.failed(TimeoutError())
    return breaker


def test_who_has_just_failed_is_not_asked(failed: Breaker) -> None:
    assert not failed.may_try()


async def test_after_a_while_one_may_ask(clock: FakeClock, failed: Breaker) -> None:
    await clock.advance(OPEN_SECONDS)
    assert [failed.may_try() for _ in range(3)] == [True, False, False]


async def test_who_fails_again_is_left_alone_again(clock: FakeClock, failed: Breaker) -> None:
    await clock.advance(OPEN_SECONDS)
    failed.failed(TimeoutError())
    await clock.advance(OPEN_SECONDS - 0.1)
    assert not failed.may_try()


async def test_one_who_asked_and_was_never_heard_of_again_keeps_nobody_out(
    clock: FakeClock, failed: Breaker
) -> None:
    await clock.advance(OPEN_SECONDS)
    failed.may_try()
    await clock.advance(OPEN_SECONDS)
    assert failed.may_try()


async def test_who_is_back_is_asked_by_all(clock: FakeClock, failed: Breaker) -> None:
    await clock.advance(OPEN_SECONDS)
    failed.succeeded()
    assert [failed.may_try() for _ in range(3)] == [True] * 3

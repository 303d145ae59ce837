"""The two clocks."""

import asyncio
import time

import pytest

from openride_analytics.clock import Clock, SystemClock, wait
from tests.support.clock import EPOCH, FakeClock, settle


async def sleep_and_note(clock: FakeClock, seconds: float, notes: list[float]) -> None:
    await clock.sleep(seconds)
    notes.append(clock.monotonic())


async def test_sleepers_wake_in_order_each_at_its_moment() -> None:
    clock, notes = FakeClock(), list[float]()
    sleepers = [asyncio.create_task(sleep_and_note(clock, seconds, notes)) for seconds in (3, 1, 2)]
    await clock.advance(5)
    await asyncio.gather(*sleepers)
    assert notes == [1, 2, 3]


async def test_nobody_wakes_early() -> None:
    clock, notes = FakeClock(), list[float]()
    sleeper = asyncio.create_task(sleep_and_note(clock, 3, notes))
    await clock.advance(2.999)
    sleeper.cancel()
    assert notes == []


async def test_what_a_sleeper_begins_is_part_of_the_same_advance() -> None:
    clock, notes = FakeClock(), list[float]()

    async def twice() -> None:
        await sleep_and_note(clock, 1, notes)
        await sleep_and_note(clock, 1, notes)

    task = asyncio.create_task(twice())
    await clock.advance(2)
    await task
    assert notes == [1, 2]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep(1))
    await settle()
    sleeper.cancel()
    await settle()
    assert clock.pending() == []


async def test_both_times_move_together() -> None:
    clock = FakeClock()
    await clock.advance(7)
    assert (clock.time(), clock.monotonic()) == (EPOCH + 7, 7)


async def test_a_loop_that_never_rests_is_found_out() -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    task = asyncio.create_task(spin())
    with pytest.raises(AssertionError, match="spinning"):
        await settle()
    task.cancel()


async def test_the_system_clock_sleeps_no_time_below_zero() -> None:
    clock: Clock = SystemClock()
    await clock.sleep(-1)
    assert abs(clock.time() - time.time()) < 60


async def test_wait_ends_with_the_event() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait(event, 60)


async def test_wait_ends_with_the_time() -> None:
    assert not await wait(asyncio.Event(), 0.001)

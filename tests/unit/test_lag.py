"""Following a consumer group's lag, on a clock that is told when to move."""

import asyncio

import pytest

from openride_analytics.simulate.lag import MAX_BYTES, PATIENCE, Backlog, LagGate, Partition
from tests.support.clock import FakeClock

P: Partition = ("topic", 0)


class Group:
    """A consumer group with one partition, and what a user was told meanwhile."""

    def __init__(self, max_lag: int, end: int = 0) -> None:
        self.clock = FakeClock()
        self.offset = 0
        self.said: list[str] = []
        self.gate = LagGate(
            max_lag, {P: Backlog(end, 0)}, self._committed, clock=self.clock, say=self.said.append
        )

    async def _committed(self) -> dict[Partition, int]:
        return {P: self.offset}

    async def admitted(self, messages: int, size: int = 1) -> "asyncio.Task[None]":
        task = asyncio.create_task(self.gate.admit(P, messages, size))
        await self.clock.advance()
        return task


async def test_batches_pass_up_to_the_limit() -> None:
    group = Group(10)
    assert [(await group.admitted(5)).done() for _ in range(2)] == [True, True]


async def test_a_batch_above_the_limit_waits_for_a_commit() -> None:
    group = Group(10)
    await group.admitted(8)
    waiting = await group.admitted(8)
    before = waiting.done()
    group.offset = 6
    await group.clock.advance(1)
    assert (before, waiting.done()) == (False, True)


async def test_what_others_left_unread_counts() -> None:
    group = Group(10, end=10)
    waiting = await group.admitted(1)
    assert waiting.cancel()


async def test_what_others_send_meanwhile_counts() -> None:
    group = Group(10)
    await group.admitted(1)
    group.gate.sent(P, 10)
    waiting = await group.admitted(1)
    assert waiting.cancel()


async def test_bytes_are_bounded_too() -> None:
    group = Group(10)
    await group.admitted(1, MAX_BYTES)
    waiting = await group.admitted(1, 1)
    before = waiting.done()
    group.offset = 1
    await group.clock.advance(1)
    assert (before, waiting.done()) == (False, True)


async def test_what_was_read_makes_room_beside_what_was_not() -> None:
    group = Group(10)
    for _ in range(2):
        await group.admitted(1, MAX_BYTES // 2)
    group.offset = 1
    waiting = await group.admitted(1, MAX_BYTES // 2)
    await group.clock.advance(1)
    assert waiting.done()


async def test_a_batch_larger_than_the_limits_passes_alone() -> None:
    assert (await Group(10).admitted(11, MAX_BYTES + 1)).done()


async def test_nobody_consuming_is_said_once() -> None:
    group = Group(1)
    await group.admitted(1)
    waiting = await group.admitted(1)
    await group.clock.advance(3 * PATIENCE)
    waiting.cancel()
    assert len(group.said) == 1


async def test_a_slow_consumer_is_not_complained_of() -> None:
    group = Group(2)
    await group.admitted(2)
    waiting = await group.admitted(2)
    for offset in (1, 2):
        await group.clock.advance(PATIENCE - 1)
        group.offset = offset
    waiting.cancel()
    assert group.said == []


@pytest.mark.parametrize(("max_lag", "largest"), [(1, 1), (3, 1), (4000, 1000)])
def test_batches_are_a_part_of_the_limit(max_lag: int, largest: int) -> None:
    assert Group(max_lag).gate.largest_batch == largest

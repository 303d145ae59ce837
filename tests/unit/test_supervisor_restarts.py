"""Crashes: who is started again, how soon, how often, and what that does to the others."""

import asyncio
import random

import pytest

from openride_analytics.errors import Fatal
from openride_analytics.supervisor import Backoff, Child, Escalated, Limit, Restart, Spec, State
from tests.support.actors import BACKOFF, House, Longest, Puppet, children, running
from tests.support.clock import FakeClock

ALL = list(Restart)


class Broken:
    """Crashes as soon as it is started."""

    name = "broken"

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.clock: FakeClock | None = None

    async def run(self, child: Child) -> None:
        if self.clock is not None:
            self.starts.append(self.clock.monotonic())
        raise RuntimeError("boom")


async def delays(house: House, actor: Puppet, crashes: int) -> list[float]:
    """Crash so many times; the pause after each."""
    seen = []
    for _ in range(crashes):
        await actor.crash()
        (delay,) = house.clock.pending()
        seen.append(delay)
        await house.clock.advance(delay)
    return seen


@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
async def test_permanent_and_transient_actors_are_restarted_after_a_crash(restart: Restart) -> None:
    a = Puppet("a")
    async with running(Spec(a, restart)) as house:
        await a.crash()
        await house.clock.advance(1)
        assert (a.starts, house.child("a").state) == (2, State.RUNNING)


async def test_a_temporary_actor_is_not_restarted_after_a_crash() -> None:
    a = Puppet("a")
    async with running(Spec(a, Restart.TEMPORARY), Spec(Puppet("b"))) as house:
        await a.crash()
        await house.clock.advance(1000)
        assert (a.starts, house.child("a").state) == (1, State.FAILED)


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
async def test_transient_and_temporary_actors_may_return(restart: Restart) -> None:
    a = Puppet("a")
    async with running(Spec(a, restart), Spec(Puppet("b"))) as house:
        await a.finish()
        await house.clock.advance(1000)
        assert (a.starts, house.child("a").state) == (1, State.STOPPED)


async def test_a_permanent_actor_that_returns_is_restarted() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.finish()
        await house.clock.advance(1)
        assert (a.starts, house.child("a").state) == (2, State.RUNNING)


async def test_a_permanent_actor_that_returns_has_that_as_its_error() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.finish()
        assert "returned" in str(house.child("a").last_error)


async def test_a_crash_is_shown() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash(ValueError("two\nlines"))
        assert (house.child("a").state, house.child("a").last_error) == (
            State.BACKOFF,
            "ValueError: two",
        )


async def test_a_restart_is_counted_once_it_happens() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash()
        before = house.child("a").restarts
        await house.clock.advance(1)
        assert (before, house.child("a").restarts) == (0, 1)


async def test_a_cancellation_from_within_is_a_crash() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash(asyncio.CancelledError())
        assert house.child("a").state is State.BACKOFF


@pytest.mark.parametrize("restart", ALL)
async def test_a_crash_touches_no_sibling(restart: Restart) -> None:
    a, b = Puppet("a"), Puppet("b")
    async with running(Spec(a, restart), Spec(b)) as house:
        await a.crash()
        await house.clock.advance(1)
        assert (b.starts, b.cancelled, house.child("b").state) == (1, False, State.RUNNING)


async def test_a_restarted_dependency_does_not_restart_its_dependants() -> None:
    store, http = Puppet("store"), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        await store.crash()
        await house.clock.advance(1)
        assert (store.starts, http.starts, http.cancelled) == (2, 1, False)


async def test_a_dependant_that_crashes_waits_for_its_dependency_to_be_back() -> None:
    store, http = Puppet("store"), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        await delays(house, store, 1)
        await store.crash()  # for 2 s
        await http.crash()  # for 1 s
        await house.clock.advance(1)
        assert house.states() == {"store": State.BACKOFF, "http": State.WAITING}


async def test_a_dependant_that_crashed_comes_back_with_its_dependency() -> None:
    store, http = Puppet("store"), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        await delays(house, store, 1)
        await store.crash()
        await http.crash()
        await house.clock.advance(2)
        assert house.states() == {"store": State.RUNNING, "http": State.RUNNING}


async def test_pauses_double_up_to_a_maximum() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        assert await delays(house, a, 5) == [1, 2, 4, 8, 8]


async def test_a_stable_run_resets_the_pause() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await delays(house, a, 3)
        await house.clock.advance(BACKOFF.reset_after)
        assert await delays(house, a, 2) == [1, 2]


async def test_a_run_that_was_not_quite_stable_does_not_reset_the_pause() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await delays(house, a, 3)
        await house.clock.advance(BACKOFF.reset_after - 1)
        assert await delays(house, a, 1) == [8]


async def test_being_ready_again_does_not_begin_the_stable_run_anew() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await delays(house, a, 3)
        await house.clock.advance(BACKOFF.reset_after - 1)
        await a.ready()
        await house.clock.advance(1)
        assert await delays(house, a, 1) == [1]


async def test_a_long_start_is_no_stable_run() -> None:
    a = Puppet("a", ready=False)
    async with running(Spec(a)) as house:
        await delays(house, a, 2)
        await house.clock.advance(BACKOFF.reset_after)
        assert await delays(house, a, 1) == [4]


def test_jitter_stays_between_half_and_all_of_the_ceiling() -> None:
    rng = random.Random(1)
    assert all(
        BACKOFF.ceiling(crashes) / 2 <= BACKOFF.delay(crashes, rng) <= BACKOFF.ceiling(crashes)
        for crashes in range(1, 200)
    )


def test_jitter_spreads_over_that_range() -> None:
    rng = random.Random(1)
    tenths = {int((BACKOFF.delay(1, rng) - 0.5) / 0.05) for _ in range(500)}
    assert tenths >= set(range(10))


def test_no_number_of_crashes_overflows() -> None:
    assert Backoff(initial=0.5, maximum=30).ceiling(100_000) == 30


async def test_jitter_comes_from_the_given_generator() -> None:
    a = Puppet("a")
    async with running(Spec(a), rng=random.Random(7)) as house:
        assert await delays(house, a, 3) == pytest.approx(
            [BACKOFF.delay(n, rng) for rng in [random.Random(7)] for n in (1, 2, 3)]
        )


async def test_the_limit_itself_does_not_escalate() -> None:
    a = Puppet("a")
    async with running(Spec(a), limit=Limit(restarts=2, within=100)) as house:
        await delays(house, a, 2)
        assert house.child("a").state is State.RUNNING


async def test_passing_the_limit_escalates_naming_actor_and_error() -> None:
    a = Puppet("a")
    async with running(Spec(a), limit=Limit(restarts=2, within=100)) as house:
        await delays(house, a, 2)
        await a.crash(ValueError("the last one"))
        with pytest.raises(
            Escalated, match="a: more than 2 restarts within 100 s; last error: ValueError: the last"
        ):
            await house.task


async def test_escalation_stops_the_others_in_good_order() -> None:
    a, b = Puppet("a"), Puppet("b")
    async with running(*children(a, b), limit=Limit(restarts=0, within=100)) as house:
        await a.crash()
        assert (house.states(), b.cancelled) == ({"a": State.FAILED, "b": State.STOPPED}, False)


async def test_restarts_further_apart_than_the_window_never_escalate() -> None:
    a = Puppet("a")
    async with running(Spec(a), limit=Limit(restarts=2, within=100)) as house:
        for _ in range(10):
            await a.crash()
            await house.clock.advance(51)
        assert (a.starts, house.child("a").state) == (11, State.RUNNING)


async def test_each_actor_has_a_limit_of_its_own() -> None:
    a, b = Puppet("a"), Puppet("b")
    async with running(*children(a, b), limit=Limit(restarts=1, within=100)) as house:
        await a.crash()
        await b.crash()
        await house.clock.advance(1)
        assert set(house.states().values()) == {State.RUNNING}


@pytest.mark.parametrize("restart", ALL)
async def test_a_fatal_error_escalates_at_once(restart: Restart) -> None:
    a = Puppet("a")
    async with running(Spec(a, restart), Spec(Puppet("b"))) as house:
        await a.crash(Fatal("an applied migration was edited"))
        with pytest.raises(
            Escalated, match="a: cannot go on; last error: Fatal: an applied migration was edited"
        ):
            await house.task


async def test_an_actor_that_crashes_at_once_reaches_the_default_limit_whatever_the_jitter() -> None:
    async with running(Spec(Broken()), backoff=Backoff(), limit=Limit(), rng=Longest()) as house:
        await house.clock.advance(600)
        assert isinstance(house.task.exception(), Escalated)


async def test_an_actor_that_crashes_at_once_starts_no_more_often_than_the_limit_allows() -> None:
    broken = Broken()
    async with running(Spec(Puppet("a")), Spec(broken, after=("a",))) as house:
        broken.clock = house.clock
        await house.clock.advance(600)
        assert broken.starts == [1, 3, 7, 15, 23]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_crash(kind: type[BaseException]) -> None:
    class Interrupted:
        name = "interrupted"
        starts = 0

        async def run(self, child: Child) -> None:
            self.starts += 1
            raise kind

    actor = Interrupted()

    async def main() -> None:
        async with running(Spec(actor), Spec(Puppet("other"))) as house:
            await house.task

    with pytest.raises(kind):
        asyncio.run(main())
    assert actor.starts == 1


async def test_an_error_that_is_no_exception_comes_out_of_run() -> None:
    class Odd(BaseException):
        pass

    a = Puppet("a")
    async with running(Spec(a), Spec(Puppet("b"))) as house:
        await a.crash(Odd())
        with pytest.raises(Odd):
            await house.task

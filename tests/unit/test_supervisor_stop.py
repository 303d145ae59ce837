"""Stopping: reverse order, grace, cancellation, and what is said of those that are left."""

import asyncio
import logging

import pytest

from openride_analytics.errors import Fatal
from openride_analytics.supervisor import Child, Escalated, Restart, Spec, State, Supervisor
from tests.support.actors import BACKOFF, GRACE, LIMIT, Busy, House, Longest, Puppet, children, running
from tests.support.clock import FakeClock, settle


class Cleaner:
    """Needs `seconds` of the house's clock to finish."""

    def __init__(self, name: str, journal: list[str], seconds: float) -> None:
        self.name = name
        self.house: House | None = None
        self._journal = journal
        self._seconds = seconds

    async def run(self, child: Child) -> None:
        child.ready()
        await child.stopping.wait()
        self._journal.append(f"{self.name} finishes")
        assert self.house is not None
        await self.house.clock.sleep(self._seconds)
        self._journal.append(f"{self.name} ends")


class LateStart:
    """Becomes ready only when it is asked to finish, which it then does not."""

    name = "late"

    async def run(self, child: Child) -> None:
        await child.stopping.wait()
        child.ready()
        await asyncio.Event().wait()


class SlowStart:
    """Never becomes ready, and does not look at `stopping`."""

    name = "slow"

    async def run(self, child: Child) -> None:
        await asyncio.Event().wait()


async def test_dependants_stop_before_their_dependencies() -> None:
    journal: list[str] = []
    specs = [
        Spec(Puppet("store", journal)),
        Spec(Puppet("cache", journal), after=("store",)),
        Spec(Puppet("http", journal), after=("store", "cache")),
    ]
    async with running(*specs) as house:
        journal.clear()
        await house.stop()
        assert journal == ["http ends", "cache ends", "store ends"]


async def test_a_dependency_is_not_asked_before_its_dependant_has_ended() -> None:
    http, store = Cleaner("http", [], 4), Puppet("store")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        http.house = house
        await house.stop()
        assert house.states() == {"store": State.RUNNING, "http": State.STOPPING}


async def test_a_dependency_waits_for_those_who_need_it_through_another() -> None:
    http, cache, store = Cleaner("http", [], 4), Puppet("cache"), Puppet("store")
    specs = [
        Spec(store),
        Spec(cache, Restart.TEMPORARY, after=("store",)),
        Spec(http, after=("cache",)),
    ]
    async with running(*specs) as house:
        http.house = house
        await cache.finish()
        await house.stop()
        assert house.child("store").state is State.RUNNING


async def test_independent_children_stop_side_by_side() -> None:
    journal: list[str] = []
    a, b = Cleaner("a", journal, 4), Cleaner("b", journal, 4)
    async with running(Spec(a), Spec(b)) as house:
        a.house = b.house = house
        await house.stop()
        await house.clock.advance(4)
        assert sorted(journal[:2]) == ["a finishes", "b finishes"]


async def test_run_returns_after_the_stop() -> None:
    async with running(*children(Puppet("a"), Puppet("b"))) as house:
        await house.stop()
        assert house.task.done()


async def test_who_ends_within_the_grace_period_is_not_cancelled() -> None:
    journal: list[str] = []
    a = Cleaner("a", journal, GRACE - 1)
    async with running(Spec(a)) as house:
        a.house = house
        await house.stop()
        await house.clock.advance(GRACE - 1)
        assert (journal, house.child("a").state) == (["a finishes", "a ends"], State.STOPPED)


async def test_nobody_is_cancelled_before_the_grace_period_is_over() -> None:
    busy = Busy("busy")
    async with running(Spec(busy)) as house:
        await house.stop()
        await house.clock.advance(GRACE - 0.01)
        assert (busy.cancellations, house.child("busy").state) == (0, State.STOPPING)


async def test_after_the_grace_period_who_is_left_is_cancelled() -> None:
    busy = Busy("busy")
    async with running(Spec(busy)) as house:
        await house.stop()
        await house.clock.advance(GRACE)
        assert (busy.cancellations, house.task.done()) == (1, True)


async def test_the_grace_period_is_for_the_whole_stop() -> None:
    http, store = Cleaner("http", [], GRACE - 1), Cleaner("store", [], 2)
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        http.house = store.house = house
        await house.stop()
        await house.clock.advance(GRACE)
        assert house.states() == {"store": State.FAILED, "http": State.STOPPED}


async def test_a_dependency_held_up_by_its_dependant_is_ended_too() -> None:
    store, busy = Puppet("store"), Busy("busy")
    async with running(Spec(store), Spec(busy, after=("store",))) as house:
        await house.stop()
        await house.clock.advance(GRACE)
        assert house.task.done()


async def test_what_was_left_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    async with running(*children(Busy("busy"), Puppet("good"))) as house:
        await house.stop()
        await house.clock.advance(GRACE)
    (record,) = [record for record in caplog.records if "did not stop in time" in record.message]
    assert record.__dict__["actors"] == ["busy"]


async def test_a_clean_stop_logs_no_problem(caplog: pytest.LogCaptureFixture) -> None:
    async with running(*children(Puppet("a"), Puppet("b"))) as house:
        await house.stop()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_was_cancelled_has_failed_and_says_why() -> None:
    async with running(Spec(Busy("busy"))) as house:
        await house.stop()
        await house.clock.advance(GRACE)
        status = house.child("busy")
        assert (status.state, status.last_error) == (State.FAILED, "did not stop within 10 s; cancelled")


async def test_who_ignores_cancellation_is_not_waited_for() -> None:
    deaf = Busy("deaf", deaf=True)
    async with running(Spec(deaf)) as house:
        await house.stop()
        await house.clock.advance(GRACE + 1)
        assert (deaf.cancellations, house.task.done()) == (1, True)
        deaf.release()


async def test_who_ignores_cancellation_is_abandoned_by_name() -> None:
    deaf = Busy("deaf", deaf=True)
    async with running(*children(deaf, Busy("busy"))) as house:
        await house.stop()
        await house.clock.advance(GRACE + 1)
        assert house.supervisor.abandoned == ("deaf",)
        deaf.release()


async def test_after_a_clean_stop_nobody_is_abandoned() -> None:
    async with running(Spec(Puppet("a"))) as house:
        await house.stop()
        assert house.supervisor.abandoned == ()


async def test_a_stop_may_be_asked_for_twice() -> None:
    journal: list[str] = []
    async with running(Spec(Puppet("a", journal))) as house:
        house.supervisor.stop()
        await house.stop()
        assert journal == ["a starts", "a ends"]


async def test_a_stop_before_the_start_starts_nobody() -> None:
    a = Puppet("a")
    supervisor = Supervisor(
        [Spec(a)], clock=FakeClock(), backoff=BACKOFF, limit=LIMIT, grace=GRACE, rng=Longest()
    )
    supervisor.stop()
    await supervisor.run()
    assert a.starts == 0


async def test_who_waits_for_a_dependency_is_never_started_by_a_stop() -> None:
    store, http = Puppet("store", ready=False), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        await house.stop()
        assert (http.starts, house.states()) == (0, {"store": State.STOPPED, "http": State.STOPPED})


async def test_who_is_starting_is_asked_to_finish() -> None:
    slow = Puppet("slow", ready=False)
    async with running(Spec(slow)) as house:
        await house.stop()
        assert (slow.cancelled, house.child("slow").state) == (False, State.STOPPED)


async def test_who_becomes_ready_when_asked_to_finish_is_stopping_all_the_same() -> None:
    async with running(Spec(LateStart())) as house:
        await house.stop()
        assert house.child("late").state is State.STOPPING


async def test_a_start_that_does_not_end_is_cancelled_after_the_grace_period() -> None:
    async with running(Spec(SlowStart())) as house:
        await house.stop()
        await house.clock.advance(GRACE)
        assert house.child("slow").state is State.FAILED


async def test_a_stop_during_a_pause_ends_it_at_once() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash()
        await house.stop()
        assert (a.starts, house.child("a").state, house.task.done()) == (1, State.STOPPED, True)


async def test_a_stop_leaves_no_sleeper_behind() -> None:
    a = Puppet("a")
    async with running(Spec(a), Spec(Puppet("b"))) as house:
        await a.crash()
        await house.stop()
        await settle()
        assert house.clock.pending() == []


async def test_a_crash_during_the_stop_is_not_restarted() -> None:
    store, http = Puppet("store"), Cleaner("http", [], 4)
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        http.house = house
        await house.stop()
        await store.crash()
        await house.clock.advance(4)
        assert (store.starts, house.child("store").state) == (1, State.FAILED)


async def test_a_crash_during_the_stop_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    store, http = Puppet("store"), Cleaner("http", [], 4)
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        http.house = house
        await house.stop()
        await store.crash()
        await house.clock.advance(4)
    assert "actor crashed while stopping" in caplog.messages


async def test_a_fatal_error_during_the_stop_still_comes_out() -> None:
    store, http = Puppet("store"), Cleaner("http", [], 4)
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        http.house = house
        await house.stop()
        await store.crash(Fatal("lost"))
        await house.clock.advance(4)
        with pytest.raises(Escalated, match="store: cannot go on"):
            await house.task


async def test_of_several_fatal_errors_the_first_comes_out() -> None:
    store, http, cache = Puppet("store"), Cleaner("http", [], 4), Puppet("cache")
    async with running(Spec(store), Spec(http, after=("store",)), Spec(cache)) as house:
        http.house = house
        await cache.crash(Fatal("lost"))
        await store.crash(Fatal("lost too"))
        await house.clock.advance(4)
        with pytest.raises(Escalated, match="cache: cannot go on"):
            await house.task


async def test_cancelling_run_stops_everybody_gracefully() -> None:
    a, b = Puppet("a"), Puppet("b")
    async with running(*children(a, b)) as house:
        house.task.cancel()
        await settle()
        assert (a.cancelled, house.states()) == (False, {"a": State.STOPPED, "b": State.STOPPED})


async def test_cancelling_run_cancels_it() -> None:
    async with running(Spec(Puppet("a"))) as house:
        house.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await house.task


async def test_cancelling_run_again_skips_the_grace_period() -> None:
    busy = Busy("busy")
    async with running(Spec(busy)) as house:
        house.task.cancel()
        await settle()
        house.task.cancel()
        await settle()
        assert (busy.cancellations, house.task.cancelled()) == (1, True)


async def test_cancelling_run_during_a_stop_skips_the_grace_period() -> None:
    busy = Busy("busy")
    async with running(Spec(busy)) as house:
        await house.stop()
        house.task.cancel()
        await settle()
        assert (busy.cancellations, house.task.done()) == (1, True)


async def test_an_actor_that_returns_when_cancelled_is_not_started_again() -> None:
    class Polite:
        name = "polite"
        starts = 0

        async def run(self, child: Child) -> None:
            self.starts += 1
            child.ready()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return

    polite = Polite()
    async with running(Spec(polite)) as house:
        await house.stop()
        await house.clock.advance(GRACE + BACKOFF.maximum)
        assert (polite.starts, house.task.done()) == (1, True)

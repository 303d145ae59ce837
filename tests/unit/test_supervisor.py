"""Starting: order, readiness, refusals; what can be seen of the children."""

import asyncio

import pytest

from openride_analytics.errors import Fatal
from openride_analytics.supervisor import Escalated, Restart, Spec, State, Supervisor
from tests.support.actors import BACKOFF, GRACE, LIMIT, Longest, Puppet, children, running
from tests.support.clock import EPOCH, FakeClock


def supervisor(*specs: Spec) -> Supervisor:
    return Supervisor(specs, clock=FakeClock(), backoff=BACKOFF, limit=LIMIT, grace=GRACE, rng=Longest())


async def test_dependencies_start_before_dependants() -> None:
    journal: list[str] = []
    specs = [
        Spec(Puppet("http", journal), after=("store", "cache")),
        Spec(Puppet("cache", journal), after=("store",)),
        Spec(Puppet("store", journal)),
    ]
    async with running(*specs):
        assert journal == ["store starts", "cache starts", "http starts"]


async def test_a_dependant_waits_until_its_dependency_is_ready() -> None:
    store, http = Puppet("store", ready=False), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        assert house.states() == {"store": State.STARTING, "http": State.WAITING}


async def test_a_dependant_starts_when_its_dependency_is_ready() -> None:
    store, http = Puppet("store", ready=False), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        await store.ready()
        assert house.states() == {"store": State.RUNNING, "http": State.RUNNING}


async def test_what_is_no_longer_ready_starts_until_it_is_again() -> None:
    store = Puppet("store")
    async with running(Spec(store)) as house:
        await store.unready()
        await store.ready()
        await house.stop()
        states = [change.state for change in house.changes]
    assert states == ["waiting", "starting", "running", "starting", "running", "stopping", "stopped"]


async def test_a_dependant_goes_on_while_its_dependency_is_not_ready() -> None:
    store, http = Puppet("store"), Puppet("http")
    async with running(Spec(store), Spec(http, after=("store",))) as house:
        await store.unready()
        assert house.states() == {"store": State.STARTING, "http": State.RUNNING}


async def test_a_dependant_waits_for_all_its_dependencies() -> None:
    store, cache, http = Puppet("store"), Puppet("cache", ready=False), Puppet("http")
    async with running(Spec(store), Spec(cache), Spec(http, after=("store", "cache"))):
        assert http.starts == 0


async def test_a_dependant_waits_for_a_dependency_that_crashed_while_it_waited_for_another() -> None:
    store, cache, http = Puppet("store"), Puppet("cache", ready=False), Puppet("http")
    async with running(Spec(store), Spec(cache), Spec(http, after=("store", "cache"))) as house:
        await store.crash()
        await cache.ready()
        assert house.states() == {"store": State.BACKOFF, "cache": State.RUNNING, "http": State.WAITING}


async def test_a_dependency_that_returned_counts_as_ready() -> None:
    migrate, http = Puppet("migrate", ready=False), Puppet("http")
    async with running(Spec(migrate, Restart.TRANSIENT), Spec(http, after=("migrate",))) as house:
        await migrate.finish()
        assert house.states() == {"migrate": State.STOPPED, "http": State.RUNNING}


async def test_a_dependency_that_can_never_become_ready_escalates() -> None:
    setup, http = Puppet("setup", ready=False), Puppet("http")
    async with running(Spec(setup, Restart.TEMPORARY), Spec(http, after=("setup",))) as house:
        await setup.crash()
        with pytest.raises(Escalated, match="setup: ended before it was ready"):
            await house.task


async def test_children_without_dependencies_start_at_once() -> None:
    async with running(*children(Puppet("a", ready=False), Puppet("b", ready=False))) as house:
        assert set(house.states().values()) == {State.STARTING}


async def test_a_start_without_a_limit_may_take_for_ever() -> None:
    async with running(Spec(Puppet("slow", ready=False))) as house:
        await house.clock.advance(1_000_000)
        assert house.child("slow").state is State.STARTING


async def test_a_run_that_is_over_cannot_become_ready() -> None:
    slow = Puppet("slow", ready=False)
    async with running(Spec(slow)) as house:
        old = slow.child
        await slow.crash()
        await house.clock.advance(1)
        assert old is not None
        old.ready()
        assert house.child("slow").state is State.STARTING


async def test_being_ready_twice_is_being_ready_once() -> None:
    store = Puppet("store")
    async with running(Spec(store)) as house:
        await store.ready()
        assert [change.state for change in house.changes].count(State.RUNNING) == 1


def test_an_unknown_dependency_is_refused() -> None:
    with pytest.raises(Fatal, match=r"http is to start after \['stor'\]"):
        supervisor(Spec(Puppet("http"), after=("stor",)))


def test_a_circle_is_refused_and_named() -> None:
    specs = [
        Spec(Puppet("a"), after=("b",)),
        Spec(Puppet("b"), after=("c",)),
        Spec(Puppet("c"), after=("a",)),
    ]
    with pytest.raises(Fatal, match=r"(a -> c -> b -> a|b -> a -> c -> b|c -> b -> a -> c)"):
        supervisor(*specs)


def test_waiting_for_oneself_is_refused() -> None:
    with pytest.raises(Fatal, match="a -> a"):
        supervisor(Spec(Puppet("a"), after=("a",)))


def test_two_actors_of_one_name_are_refused() -> None:
    with pytest.raises(Fatal, match="one name"):
        supervisor(Spec(Puppet("a")), Spec(Puppet("a")))


async def test_no_children_is_nothing_to_do() -> None:
    async with running() as house:
        assert house.task.done()


async def test_a_supervisor_runs_once() -> None:
    async with running(Spec(Puppet("a"))) as house:
        with pytest.raises(Fatal, match="once"):
            await house.supervisor.run()


async def test_run_returns_when_all_have_ended_by_themselves() -> None:
    once = Puppet("once")
    async with running(Spec(once, Restart.TRANSIENT)) as house:
        await once.finish()
        assert house.task.done()


async def test_children_are_listed_as_given() -> None:
    specs = [Spec(Puppet("http"), after=("store",)), Spec(Puppet("store"))]
    async with running(*specs) as house:
        assert [child.name for child in house.supervisor.children()] == ["http", "store"]


def test_children_can_be_seen_before_the_start() -> None:
    assert [child.state for child in supervisor(Spec(Puppet("a"))).children()] == [State.WAITING]


async def test_a_status_says_since_when() -> None:
    slow = Puppet("slow", ready=False)
    async with running(Spec(slow)) as house:
        await house.clock.advance(5)
        await slow.ready()
        await house.clock.advance(5)
        assert house.child("slow").since == EPOCH + 5


async def test_every_change_is_told() -> None:
    a = Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash()
        await house.clock.advance(1)
        await house.stop()
        assert [(change.state.value, change.restarts) for change in house.changes] == [
            ("waiting", 0),
            ("starting", 0),
            ("running", 0),
            ("backoff", 0),
            ("waiting", 1),
            ("starting", 1),
            ("running", 1),
            ("stopping", 1),
            ("stopped", 1),
        ]


async def test_each_child_is_one_task() -> None:
    async with running(*children(Puppet("a"), Puppet("b"))):
        names = sorted(
            task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("actor:")
        )
        assert names == ["actor:a", "actor:b"]


async def test_a_supervisor_at_rest_waits_for_no_time_to_pass() -> None:
    async with running(*children(Puppet("a"), Puppet("b"))) as house:
        assert house.clock.pending() == []

"""A consumer that delivers nothing, though there is something and nobody knows why, does not stay."""

import pytest

from openride_analytics.errors import Fatal
from openride_analytics.ingest.partition import Partition, State
from openride_analytics.ingest.watchdog import REBUILDS, Stalled, Watchdog
from tests.support.clock import FakeClock
from tests.support.intake import partition, record

PATIENCE = 30.0
REBALANCE = 70.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def one(clock: FakeClock) -> Partition:
    return partition(clock)


@pytest.fixture
def watchdog(clock: FakeClock) -> Watchdog:
    return Watchdog(clock, PATIENCE, REBALANCE)


async def test_a_partition_that_lags_and_stands_still_is_noticed(
    clock: FakeClock, watchdog: Watchdog, one: Partition
) -> None:
    watchdog.look([one], [one.tp])
    await clock.advance(PATIENCE)
    with pytest.raises(Stalled, match="users/0 stands at 0 for 30 s"):
        watchdog.look([one], [one.tp])


async def test_what_was_fetched_and_is_not_stored_is_noticed_too(
    clock: FakeClock, watchdog: Watchdog, one: Partition
) -> None:
    one.accept([record(0)])
    watchdog.look([one], [])
    await clock.advance(PATIENCE)
    with pytest.raises(Stalled):
        watchdog.look([one], [])


async def test_a_partition_that_moves_is_well(clock: FakeClock, watchdog: Watchdog, one: Partition) -> None:
    for offset in range(10):
        one.accept([record(offset)])
        watchdog.look([one], [one.tp])
        await clock.advance(PATIENCE / 2)


async def test_a_partition_without_lag_may_stand_still(
    clock: FakeClock, watchdog: Watchdog, one: Partition
) -> None:
    for _ in range(10):
        watchdog.look([one], [])
        await clock.advance(PATIENCE)


@pytest.mark.parametrize("state", [State.RECOVERING, State.RETRYING, State.HALTED])
async def test_an_outage_is_no_stall(
    clock: FakeClock, watchdog: Watchdog, one: Partition, state: State
) -> None:
    """Also where something was fetched before it began."""
    one.accept([record(0)])
    one.move(state)
    for _ in range(10):
        watchdog.look([one], [one.tp])
        await clock.advance(PATIENCE)


async def test_a_group_that_never_answers_is_noticed(clock: FakeClock, watchdog: Watchdog) -> None:
    watchdog.revoked()
    await clock.advance(REBALANCE)
    with pytest.raises(Stalled, match="no partitions were assigned"):
        watchdog.look([], [])


async def test_a_group_that_has_yet_to_answer_is_waited_for(clock: FakeClock, watchdog: Watchdog) -> None:
    watchdog.revoked()
    await clock.advance(REBALANCE - 1)
    watchdog.look([], [])


async def test_a_member_without_partitions_is_well(clock: FakeClock, watchdog: Watchdog) -> None:
    watchdog.revoked()
    watchdog.assigned()
    await clock.advance(10 * PATIENCE)
    watchdog.look([], [])


async def test_how_long_it_stood_still_does_not_count_for_a_partition_that_was_away(
    clock: FakeClock, watchdog: Watchdog, one: Partition
) -> None:
    watchdog.look([one], [one.tp])
    watchdog.revoked()
    watchdog.assigned()
    await clock.advance(PATIENCE)
    watchdog.look([one], [one.tp])


async def test_when_new_consumers_stall_too_the_process_must_end(
    clock: FakeClock, watchdog: Watchdog, one: Partition
) -> None:
    for _ in range(REBUILDS):
        watchdog.look([one], [one.tp])
        await clock.advance(PATIENCE)
        with pytest.raises(Stalled):
            watchdog.look([one], [one.tp])
    watchdog.look([one], [one.tp])
    await clock.advance(PATIENCE)
    with pytest.raises(Fatal, match="again and again"):
        watchdog.look([one], [one.tp])


async def test_progress_forgives_earlier_stalls(clock: FakeClock, watchdog: Watchdog, one: Partition) -> None:
    for offset in range(REBUILDS + 2):
        watchdog.look([one], [one.tp])
        await clock.advance(PATIENCE)
        with pytest.raises(Stalled):
            watchdog.look([one], [one.tp])
        watchdog.look([one], [one.tp])
        one.accept([record(offset)])
        watchdog.look([one], [one.tp])

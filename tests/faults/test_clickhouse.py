"""The network to ClickHouse, and the server's answers: whatever becomes of an insert, its rows are there once."""

import asyncio

import pytest

from openride_analytics.ingest import warehouse
from openride_analytics.ingest.partition import State
from tests.support.auditing import differences
from tests.support.durations import lasting
from tests.support.eventually import eventually
from tests.support.fake_clickhouse import PROGRESS, exception
from tests.support.faults import (
    Line,
    dead_letters,
    partition_of,
    readiness,
    send_bookings,
    set_trap,
    trap,
    until,
    until_committed,
)
from tests.support.proxy import Fault

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

INSERT = b"INSERT INTO"
THROWN = 395  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO


async def test_an_insert_whose_answer_was_lost_is_repeated_under_its_token(
    line: Line, attempts: list[str]
) -> None:
    """Fault 2: the insert is applied, the acknowledgement lost."""
    line.proxy.arm(Fault.LOSE_ANSWER, after=10_000, on=INSERT)
    await send_bookings(line.rig, 500)
    async with line.ingesting():
        await eventually(lambda: line.proxy.struck > 0)
        line.proxy.mend()
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    rows, again = await line.rig.count("events_raw"), len(attempts) > len(set(attempts))
    assert (rows, again) == (500, True)


async def test_a_hung_clickhouse_costs_neither_the_membership_nor_a_message(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 12: connections are accepted and nothing is ever answered."""
    monkeypatch.setattr(warehouse, "INSERT_SECONDS", lasting(20))  # so that several are tried
    async with line.ingesting() as actor:
        partition = await partition_of(actor, line.rig.topics.booking)
        await until(partition, State.RUNNING)
        owned = list(actor.partitions)
        line.proxy.arm(Fault.HANG)
        await send_bookings(line.rig, 500)
        said = (await readiness(line, actor))["clickhouse"]
        await asyncio.sleep(lasting(60, least=2 * line.settings.kafka.session_timeout_ms / 1000))
        kept = list(actor.partitions) == owned
        line.proxy.mend()
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (said.state, kept, await line.rig.count("events_raw"), await dead_letters(line.rig)) == (
        "down",
        True,
        500,
        [],
    )


async def test_progress_before_an_exception_is_no_success(line: Line, attempts: list[str]) -> None:
    """Fault 13: a server that says how far it has come before it says that it failed."""
    failed = exception(THROWN, "")[:5]  # the packet's type and its code
    seen: list[bytes] = []

    def hurried(answer: bytes) -> bytes:
        seen.extend([answer] * (failed in answer))
        return answer.replace(failed, PROGRESS + failed)

    line.proxy.rewrite = hurried
    await trap(line.rig)
    await set_trap(line.rig, True)
    await send_bookings(line.rig, 500)
    async with line.ingesting():
        await eventually(lambda: len(seen) >= 2)
        await set_trap(line.rig, False)
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (await line.rig.count("trapped"), len(set(attempts[:2]))) == (500, 1)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET, Fault.HALF_CLOSE])
async def test_a_connection_cut_within_the_rows_neither_loses_nor_doubles_any(
    line: Line, fault: Fault
) -> None:
    """Fault 14: at several places of the block, from its first bytes to its last."""
    async with line.ingesting():
        for n, after in enumerate((1, 3_000, 30_000, 100_000, 200_000)):
            struck = line.proxy.struck
            line.proxy.arm(fault, after=after, on=INSERT)
            await send_bookings(line.rig, 300)
            await eventually(lambda struck=struck: line.proxy.struck > struck)  # type: ignore[misc]
            line.proxy.mend()
            await until_committed(line.rig, 300 * (n + 1), line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert await line.rig.count("events_raw") == 1_500


async def test_a_slow_network_slows_everything_and_loses_nothing(line: Line) -> None:
    """Faults 2 and 14, by delay alone: everything takes longer, nothing is given up."""
    line.proxy.delay = line.kafka.delay = 0.02
    await send_bookings(line.rig, 1_000)
    async with line.ingesting():
        await until_committed(line.rig, 1_000, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert await line.rig.count("events_raw") == 1_000

"""The whole service killed at every step of storing a batch, and started again: nothing lost, nothing doubled."""

import json
from pathlib import Path

import pytest

from openride_analytics.ingest.crash import Point
from tests.support.auditing import differences
from tests.support.faults import booking_events, dead_letters, until_committed
from tests.support.ingestion import Rig
from tests.support.kafka import produce
from tests.support.service import running

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.clickhouse]

GOOD, BAD = 3_000, 30
SERVE = ("serve", "--roles", "ingest")


async def _fill(rig: Rig) -> None:
    """Messages of one partition, some of them bad, for several batches."""
    values = [json.dumps(event).encode() for event in booking_events(GOOD)]
    for n in range(BAD):
        values.insert(n * (GOOD // BAD), b"not json")
    await produce(rig.bootstrap, rig.topics.booking, values, partition=0)


async def _killed(environ: dict[str, str], log: Path, crash_at: str) -> None:
    """Start the service, and wait until it has killed itself there."""
    async with running(*SERVE, environ={**environ, "CRASH_AT": crash_at}, log=log) as process:
        assert await process.ended(within=60) == -9, process.text()


async def _stored(rig: Rig) -> tuple[int, int, int]:
    """Events, what the last table of their chain has of them, and messages that were dead-lettered."""
    buried = {dict(letter.headers)["dlq.offset"] for letter in await dead_letters(rig)}
    return await rig.count("events_raw"), await rig.count("daily_booking_metrics"), len(buried)


@pytest.mark.parametrize("point", list(Point))
async def test_a_kill_at_any_step_neither_loses_nor_doubles(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path, point: Point
) -> None:
    """Fault 1: at each crash point."""
    await _fill(rig)
    # The second time: once there is something stored, committed and remembered before it. In a backlog a commit
    # rides on the next intent, so the last one may be the only one of its own.
    times = 1 if point is Point.COMMITTED else 2
    await _killed(ingestion_environ, tmp_path / "first.log", f"{point}:{times}")
    async with running(*SERVE, environ=ingestion_environ, log=tmp_path / "second.log"):
        await until_committed(rig, GOOD + BAD, rig.topics.booking)
    assert await differences(rig.settings, rig.clickhouse) == []
    assert await _stored(rig) == (GOOD, GOOD, BAD)


async def test_a_second_kill_while_the_first_is_being_mended_changes_nothing(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path
) -> None:
    """Fault 1: with an insert announced, then repeated and not yet committed."""
    await _fill(rig)
    await _killed(ingestion_environ, tmp_path / "first.log", f"{Point.INTENT_COMMITTED}:2")
    before = await rig.count("events_raw")
    await _killed(ingestion_environ, tmp_path / "second.log", f"{Point.INSERTED}:1")
    between = await rig.count("events_raw")
    async with running(*SERVE, environ=ingestion_environ, log=tmp_path / "third.log"):
        await until_committed(rig, GOOD + BAD, rig.topics.booking)
    assert await differences(rig.settings, rig.clickhouse) == []
    assert (between > before, await _stored(rig)) == (True, (GOOD, GOOD, BAD))

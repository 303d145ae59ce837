"""The whole service killed at every step of storing a batch, and started again: nothing lost, nothing doubled."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from openride_analytics.ingest.crash import Point
from tests.support.auditing import differences
from tests.support.ingestion import Rig, fresh
from tests.support.kafka import Message, produce
from tests.support.service import running

pytestmark = pytest.mark.e2e

GOOD, BAD = 3_000, 30
SERVE = ("serve", "--roles", "ingest")


async def _fill(rig: Rig) -> None:
    """Messages of one partition, some of them bad, in batches that take a while."""
    messages = [
        Message(json.dumps(fresh("booking.created", seed=n, event_id=str(uuid4()))).encode())
        for n in range(GOOD)
    ]
    for n in range(BAD):
        messages.insert(n * (GOOD // BAD), Message(b"not json"))
    await produce(rig.bootstrap, rig.topics.booking, messages, partition=0)


@pytest.mark.parametrize("point", list(Point))
async def test_a_kill_at_any_step_neither_loses_nor_doubles(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path, point: Point
) -> None:
    await _fill(rig)
    environ = {**ingestion_environ, "INGEST_BATCH_SIZE": "500", "PORT": "0"}
    # The second time: once there is something stored, committed and remembered before it. In a backlog a commit
    # rides on the next intent, so the last one may be the only one of its own.
    times = 1 if point is Point.COMMITTED else 2
    async with running(
        *SERVE, environ={**environ, "CRASH_AT": f"{point}:{times}"}, log=tmp_path / "first.log"
    ) as first:
        assert await first.ended(within=60) == -9, first.text()
    async with running(*SERVE, environ=environ, log=tmp_path / "second.log"):
        await rig.until_stored(GOOD)
        await rig.until_stored(GOOD, "daily_booking_metrics")
    assert await differences(rig.settings, rig.clickhouse) == []
    assert await rig.count("events_raw") == GOOD

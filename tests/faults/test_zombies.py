"""A replica that hangs in the middle of a batch, loses its partitions to another, and wakes up."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.support.auditing import differences
from tests.support.eventually import eventually
from tests.support.fleet import Fleet, fleet
from tests.support.ingestion import Rig, fresh
from tests.support.kafka import Message, produce
from tests.support.progress import Looker, Progress, looking, watching
from tests.support.service import Process

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.kafka,
]

PARTITIONS = 3
EVENTS = PARTITIONS * 1_500
SESSION_MS = "3000"


@dataclass(frozen=True)
class Scene:
    """A zombie, stopped in its second batch, and what else there is."""

    fleet: Fleet
    zombie: Process
    looker: Looker
    progress: Progress

    async def until_stored(self) -> None:
        """A replica of the name `peer`, which cuts its batches elsewhere, has stored all."""
        self.fleet.start("peer", INGEST_BATCH_SIZE="90")
        await self.looker.until_stored(within=60)

    async def wake(self) -> None:
        """Let the zombie go on, until it has got over it: it has partitions again, in its own right."""
        before = len(self.zombie.text())
        self.fleet.resume("zombie")
        await eventually(lambda: "partitions recovered" in self.zombie.text()[before:], within=40)
        await self.looker.until_stored(within=40)


@asynccontextmanager
async def scene(rig: Rig, environ: dict[str, str], folder: Path) -> AsyncIterator[Scene]:
    """A replica that is stopped after its second intent, while other partitions have a batch on the way too."""
    events = [fresh("booking.created", seed=n, event_id=str(uuid4())) for n in range(EVENTS)]
    messages = [Message(json.dumps(event).encode()) for event in events]
    for n in range(PARTITIONS):
        await produce(rig.bootstrap, rig.topics.booking, messages[n::PARTITIONS], partition=n)
    environ = {**environ, "KAFKA_SESSION_TIMEOUT_MS": SESSION_MS, "INGEST_BATCH_SIZE": "500"}
    async with (
        fleet(environ, folder) as replicas,
        looking(rig.settings.kafka) as looker,
        watching(looker) as progress,
    ):
        zombie = replicas.start("zombie", CRASH_AT="intent_committed:2:stop")
        await eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_STOPPED, within=40)
        yield Scene(replicas, zombie, looker, progress)


async def test_a_late_insert_is_recognized_and_a_late_commit_refused(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path
) -> None:
    async with scene(rig, ingestion_environ, tmp_path) as on:
        await on.until_stored()
        await on.wake()
        found = await differences(rig.settings, rig.clickhouse)
        assert "partitions lost" in on.zombie.text()
        assert (found, await rig.count("events_raw"), on.progress.rewinds) == ([], EVENTS, [])


async def test_a_late_commit_is_refused_also_when_nobody_else_is_left_in_the_group(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path
) -> None:
    async with scene(rig, ingestion_environ, tmp_path) as on:
        await on.until_stored()
        await on.fleet.leave("peer")
        await on.wake()
        found = await differences(rig.settings, rig.clickhouse)
        assert (found, await rig.count("events_raw"), on.progress.rewinds) == ([], EVENTS, [])


async def test_a_zombie_that_outlasts_the_window_is_found_by_the_audit(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path
) -> None:
    for table in await _tables(rig):
        await rig.clickhouse.execute(
            f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 3"
        )
    async with scene(rig, ingestion_environ, tmp_path) as on:
        await on.until_stored()
        await on.wake()
        found = {check.name for check in await differences(rig.settings, rig.clickhouse)}
        assert "offsets stored once" in found


async def _tables(rig: Rig) -> list[str]:
    found = await rig.clickhouse.select(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND engine_full LIKE '%deduplication_window%'"
    )
    return list(found.columns[0])

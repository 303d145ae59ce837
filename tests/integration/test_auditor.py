"""The audit on its schedule: whose turn it is, and what an alarm can see of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest
from aiokafka import TopicPartition

from openride_analytics.ingest.auditor import Auditor
from openride_analytics.telemetry import Metrics
from tests.support.clock import EPOCH, FakeClock
from tests.support.events import example
from tests.support.eventually import eventually
from tests.support.ingestion import Child, Rig
from tests.support.warehouse import store

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)

INTERVAL = 3600


class Place:
    """What the schedule looks at of a partition."""

    def __init__(self, topic: str, number: int) -> None:
        self.tp = TopicPartition(topic, number)


class Scheduled:
    """The actor at work, with a clock that moves when told to."""

    def __init__(self, rig: Rig, partitions: list[Place]) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.actor = Auditor(
            rig.settings,
            rig.clickhouse,
            self.metrics,
            self.clock,
            lambda: partitions,  # type: ignore[arg-type,return-value]
        )

    def value(self, name: str) -> float:
        found = self.metrics.registry.get_sample_value(f"openride_audit_{name}")
        assert found is not None
        return found


@asynccontextmanager
async def scheduled(rig: Rig, *places: tuple[str, int]) -> AsyncIterator[Scheduled]:
    """A process that owns these partitions."""
    running = Scheduled(rig, [Place(*place) for place in places])
    child = Child()
    task = asyncio.create_task(running.actor.run(child))
    try:
        await running.clock.advance()
        yield running
    finally:
        child.stopping.set()
        async with asyncio.timeout(10):
            await task


async def broken(rig: Rig) -> None:
    """Rows that lack what was made of them, old enough to be looked at."""
    await store(rig.clickhouse, [example("booking.created", full=True)])
    await rig.clickhouse.execute("TRUNCATE TABLE daily_booking_metrics")
    for table in ("events_raw", "booking_events"):
        await rig.clickhouse.execute(
            f"ALTER TABLE {table} UPDATE ingested_at = ingested_at - toIntervalHour(1) WHERE 1 "
            "SETTINGS mutations_sync = 2"
        )


async def found(running: Scheduled) -> None:
    """Let the interval pass, and the pauses after which what differs is asked again; wait for the end."""
    await running.clock.advance(INTERVAL)
    for _ in range(2):
        await eventually(lambda: bool(running.clock.pending()), within=60)
        await running.clock.advance(2)
    await eventually(lambda: running.value("last_success_timestamp_seconds") > 0, within=60)


async def test_differences_are_counted_and_an_alarm_can_read_which_checks_differ(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await broken(rig)
    async with scheduled(rig, (rig.topics.user, 0)) as running:
        await found(running)
    said = [(r.levelname, r.differing) for r in caplog.records if r.msg == "audit found differences"]  # type: ignore[attr-defined]
    assert (running.value("differences"), said) == (1, [("ERROR", ["daily_booking_metrics"])])


async def test_a_clean_audit_says_when_it_was(rig: Rig) -> None:
    async with scheduled(rig, (rig.topics.user, 0)) as running:
        await running.clock.advance(INTERVAL)
        await eventually(lambda: running.value("last_success_timestamp_seconds") > 0, within=60)
        assert running.value("last_success_timestamp_seconds") == EPOCH + INTERVAL


async def test_a_process_without_the_first_partition_leaves_it_to_another(rig: Rig) -> None:
    await broken(rig)
    async with scheduled(rig, (rig.topics.user, 1), (rig.topics.booking, 0)) as running:
        running.metrics.audit_differences.set(5)
        await running.clock.advance(INTERVAL)
        # Asleep again, until the next time.
        assert (running.clock.pending(), running.value("differences")) == ([INTERVAL], 0)


async def test_an_audit_that_cannot_be_is_tried_again(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    kafka = msgspec.structs.replace(rig.settings.kafka, bootstrap_servers="127.0.0.1:1")
    away = replace(rig, settings=msgspec.structs.replace(rig.settings, kafka=kafka))
    async with scheduled(away, (rig.topics.user, 0)) as running:
        for _ in range(2):
            await running.clock.advance(INTERVAL)
            await eventually(lambda: bool(running.clock.pending()), within=60)
    warnings = [record.msg for record in caplog.records if record.name == "openride.audit"]
    assert warnings == ["audit not possible now"] * 2


async def test_asked_to_stop_it_does_not_finish_first(rig: Rig) -> None:
    await broken(rig)
    async with scheduled(rig, (rig.topics.user, 0)) as running:
        await running.clock.advance(INTERVAL)
        await eventually(lambda: bool(running.clock.pending()), within=60)
    assert running.value("last_success_timestamp_seconds") == 0

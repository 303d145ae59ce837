"""Taking a partition over fails: nothing is consumed before it has succeeded."""

import asyncio
from collections import Counter

import pytest

from openride_analytics.clock import SystemClock
from openride_analytics.ingest.batch import Source
from openride_analytics.ingest.consumer import Ingestion
from openride_analytics.ingest.duplicates import Folds
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.ingest.partition import State
from openride_analytics.ingest.warehouse import Warehouse
from openride_analytics.telemetry import Metrics
from tests.support.auditing import differences
from tests.support.eventually import eventually
from tests.support.faults import (
    Line,
    committed,
    partition_of,
    readiness,
    send_bookings,
    until,
    until_committed,
)
from tests.support.ingestion import LIMIT_SECONDS, Child

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]


async def test_a_partition_whose_recovery_fails_stays_closed_until_it_succeeds(line: Line) -> None:
    """Fault 24: the table that recovery asks is away."""
    topic = line.rig.topics.booking
    await line.rig.clickhouse.execute("RENAME TABLE recent_event_ids TO away")
    await send_bookings(line.rig, 500)
    async with line.ingesting() as actor:
        partition = await partition_of(actor, topic)
        await until(partition, State.RETRYING)
        held = (partition.wants, await committed(line.rig, topic), await line.rig.count("events_raw"))
        said = (await readiness(line, actor))["partitions"]
        await line.rig.clickhouse.execute("RENAME TABLE away TO recent_event_ids")
        await until_committed(line.rig, 500, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (said.state, f"{topic}/0 retrying: clickhouse: schema: UNKNOWN_TABLE" in said.detail) == (
        "degraded",
        True,
    )
    assert (held, await line.rig.count("events_raw")) == ((False, None, 0), 500)


async def test_an_outage_is_said_once_however_often_it_is_tried(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 24: a line for each try would be some thousands an hour."""
    topic, real, tries = line.rig.topics.booking, Warehouse.recent_ids, Counter[str]()

    async def counted(self: Warehouse, source: Source, *more: int) -> Folds:
        tries[source.topic] += 1
        return await real(self, source, *more)

    monkeypatch.setattr(Warehouse, "recent_ids", counted)
    await line.rig.clickhouse.execute("RENAME TABLE recent_event_ids TO away")
    async with line.ingesting():
        await eventually(lambda: tries[topic] >= 3, within=LIMIT_SECONDS)
    said = [record for record in caplog.records if record.message == "retrying"]
    assert [vars(record)["topic"] for record in said].count(topic) == 1


async def test_a_recovery_that_breaks_ends_the_actor_and_consumes_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 24: an error that nobody foresaw is the supervisor's, whose restart then stores everything."""

    async def broken(self: Offsets, partitions: object) -> None:
        raise RuntimeError("broken")

    topic = line.rig.topics.booking
    await send_bookings(line.rig, 500)
    with monkeypatch.context() as patched:
        patched.setattr(Offsets, "committed", broken)
        actor = Ingestion(line.settings, line.clickhouse, Metrics(), SystemClock())
        with pytest.raises(RuntimeError, match="broken"):
            await asyncio.wait_for(actor.run(Child()), LIMIT_SECONDS)
    held = (await committed(line.rig, topic), await line.rig.count("events_raw"))
    async with line.ingesting():
        await until_committed(line.rig, 500, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert (held, await line.rig.count("events_raw")) == ((None, 0), 500)

"""A ClickHouse of the test's own, that is killed."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.embedded.process import ServerFailed
from openride_analytics.errors import Retryable
from tests.support.auditing import differences
from tests.support.eventually import poll
from tests.support.faults import Line, limited, send_bookings, until_committed

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

KILLS, BATCHES = 2, 5
CHAIN = ("events_raw", "booking_events", "daily_booking_metrics", "recent_event_ids")


@pytest.fixture
async def clickhouse_server(tmp_path: Path) -> AsyncIterator[EmbeddedClickHouse]:
    """Instead of the one for the whole run."""
    async with EmbeddedClickHouse(tmp_path / "clickhouse") as server:
        yield server


async def test_killed_within_inserts_and_started_again_it_has_each_row_once(
    line: Line, clickhouse_server: EmbeddedClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 11: SIGKILL while some of an insert's tables have their rows and others not."""
    clickhouse = line.rig.clickhouse
    await clickhouse.execute(
        "CREATE TABLE slowed (booking_id UUID) ENGINE = MergeTree ORDER BY booking_id "
        "SETTINGS non_replicated_deduplication_window = 10000"
    )
    await clickhouse.execute(
        "CREATE MATERIALIZED VIEW mv_slowed TO slowed AS SELECT booking_id FROM booking_events WHERE sleep(1) = 0"
    )

    async def half_done(since: int) -> bool:
        """The slow table has more rows than `since`, and is behind another."""
        with suppress(Retryable):
            others = [await line.rig.count(table) for table in CHAIN]
            slowed = await line.rig.count("slowed")
            return since < slowed < max(others)
        return False

    await send_bookings(line.rig, 500 * BATCHES)
    # In a single thread the order of views is ClickHouse's choice, and sometimes it is the slow one before all others.
    async with limited("parallel_view_processing", 1)(line.rig, monkeypatch), line.ingesting():
        since = -1
        for _ in range(KILLS):
            await poll(partial(half_done, since))
            assert clickhouse_server.pid is not None
            os.kill(clickhouse_server.pid, signal.SIGKILL)
            with suppress(ServerFailed):
                await clickhouse_server.wait()
            await clickhouse_server.start()  # on the same port
            since = await line.rig.count("slowed")
        await until_committed(line.rig, 500 * BATCHES, line.rig.topics.booking)
    assert await differences(line.rig.settings, clickhouse) == []
    assert (await line.rig.count("events_raw"), await line.rig.count("slowed")) == (
        500 * BATCHES,
        500 * BATCHES,
    )

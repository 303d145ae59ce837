"""A backlog that is stored while ClickHouse is away for a while in the middle of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import TopicPartition

from openride_analytics import kafka
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.settings import load
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.load import send
from tests.support import ledger
from tests.support.auditing import differences
from tests.support.clickhouse import Database
from tests.support.durations import SCALE, lasting
from tests.support.load import ride_messages
from tests.support.progress import Place, looking
from tests.support.service import running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.kafka,
    pytest.mark.timeout(lasting(1800, least=120)),
]

EVENTS = 2_000_000 if SCALE == 1 else 15_000
AWAY_SECONDS = lasting(60)
TOPICS = 6
MEMORY_BYTES = 500_000_000
LOOK_SECONDS = 0.05


@pytest.fixture
async def clickhouse(tmp_path: Path) -> AsyncIterator[EmbeddedClickHouse]:
    """A server of this test's own, to be killed."""
    async with EmbeddedClickHouse(tmp_path / "clickhouse") as server:
        yield server


@pytest.fixture
def environ(ingestion_environ: dict[str, str], clickhouse: EmbeddedClickHouse) -> dict[str, str]:
    """The settings of a service; in the short run with small batches, so that there is a middle."""
    return {
        **ingestion_environ,
        **clickhouse.env(),
        "PORT": "0",
        "METRICS_RETENTION_DAYS": "3650",
        "LOCATION_RETENTION_DAYS": "3650",
        "INGEST_BATCH_SIZE": "10000" if SCALE == 1 else "250",
    }


async def test_a_backlog_survives_an_outage_in_bounded_memory_and_without_leaving_the_group(
    environ: dict[str, str], clickhouse: EmbeddedClickHouse, tmp_path: Path
) -> None:
    settings = load(environ)
    await kafka.create_topics(settings)
    topics, bootstrap = settings.kafka.topics, settings.kafka.bootstrap_servers
    await asyncio.to_thread(send, bootstrap, topics.events(), ride_messages(EVENTS))
    async with (
        looking(settings.kafka) as looker,
        running("serve", "--roles", "ingest", environ=environ, log=tmp_path / "serve.log") as process,
        measuring(process.pid) as memory,
    ):
        assert clickhouse.pid is not None
        await looker.until(half_stored, within=lasting(300, least=40))
        psutil.Process(clickhouse.pid).kill()
        await clickhouse.stop()
        await asyncio.sleep(AWAY_SECONDS)
        left = sum(place.lag for place in (await looker.look()).values())
        await clickhouse.start()
        await looker.until_stored(within=lasting(1200, least=60))
        recoveries = process.text().count("partitions recovered")
    assert left > 0, "all was stored before the outage"
    assert (max(memory) < MEMORY_BYTES, recoveries) == (True, TOPICS), (max(memory), process.text())
    assert await wrong(environ) == []


@asynccontextmanager
async def measuring(pid: int) -> AsyncIterator[list[int]]:
    """Resident bytes of a process, again and again."""
    seen: list[int] = []

    async def look() -> None:
        process = psutil.Process(pid)
        while True:
            seen.append(process.memory_info().rss)
            await asyncio.sleep(LOOK_SECONDS)

    task = asyncio.create_task(look())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def half_stored(places: Mapping[TopicPartition, Place]) -> bool:
    """Whether at least one partition is."""
    return any(place.committed * 2 > place.end for place in places.values())


async def wrong(environ: dict[str, str]) -> list[object]:
    """What is not stored exactly once."""
    settings = load(environ)
    where = settings.clickhouse
    known = await asyncio.to_thread(ledger.read, settings.kafka.bootstrap_servers, settings.kafka.topics)
    assert known.messages == EVENTS
    stored = await asyncio.to_thread(ledger.stored, Database(where.host, where.port, where.database))
    client = ClickHouse(where)
    await client.open()
    try:
        return [*known.differences(stored), *await differences(settings, client)]
    finally:
        await client.close()

"""Whole replicas killed in mid-export: another one takes the export up and makes it; a second death ends it.

That a lease has run out is told to Redis: nobody waits half a minute for it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from openride_analytics import settings as tree
from openride_analytics.store import jobs
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.jobs import Jobs
from tests.support.api import NOBODY
from tests.support.events import example
from tests.support.eventually import eventually, poll
from tests.support.exports import BOOKINGS, OVER, environ, files, somebody
from tests.support.proxy import Fault, Proxy
from tests.support.service import Process, running
from tests.support.serving import listening
from tests.support.warehouse import store

pytestmark = [pytest.mark.e2e, pytest.mark.clickhouse, pytest.mark.redis]


@pytest.fixture
async def line(
    warehouse: ClickHouse, shared_settings: tree.Settings, redis_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Proxy, dict[str, str]]]:
    """Three bookings, and what lets nothing pass as soon as rows are asked for; a queue that nobody else has."""
    events = [
        example("booking.created", event_id=str(uuid4()), event_timestamp=f"2026-10-0{day}T08:00:00Z")
        for day in (5, 6, 7)
    ]
    await store(warehouse, events, token=str(uuid4()))
    own = f"{redis_url.rpartition('/')[0]}/7"
    async with Proxy("127.0.0.1", shared_settings.clickhouse.port) as proxy:
        proxy.arm(Fault.HANG, on=b"ORDER BY `event_type`")
        variables = environ(shared_settings, own, tmp_path / "exports", EXPORT_WORKERS="1")
        yield proxy, NOBODY | variables | {"CLICKHOUSE_PORT": str(proxy.port)}


@asynccontextmanager
async def replica(variables: dict[str, str], log: Path) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A whole service, and a client of it. It is not asked whether it is ready: it is behind a proxy of this loop."""
    async with running("serve", "--roles", "api,exports", environ=variables, log=log) as process:
        served = await listening(process)
        async with httpx.AsyncClient(base_url=served.url, headers=WHO, timeout=15) as client:
            yield process, client


WHO = somebody()


async def dies(proxy: Proxy, process: Process, redis_url: str, *, asked: int = 1) -> None:
    """Kill the replica once rows were asked for, so many times in all; nobody renews its lease, and it ends."""
    await eventually(lambda: proxy.struck >= asked, within=90)
    process.kill()
    async with Redis.from_url(redis_url) as client:
        running_now = jobs._key("running")
        members: list[Any] = await client.zrange(running_now, 0, -1)
        for member in members:
            await client.zadd(running_now, {member: 1})


async def requested(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/exports/request", json=BOOKINGS)
    return str(answer.raise_for_status().json()["export_id"])


async def ended(client: httpx.AsyncClient, export_id: str) -> dict[str, object]:
    """Its status when it is over."""
    found: dict[str, object] = {}

    async def over() -> bool:
        found.update((await client.get(f"/v1/exports/{export_id}/status")).raise_for_status().json())
        return found["status"] in OVER

    await poll(over)
    return found


async def deaths(redis_url: str, export_id: str) -> tuple[int, int]:
    """How many of those who had it died, and how many had it."""
    async with Redis.from_url(redis_url) as client:
        job = await Jobs(client, keep_ms=1).get(export_id)
    assert job is not None
    return job.deaths, job.generation


async def test_what_a_killed_replica_was_making_another_one_makes_once(
    line: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    proxy, variables = line
    async with replica(variables, tmp_path / "first.log") as (first, client):
        export_id = await requested(client)
        await dies(proxy, first, variables["REDIS_URL"])
    proxy.mend()
    async with replica(variables, tmp_path / "second.log") as (_, client):
        found = await ended(client, export_id)
        file = await client.get(f"/v1/exports/{export_id}/download")
    assert (found["status"], found["row_count"], len(file.text.splitlines())) == ("completed", 3, 4)
    made = [path for path in files(tmp_path / "exports") if "working" not in path.parts]
    assert (len(made), await deaths(variables["REDIS_URL"], export_id)) == (1, (1, 2))


async def test_an_export_that_two_replicas_died_from_fails(
    line: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    proxy, variables = line
    async with replica(variables, tmp_path / "first.log") as (first, client):
        export_id = await requested(client)
        await dies(proxy, first, variables["REDIS_URL"])
    async with replica(variables, tmp_path / "second.log") as (second, _):
        await dies(proxy, second, variables["REDIS_URL"], asked=2)
    async with replica(variables, tmp_path / "third.log") as (_, client):
        found = await ended(client, export_id)
    assert (found["status"], found["error"], await deaths(variables["REDIS_URL"], export_id)) == (
        "failed",
        jobs.DIED,
        (2, 2),
    )

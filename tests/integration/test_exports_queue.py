"""What waits for an export, as Prometheus is told."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from openride_analytics.exports.queue import Queue
from openride_analytics.settings import load
from openride_analytics.store.jobs import Jobs
from openride_analytics.store.redis import connect
from openride_analytics.telemetry import Metrics, render
from tests.support.eventually import poll
from tests.support.proxy import Fault, Proxy

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("own_queue")]


@pytest.fixture
async def way(redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", urlsplit(redis_url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def jobs(way: Proxy, metrics: Metrics) -> AsyncIterator[Jobs]:
    """One waits."""
    client = connect(load({"REDIS_URL": f"redis://127.0.0.1:{way.port}/0"}).redis)
    found = Jobs(client, keep_ms=60_000, metrics=metrics)
    await found.create(b"{}", kind="csv", subject="somebody", most_of_one=9, most=9, once=None)
    yield found
    await client.aclose()


def said(metrics: Metrics) -> list[str]:
    return [
        line
        for line in render(metrics.registry).decode().splitlines()
        if line.startswith("openride_exports_waiting")
    ]


async def test_how_many_wait_is_known(jobs: Jobs, metrics: Metrics) -> None:
    await Queue(jobs, metrics).look()
    assert said(metrics)[0] == "openride_exports_waiting 1.0"


async def test_the_first_has_waited_longer_each_time(jobs: Jobs, metrics: Metrics) -> None:
    queue = Queue(jobs, metrics)

    async def has_waited() -> bool:
        await queue.look()
        return float(said(metrics)[1].removeprefix("openride_exports_waiting_seconds ")) > 0

    await poll(has_waited)


async def test_while_redis_is_away_nothing_is_said(jobs: Jobs, way: Proxy, metrics: Metrics) -> None:
    queue = Queue(jobs, metrics)
    await queue.look()
    way.arm(Fault.CUT)
    await queue.look()
    assert said(metrics) == []


async def test_while_redis_is_away_its_failures_are_counted(jobs: Jobs, way: Proxy, metrics: Metrics) -> None:
    """Also by a replica that is asked nothing: the alert goes by them."""
    way.arm(Fault.CUT)
    await Queue(jobs, metrics).look()
    assert metrics.cache_failures_total._value.get() == 1

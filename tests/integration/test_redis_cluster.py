"""A cluster of Redis does what one server does: answers are computed once, requests counted together."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from openride_analytics import settings as tree
from openride_analytics.clock import SystemClock
from openride_analytics.settings import Secret
from openride_analytics.store.answers import Answer, Answers
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.limits import RateLimits
from openride_analytics.store.redis import Client, connect
from openride_analytics.telemetry import Metrics

pytestmark = pytest.mark.redis


@pytest.fixture
async def clients(redis_cluster_url: str) -> AsyncIterator[list[Client]]:
    """Two replicas' clients, which have found the cluster's nodes."""
    settings = tree.Redis(
        url=Secret(redis_cluster_url), cluster=True, cache_ttl_metrics=300, cache_ttl_reports=3600
    )
    found = [connect(settings, timeout=5) for _ in range(2)]
    for client in found:
        await client.ping()
    yield found
    for client in found:
        await client.aclose()


async def test_replicas_compute_an_answer_once(clients: list[Client]) -> None:
    made = 0

    async def make() -> Answer:
        nonlocal made
        made += 1
        await asyncio.sleep(0.05)
        return Answer(b"{}", "tag", 1.5, 60)

    replicas = [Answers(client, Breaker("redis", SystemClock()), metrics=Metrics()) for client in clients]
    await asyncio.gather(*(replica.get("once", make) for replica in replicas for _ in range(10)))
    assert made == 1


async def test_replicas_allow_together_what_one_may(clients: list[Client]) -> None:
    limits = [RateLimits(client, Breaker("redis", SystemClock()), 5) for client in clients]
    waits = [await limits[n % 2].wait_seconds("subject one") for n in range(8)]
    assert [wait > 0 for wait in waits] == [False] * 5 + [True] * 3

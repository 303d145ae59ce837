"""Replicas behind a balancer, stopped and started again one after the other, as an upgrade does."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from openride_analytics import settings as tree
from openride_analytics.embedded.process import free_port
from tests.support.balancer import Balancer
from tests.support.clickhouse import Database
from tests.support.service import Process
from tests.support.serving import ready

pytestmark = pytest.mark.e2e

SERVE = ("serve", "--roles", "api")
REPLICAS = 3
ASKERS = 4  # of each kind, at the same time
DELAY_SECONDS = 0.03  # at any moment some requests are on their way, which is what a stop must not lose
BOOKINGS = "/v1/metrics/bookings?include_time_series=true"
EACH_ITS_OWN = httpx.Limits(max_keepalive_connections=0)
KEPT = httpx.Limits(max_keepalive_connections=ASKERS)


class Replica:
    """One of several, always on the same port; all its starts write to one log."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self._environ = {**environ, "PORT": str(self.port)}
        self._folder = folder
        self._starts = 0
        self._process = self._start()

    async def restart(self) -> int:
        """Ask it to end, then start it and wait until it is ready; how it ended."""
        self._process.send(signal.SIGTERM)
        code = await self._process.ended()
        self._process = self._start()
        await self.until_ready()
        return code

    async def until_ready(self) -> None:
        # In a loop of another thread: it asks over HTTP, which would block the balancer in this one.
        await asyncio.to_thread(asyncio.run, ready(self._process))

    def kill(self) -> None:
        self._process.kill()

    def _start(self) -> Process:
        self._starts += 1
        log = self._folder / f"{self.port}.{self._starts}.log"
        return Process(*SERVE, environ=self._environ, log=log)


@pytest.fixture
def environ(shared_settings: tree.Settings, redis_url: str) -> dict[str, str]:
    """The settings of replicas that only answer, from a database that needs no migrating."""
    found = shared_settings.clickhouse
    return {
        **Database(found.host, found.port, found.database).env(),
        "REDIS_URL": redis_url,
        "HOST": "127.0.0.1",
        "RATE_LIMIT_PER_MINUTE": "0",
        "APP_ENV": "test",
    }


@asynccontextmanager
async def replicas(environ: dict[str, str], folder: Path) -> AsyncIterator[list[Replica]]:
    """All ready; killed in the end."""
    async with AsyncExitStack() as stack:
        started = []
        for _ in range(REPLICAS):
            started.append(Replica(environ, folder))
            stack.push_async_callback(asyncio.to_thread, started[-1].kill)
        await asyncio.gather(*(replica.until_ready() for replica in started))
        yield started


@asynccontextmanager
async def asking(url: str, limits: httpx.Limits) -> AsyncIterator[Counter[int | str]]:
    """Meanwhile, one question after the other, some at a time; how often each answer or error came."""
    found: Counter[int | str] = Counter()
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=10) as client:
        over = asyncio.Event()
        tasks = [asyncio.create_task(_ask(client, over, found)) for _ in range(ASKERS)]
        try:
            yield found
        finally:
            over.set()
            await asyncio.gather(*tasks)


async def _ask(client: httpx.AsyncClient, over: asyncio.Event, found: Counter[int | str]) -> None:
    while not over.is_set():
        try:
            found[(await client.get(BOOKINGS)).status_code] += 1
        except httpx.TransportError as error:
            found[repr(error)] += 1


async def test_replicas_restarted_one_after_the_other_behind_a_balancer_fail_no_request(
    environ: dict[str, str], tmp_path: Path
) -> None:
    async with (
        replicas(environ, tmp_path) as started,
        Balancer([replica.port for replica in started], delay=DELAY_SECONDS) as balancer,
        asking(balancer.url, EACH_ITS_OWN) as connecting,
        asking(balancer.url, KEPT) as keeping,
    ):
        codes = [await replica.restart() for replica in started]
    assert (codes, set(connecting), set(keeping)) == ([0] * REPLICAS, {200}, {200}), (connecting, keeping)

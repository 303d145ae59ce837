"""The HTTP server around real dependencies, or around none."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from openride_analytics import settings as tree
from openride_analytics.api import Api, Health, HttpServer, PartitionStatus
from openride_analytics.clock import SystemClock
from openride_analytics.exports.desk import Desk
from openride_analytics.exports.files import FileStore
from openride_analytics.exports.places import file_store
from openride_analytics.reports.assembly import reports_desk
from openride_analytics.reports.desk import Reports
from openride_analytics.reports.links import Links
from openride_analytics.reports.links import links as links_of
from openride_analytics.store.answers import Answers
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.jobs import Jobs
from openride_analytics.store.limits import RateLimits
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.probes import Keeps, Pings
from openride_analytics.store.redis import connect
from openride_analytics.supervisor import Backoff, ChildStatus, Limit, Spec, Supervisor
from openride_analytics.telemetry import Metrics, Traces, open_traces
from tests.support.clickhouse import Database

# No test speaks TLS to our server. A client makes its own otherwise, with all authorities: 20 ms of each test.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

NOBODY = {
    "HOST": "127.0.0.1",
    "PORT": "0",
    "CLICKHOUSE_HOST": "127.0.0.1",
    "CLICKHOUSE_PORT": "1",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


class SteadyClock(SystemClock):
    """Real time, but for what time it is said to be, and for the seconds `skipped`."""

    def __init__(self, now: float | None = None) -> None:
        self._now = now
        self.skipped = 0.0

    def time(self) -> float:
        return (super().time() if self._now is None else self._now) + self.skipped

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped


@dataclass(frozen=True)
class ApiResources:
    """What the API is given."""

    settings: tree.Settings
    clickhouse: ClickHouse
    postgres: Postgres
    redis: Pings
    answers: Answers
    limits: RateLimits
    jobs: Jobs
    files: FileStore
    exports: Desk
    reports: Reports
    links: Links
    metrics: Metrics
    traces: Traces
    clock: SteadyClock


@dataclass(frozen=True)
class Served:
    """A server that runs, and a client of it."""

    server: HttpServer
    supervisor: Supervisor
    task: asyncio.Task[None]
    client: httpx.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def stop(self) -> None:
        """Ask it to stop and wait until it has."""
        self.supervisor.stop()
        await self.task


def leading_to(settings: tree.Settings) -> dict[str, str]:
    """The variables of a ClickHouse database that other settings lead to."""
    chosen = settings.clickhouse
    return Database(chosen.host, chosen.port, chosen.database).env()


@asynccontextmanager
async def resources(
    environ: dict[str, str], *, now: float | None = None, clickhouse: type[ClickHouse] = ClickHouse
) -> AsyncIterator[ApiResources]:
    """Clients of whatever `environ` leads to; else of servers that are away."""
    settings = tree.load(NOBODY | environ)
    metrics, clock = Metrics(), SteadyClock(now)
    traces = open_traces(settings.otel, metrics, version="test", env="test")
    warehouse, postgres, redis = (
        clickhouse(settings.clickhouse, metrics=metrics),
        Postgres(settings.postgres, metrics=metrics),
        connect(settings.redis, timeout=10),
    )
    await warehouse.open()
    await postgres.open()
    try:
        breaker = Breaker("redis", clock)
        answers = Answers(redis, breaker, metrics=metrics)
        limits = RateLimits(redis, breaker, settings.api.rate_limit_per_minute)
        jobs = Jobs(redis, keep_ms=settings.exports.retention_hours * 3_600_000, metrics=metrics)
        files = file_store(settings.exports)
        desk = Desk(jobs, files, settings, clock)
        links = links_of(settings)
        reports = reports_desk(postgres, warehouse, settings, clock, links)
        yield ApiResources(
            settings,
            warehouse,
            postgres,
            redis,
            answers,
            limits,
            jobs,
            files,
            desk,
            reports,
            links,
            metrics,
            traces,
            clock,
        )
    finally:
        await warehouse.close()
        await postgres.close()
        await redis.aclose()
        await traces.close()


@asynccontextmanager
async def serving(
    given: ApiResources,
    *,
    children: Callable[[], Iterable[ChildStatus]] | None = None,
    partitions: Iterable[PartitionStatus] = (),
    full: bool = True,
    files: Keeps | None = None,
    beside: Sequence[Spec] = (),
) -> AsyncIterator[Served]:
    """The server under a supervisor, with others `beside` it; `children` replaces what that says of its actors."""
    supervisor: Supervisor
    health = Health(
        given,
        children=children or (lambda: supervisor.children()),
        partitions=lambda: partitions,
        files=files,
    )
    server = HttpServer(Api(given, health, full=full))
    listening = asyncio.Event()
    supervisor = Supervisor(
        [Spec(server), *beside],
        clock=given.clock,
        backoff=Backoff(initial=0.1, factor=2, maximum=1, reset_after=60),
        limit=Limit(restarts=0, within=60),
        grace=5,
        rng=random.Random(),
        on_change=lambda child: (
            listening.set() if child.name == "http" and child.state == "running" else None
        ),
    )
    task = asyncio.create_task(supervisor.run())
    waiting = asyncio.create_task(listening.wait())
    await asyncio.wait([task, waiting], timeout=10, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=15, verify=NO_TLS) as client:
            yield Served(server, supervisor, task, client)
    finally:
        if beside:
            supervisor.stop()
        else:
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()  # twice: the fifth of a second of an orderly end is left to the tests of that
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

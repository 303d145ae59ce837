"""The composition root: what runs in a `serve`, in which order, sharing what. The page to read first.

    schema    brings ClickHouse's schema up to date, then has nothing more to do
    reports-schema  the same for PostgreSQL, where DATABASE_URL is set
    ingest    after schema: Kafka to ClickHouse
    audit     after schema, beside ingest: whether all of it got there once, every AUDIT_INTERVAL_MINUTES
    export-n  after schema: EXPORT_WORKERS of them, each makes one exported file at a time, in a process of its own
    export-cleaner  takes up exports whose worker died, removes what has expired
    export-queue  measures how long exports wait: beside the workers, and where they are asked for
    reports   after reports-schema, where DATABASE_URL is set: makes reports that are due, and mails them
    http      from the start, so that whoever asks sees what is missing
    loop      measures how long whoever is ready to run in the event loop waits for it

They share one ClickHouse pool, one PostgreSQL pool, one Redis client, one set of metrics, one way out for traces and
one clock. What may be taken of the client is for each use to say: cached answers and rate limits, which can be done
without, wait for a fraction of a second, the queue of exports for seconds. None waits for a server that is away except
by trying again: the process is alive then, and not ready.
"""

import logging
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version

from openride_analytics.api import Api, Health, HttpServer
from openride_analytics.clock import Clock, SystemClock, wait
from openride_analytics.errors import Retryable
from openride_analytics.exports.cleaner import Cleaner
from openride_analytics.exports.desk import Desk
from openride_analytics.exports.files import FileStore
from openride_analytics.exports.places import file_store
from openride_analytics.exports.queue import Queue
from openride_analytics.exports.worker import Worker
from openride_analytics.garbage import spare_events
from openride_analytics.ingest.auditor import Auditor
from openride_analytics.ingest.consumer import Ingestion
from openride_analytics.reports.assembly import reports_desk, reports_runner
from openride_analytics.reports.desk import Reports
from openride_analytics.reports.links import Links
from openride_analytics.reports.links import links as links_of
from openride_analytics.reports.runner import Runner
from openride_analytics.settings import Settings
from openride_analytics.signals import exit_now, handle_signals
from openride_analytics.store import migrations
from openride_analytics.store.answers import Answers
from openride_analytics.store.breaker import Breaker
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.jobs import Jobs
from openride_analytics.store.limits import RateLimits
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.redis import Client as RedisClient
from openride_analytics.store.redis import connect as connect_redis
from openride_analytics.supervisor import (
    Backoff,
    Child,
    Escalated,
    Limit,
    Restart,
    Spec,
    Supervisor,
)
from openride_analytics.telemetry import Metrics, Traces, open_traces

log = logging.getLogger("openride.app")

ROLES = ("api", "ingest", "exports", "reports")
BACKOFF = Backoff(initial=0.5, factor=2, maximum=15, reset_after=60)
LIMIT = Limit(restarts=5, within=120)
AWAY_PAUSE = 2.0
LOOP_PAUSE = 0.02


@dataclass(frozen=True)
class Resources:
    """What the actors share, open as long as any of them runs."""

    settings: Settings
    clickhouse: ClickHouse
    postgres: Postgres
    redis: RedisClient
    answers: Answers
    limits: RateLimits
    jobs: Jobs
    files: FileStore
    exports: Desk
    reports: Reports
    links: Links
    metrics: Metrics
    traces: Traces
    clock: Clock


class Migrations:
    """Actor: brings one schema up to date, however long its server is away, and is done."""

    def __init__(self, name: str, migrate: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self.name = name
        self._migrate = migrate

    async def run(self, child: Child) -> None:
        """Raises Fatal where trying again would be wrong: an applied file was edited."""
        while not child.stopping.is_set():
            try:
                await self._migrate()
            except Retryable as error:
                log.warning("migrations wait", extra={"schema": self.name, "problem": str(error)})
                await wait(child.stopping, AWAY_PAUSE)
            else:
                child.ready()
                return


class LoopLag:
    """Actor: sleeps, and measures how much later than due the loop came back."""

    name = "loop"

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    async def run(self, child: Child) -> None:
        """Until told to stop."""
        child.ready()
        while not child.stopping.is_set():
            due = self._clock.monotonic() + LOOP_PAUSE
            await self._clock.sleep(LOOP_PAUSE)
            self._metrics.event_loop_lag_seconds.observe(max(0.0, self._clock.monotonic() - due))


async def serve(settings: Settings, roles: Collection[str] = ROLES, extra: Sequence[Spec] = ()) -> int:
    """Run the service until a signal; 0 then, 1 if an actor could not be kept alive. `extra` runs beside it."""
    spare_events()
    async with AsyncExitStack() as stack:
        resources = await _open(stack, settings)
        supervisor = _supervisor(resources, roles, extra)
        try:
            with handle_signals(supervisor.stop):
                await supervisor.run()
        except Escalated as error:
            log.critical("giving up", extra={"problem": str(error)})
            return 1
        finally:
            if supervisor.abandoned:
                exit_now(1)
    return 0


async def _open(stack: AsyncExitStack, settings: Settings) -> Resources:
    metrics, release = Metrics(), version("openride-analytics")
    metrics.build_info.labels(release).set(1)
    traces = open_traces(settings.otel, metrics, version=release, env=settings.app.env)
    stack.push_async_callback(traces.close)  # last of all: whoever ends before has something to say
    clickhouse = ClickHouse(settings.clickhouse, metrics=metrics)
    await clickhouse.open()
    stack.push_async_callback(clickhouse.close)
    postgres = Postgres(settings.postgres, metrics=metrics)
    await postgres.open()
    stack.push_async_callback(postgres.close)
    redis = connect_redis(settings.redis)
    stack.push_async_callback(redis.aclose)
    clock = SystemClock()
    breaker = Breaker("redis", clock)
    answers = Answers(redis, breaker, metrics=metrics)
    limits = RateLimits(redis, breaker, settings.api.rate_limit_per_minute)
    jobs = Jobs(redis, keep_ms=settings.exports.retention_hours * 3_600_000, metrics=metrics)
    files = file_store(settings.exports)
    desk = Desk(jobs, files, settings, clock)
    links = links_of(settings)
    return Resources(
        settings=settings,
        clickhouse=clickhouse,
        postgres=postgres,
        redis=redis,
        answers=answers,
        limits=limits,
        jobs=jobs,
        files=files,
        exports=desk,
        reports=reports_desk(postgres, clickhouse, settings, clock, links),
        links=links,
        metrics=metrics,
        traces=traces,
        clock=clock,
    )


def _supervisor(resources: Resources, roles: Collection[str], extra: Sequence[Spec]) -> Supervisor:
    settings, clock, metrics = resources.settings, resources.clock, resources.metrics
    ingestion = Ingestion(settings, resources.clickhouse, metrics, clock, resources.traces)
    specs = [
        Spec(
            Migrations("schema", lambda: migrations.migrate(resources.clickhouse, settings)),
            Restart.TRANSIENT,
        )
    ]
    if settings.postgres.url is not None:
        schema = Migrations("reports-schema", lambda: migrations.migrate_postgres(settings))
        specs.append(Spec(schema, Restart.TRANSIENT))
        if "reports" in roles:
            specs.append(Spec(_reports(resources), after=("reports-schema",)))
    if "ingest" in roles:
        metrics.expect_messages(settings.kafka.topics.events().values())
        specs.append(Spec(ingestion, after=("schema",)))
        if settings.ingest.audit_interval_minutes:
            auditor = Auditor(settings, resources.clickhouse, metrics, clock, lambda: ingestion.partitions)
            specs.append(Spec(auditor, after=("schema",)))
    if "exports" in roles:
        specs += _exports(resources)
    if not {"api", "exports"}.isdisjoint(roles):
        specs.append(Spec(Queue(resources.jobs, metrics)))
    supervisor: Supervisor
    health = Health(
        resources,
        children=lambda: supervisor.children(),
        partitions=lambda: ingestion.partitions,
        files=resources.files if "exports" in roles else None,
    )
    specs.append(Spec(LoopLag(metrics, clock)))
    specs.append(Spec(HttpServer(Api(resources, health, full="api" in roles))))
    supervisor = Supervisor(
        [*specs, *extra],
        clock=clock,
        backoff=BACKOFF,
        limit=LIMIT,
        grace=settings.app.shutdown_grace_seconds,
        rng=random.Random(),
        on_change=metrics.actor_changed,
    )
    return supervisor


def _reports(resources: Resources) -> Runner:
    settings, metrics, clock = resources.settings, resources.metrics, resources.clock
    return reports_runner(
        resources.postgres,
        resources.clickhouse,
        settings,
        metrics,
        clock,
        resources.links,
        traces=resources.traces,
    )


def _exports(resources: Resources) -> list[Spec]:
    jobs, files, settings = resources.jobs, resources.files, resources.settings
    metrics, clock = resources.metrics, resources.clock
    workers = [
        Worker(number, jobs, files, settings, metrics, clock, traces=resources.traces)
        for number in range(1, settings.exports.workers + 1)
    ]
    cleaner = Cleaner(jobs, files, settings.exports.temp_dir, clock)
    return [*(Spec(worker, after=("schema",)) for worker in workers), Spec(cleaner)]

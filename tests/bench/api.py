"""How long questions take: not kept, kept, beside the bare SQL, while events stream in, and as the data grows.

The events are made inside ClickHouse (see `population`); the service is a real process, asked over loopback by one
client that keeps its connection. Every range that is asked is another, so that none is kept, but where that is what is
measured.
"""

import asyncio
import gc
import http.client
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle, takewhile
from threading import Event

import clickhouse_driver
from redis.asyncio import Redis

from openride_analytics import kafka
from openride_analytics.embedded.redis import EmbeddedRedis
from tests.bench.dashboards import TTL_SECONDS, hit_ratio
from tests.bench.figures import Figure, quantile, say, table
from tests.bench.load import rides, send
from tests.bench.population import populate
from tests.bench.questions import FEW, QUESTIONS, Asked, ranges, statements
from tests.bench.servers import KINDS, Servers, servers, warehouse
from tests.bench.startup import until_ready
from tests.support.service import running

SAMPLES = 20  # of a question, of which the 95th percentile is the last but one
WARM_UP = 4  # before these, two of each kind of range: what a server does once is done
KEPT_SAMPLES = 200
RATE = 10_000
WARM_SECONDS = 15  # what servers and the service do once is done, and parts lie as from then on
LINGER_MS = 100  # the load and Kafka would not be on the same cores elsewhere: as little as can be
SETTLE_SECONDS = 10  # the parts of a population are merged in the background

Times = dict[str, list[float]]  # milliseconds, by question


async def measure(sizes: Sequence[int], ingest_seconds: int) -> list[Figure]:
    """`sizes`: how many events, the first of them measured in full, the others for how it grows. 0 seconds of
    `ingest_seconds`: no questions while events stream in."""
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(servers("kafka" if ingest_seconds else None, "bench"))
        redis = await stack.enter_async_context(EmbeddedRedis(site.folder / "redis"))
        for n, size in enumerate(sizes):
            environ = {
                **site.environ(f"bench_api_{n}", topics="bench"),
                **redis.env(),
                "KAFKA_TOPIC_EPOCH": str(n),
            }
            await _forget(environ)
            async with warehouse(environ) as (settings, client):
                now = datetime.now(UTC).replace(microsecond=0)
                await populate(client, size, now)
                await asyncio.sleep(SETTLE_SECONDS)
                if n == 0:
                    figures += await _whole(site, environ, now, size)
                    say(table(figures))  # the rest takes long
                    if ingest_seconds:
                        await kafka.create_topics(settings)
                        figures += await _while_ingesting(site, environ, now, ingest_seconds)
                else:
                    async with _service(site, environ, "api") as port:
                        asked = await asyncio.to_thread(_uncached, port, now, 30)
                    figures += _growth(asked, size)
    return figures


async def _whole(site: Servers, environ: Mapping[str, str], now: datetime, size: int) -> list[Figure]:
    figures = []
    async with _service(site, environ, "api") as port:
        for days in (30, 90):
            say(f"api: {days} days of {size:,} events")
            asked = await asyncio.to_thread(_uncached, port, now, days)
            bare = await _bare(environ, now, days) if days == 30 else {}
            figures += _of_range(asked, bare, days)
        say("api: kept answers")
        kept = await asyncio.to_thread(_kept, port, now)
    figures.append(Figure("api", "kept, p95", quantile(kept, 0.95), "ms", "below 5"))
    async with _service(site, environ, "api", ttl=TTL_SECONDS) as port:
        figures.append(await hit_ratio(f"http://127.0.0.1:{port}", _days(now)))
    return figures


def _days(now: datetime) -> dict[str, str]:
    """Dates by the names that dashboards have for them."""
    month_end = now.replace(day=1) - timedelta(days=1)
    days = {
        "today": now,
        "yesterday": now - timedelta(days=1),
        "week": now - timedelta(days=6),
        "month": month_end.replace(day=1),
        "month_end": month_end,
    }
    return {name: f"{day:%Y-%m-%d}" for name, day in days.items()}


async def _forget(environ: Mapping[str, str]) -> None:
    """All answers that are kept: also those of another population."""
    async with Redis.from_url(environ["REDIS_URL"]) as redis:
        await redis.flushall()


async def _while_ingesting(
    site: Servers, environ: Mapping[str, str], now: datetime, seconds: int
) -> list[Figure]:
    say(f"api: while {RATE:,} events/s are ingested")
    topics = {kind: environ[f"KAFKA_TOPIC_{kind.upper()}"] for kind in KINDS}
    await _forget(environ)  # the same ranges have been asked
    asked_enough = Event()
    messages = takewhile(lambda _: not asked_enough.is_set(), [*rides(RATE * seconds)])
    gc.freeze()  # to look for garbage among so many messages would take of the cores that are measured
    async with _service(site, environ, "api,ingest") as port:
        sending = asyncio.create_task(
            asyncio.to_thread(send, site.bootstrap, topics, messages, rate=RATE, linger_ms=LINGER_MS)
        )
        await asyncio.sleep(WARM_SECONDS)
        try:
            asked = await asyncio.to_thread(_uncached, port, now, 30, FEW, lambda: sending.done())
        finally:
            asked_enough.set()
            await sending
        await _forget(environ)  # and now that nothing comes any more, but what came lies in parts of its own
        after = await asyncio.to_thread(_uncached, port, now, 30, FEW)
    return [
        Figure(
            "api",
            f"{name}, 30 days, ingesting, p95",
            quantile(times, 0.95),
            "ms",
            f"below 250; median {quantile(times, 0.5):.0f} of {len(times)}, "
            f"just after {quantile(after[name], 0.5):.0f}",
        )
        for name, times in asked.items()
        if times
    ]


def _of_range(asked: Times, bare: Times, days: int) -> list[Figure]:
    figures = []
    for question in QUESTIONS:
        times = asked[question.name]
        goal = question.goal_ms * (1 if days <= 30 else 2)
        note = f"below {goal}"
        if alone := bare.get(question.name):
            more = quantile(times, 0.5) - quantile(alone, 0.5)
            note += f"; median {quantile(times, 0.5):.0f}, bare SQL {quantile(alone, 0.5):.0f}, service {more:+.1f}"
        figures.append(Figure("api", f"{question.name}, {days} days, p95", quantile(times, 0.95), "ms", note))
    return figures


def _growth(asked: Times, size: int) -> list[Figure]:
    return [
        Figure("api", f"{name}, 30 days of {size:,} events, median", quantile(times, 0.5), "ms")
        for name, times in asked.items()
    ]


def _uncached(
    port: int,
    now: datetime,
    days: int,
    questions: Sequence[Asked] = QUESTIONS,
    over: Callable[[], bool] = lambda: False,
) -> Times:
    """Each question about SAMPLES different ranges, in turn, so that a slow moment is shared by all; fewer if it is
    `over` before."""
    found: Times = {question.name: [] for question in questions}
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for edges in ranges(now, days, WARM_UP + SAMPLES):
        for question in takewhile(lambda _: not over(), questions):
            found[question.name].append(_ask(client, question.url(*edges)))
    client.close()
    return {name: times[WARM_UP:] for name, times in found.items()}


def _kept(port: int, now: datetime) -> list[float]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    (edges,) = ranges(now, 30, 1)
    urls = [question.url(*edges) for question in QUESTIONS]
    for url in urls:
        _ask(client, url, "HIT", "MISS")
    return [_ask(client, url, "HIT") for _ in range(KEPT_SAMPLES // len(urls) + 1) for url in urls]


def _ask(client: http.client.HTTPConnection, url: str, *cache: str) -> float:
    begun = time.perf_counter()
    client.request("GET", url)
    response = client.getresponse()
    body = response.read()
    took = (time.perf_counter() - begun) * 1000
    if response.status != 200 or response.headers["X-Cache"] not in (cache or ("MISS",)):
        raise RuntimeError(f"{response.status} {response.headers['X-Cache']} {url}: {body[:200]!r}")
    return took


async def _bare(environ: Mapping[str, str], now: datetime, days: int) -> Times:
    """The same SQL sent by another client, in the same turns: what was asked just before is in the caches."""
    logging.getLogger("openride").setLevel(logging.ERROR)  # that there is no cache is no news
    found: Times = {question.name: [] for question in QUESTIONS}
    driver = clickhouse_driver.Client(
        environ["CLICKHOUSE_HOST"],
        port=int(environ["CLICKHOUSE_PORT"]),
        database=environ["CLICKHOUSE_DATABASE"],
        settings={"use_uncompressed_cache": 1},  # as the service
    )
    without_redis = {name: value for name, value in environ.items() if name != "REDIS_URL"}
    urls = [question.url(*edges) for edges in ranges(now, days, SAMPLES // 2) for question in QUESTIONS]
    asked = await statements(without_redis | {"PORT": "0"}, urls)
    for question, each in zip(cycle(QUESTIONS), asked, strict=False):
        found[question.name].append(await asyncio.to_thread(_timed, driver, each))
    driver.disconnect()
    return found


def _timed(driver: clickhouse_driver.Client, statements_of_one: Iterable[str]) -> float:
    begun = time.perf_counter()
    for sql in statements_of_one:
        driver.execute(sql)
    return (time.perf_counter() - begun) * 1000


@asynccontextmanager
async def _service(
    site: Servers, environ: Mapping[str, str], roles: str, *, ttl: int = 3600
) -> AsyncIterator[int]:
    environ = {**environ, "RATE_LIMIT_PER_MINUTE": "0", "CACHE_TTL_METRICS": str(ttl)}
    async with running("serve", "--roles", roles, environ=environ, log=site.folder / "api.log") as service:
        await until_ready(f"http://127.0.0.1:{environ['PORT']}", service)
        yield int(environ["PORT"])

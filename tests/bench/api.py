"""How long questions take: not kept, kept, beside the bare SQL, while events stream in, and as the data grows.

The events are made inside ClickHouse (see `population`); the service is a real process, asked over loopback by one
client that keeps its connection. Every range that is asked is another, so that none is kept, but where that is what is
measured.
"""

import asyncio
import http.client
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from redis.asyncio import Redis

from openride_analytics import kafka
from openride_analytics.embedded.redis import EmbeddedRedis
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.bare import Bare
from tests.bench.dashboards import TTL_SECONDS, hit_ratio
from tests.bench.elsewhere import sending, step_back
from tests.bench.figures import Figure, quantile, say, table
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
LINGER_MS = 100  # the longer, the less is left to do for Kafka, which is on the same cores
PAUSE_SECONDS = 0.05  # between two questions while events stream in: then what steps back makes up for it
SETTLE_SECONDS = 10  # the parts of a population are merged in the background

# What takes ClickHouse as long on an idle machine, whatever is stored: two runs compare as this does, before and after.
YARDSTICK = "SELECT uniqExact(cityHash64(number)) AS n FROM numbers_mt(2000000)"
BARE = 10  # of these samples the same SQL is sent by another client, in turn with the service


@dataclass
class Took:
    """Milliseconds of a question: through the service, and of its first samples those of the bare SQL."""

    service: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def more(self) -> float:
        """What the service adds, the median of pairs."""
        return quantile([ours - theirs for ours, theirs in zip(self.service, self.bare, strict=False)], 0.5)


Times = dict[str, Took]  # by question


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
                    figures.append(await _yardstick(client, "before"))
                    figures += await _whole(site, environ, now, size)
                    figures.append(await _yardstick(client, "after"))
                    say(table(figures))  # the rest takes long
                    if ingest_seconds:
                        await kafka.create_topics(settings)
                        figures += await _while_ingesting(site, environ, client, now, ingest_seconds)
                else:
                    async with _service(site, environ, "api") as port:
                        asked = await asyncio.to_thread(_uncached, port, now, 30)
                    figures += _growth(asked, size)
    return figures


async def _yardstick(client: ClickHouse, when: str) -> Figure:
    took = []
    for _ in range(SAMPLES):
        begun = time.perf_counter()
        await client.select(YARDSTICK)
        took.append((time.perf_counter() - begun) * 1000)
    return Figure("api", f"a fixed statement, {when}, median", quantile(took, 0.5), "ms")


async def _whole(site: Servers, environ: Mapping[str, str], now: datetime, size: int) -> list[Figure]:
    figures = []
    async with _service(site, environ, "api") as port:
        for days in (30, 90):
            say(f"api: {days} days of {size:,} events")
            bare = await _bare(environ, now, days)
            asked = await asyncio.to_thread(_uncached, port, now, days, bare=bare)
            bare.close()
            figures += _of_range(asked, days)
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
    site: Servers, environ: Mapping[str, str], client: ClickHouse, now: datetime, seconds: int
) -> list[Figure]:
    say(f"api: while {RATE:,} events/s are ingested")
    topics = {kind: environ[f"KAFKA_TOPIC_{kind.upper()}"] for kind in KINDS}
    await _forget(environ)  # the same ranges have been asked
    assert site.kafka_pid is not None
    step_back(site.kafka_pid)
    async with _service(site, environ, "api,ingest") as port:
        with sending(site.bootstrap, topics, rate=RATE, seconds=seconds, linger_ms=LINGER_MS) as load:
            await asyncio.sleep(WARM_SECONDS)
            begun, stored = time.monotonic(), await _stored(client)
            asked = await asyncio.to_thread(
                _uncached, port, now, 30, FEW, lambda: not load.is_alive(), pause=PAUSE_SECONDS
            )
            rate = (await _stored(client) - stored) / (time.monotonic() - begun)
            if load.exitcode:
                raise RuntimeError("the load ended before its time")
        await _forget(environ)  # and now that nothing comes any more, but what came lies in parts of its own
        after = await asyncio.to_thread(_uncached, port, now, 30, FEW)
    return [
        Figure("api", "stored while asked", rate, "events/s", f"{RATE:,} are sent"),
        *(
            Figure(
                "api",
                f"{name}, 30 days, ingesting, p95",
                quantile(took.service, 0.95),
                "ms",
                f"below 250; median {quantile(took.service, 0.5):.0f} of {len(took.service)}, "
                f"just after {quantile(after[name].service, 0.5):.0f}",
            )
            for name, took in asked.items()
            if took.service
        ),
    ]


async def _stored(client: ClickHouse) -> int:
    """How many events are in the database."""
    return int((await client.select("SELECT count() AS n FROM events_raw")).one()["n"])


def _of_range(asked: Times, days: int) -> list[Figure]:
    figures = []
    for question in QUESTIONS:
        took = asked[question.name]
        note = (
            f"below {question.goal_ms * (1 if days <= 30 else 2)}; median {quantile(took.service, 0.5):.0f}"
        )
        note += f", bare SQL {quantile(took.bare, 0.5):.0f}, service {took.more:+.1f}"
        figures.append(
            Figure("api", f"{question.name}, {days} days, p95", quantile(took.service, 0.95), "ms", note)
        )
    return figures


def _growth(asked: Times, size: int) -> list[Figure]:
    return [
        Figure("api", f"{name}, 30 days of {size:,} events, median", quantile(took.service, 0.5), "ms")
        for name, took in asked.items()
    ]


def _uncached(
    port: int,
    now: datetime,
    days: int,
    questions: Sequence[Asked] = QUESTIONS,
    over: Callable[[], bool] = lambda: False,
    bare: Bare | None = None,
    pause: float = 0.0,
) -> Times:
    """Each question about SAMPLES different ranges, in turn, so that a slow moment is shared by all; fewer if it is
    `over` before. After each answer a `pause` of so many seconds."""
    found: Times = {question.name: Took() for question in questions}
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for n, edges in enumerate(ranges(now, days, WARM_UP + SAMPLES)):
        for question in takewhile(lambda _: not over(), questions):
            time.sleep(pause)
            took, url = found[question.name], question.url(*edges)
            if bare is None or not bare.knows(url):
                took.service.append(_ask(client, url))
                continue
            for alone in (n % 4 < 2, n % 4 >= 2):  # whoever is second finds more in the caches
                if alone:
                    took.bare.append(bare.ask(url))
                else:
                    took.service.append(_ask(client, url))
    client.close()
    return {name: Took(took.service[WARM_UP:], took.bare[WARM_UP:]) for name, took in found.items()}


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


async def _bare(environ: Mapping[str, str], now: datetime, days: int) -> Bare:
    """For what is asked first of all ranges."""
    logging.getLogger("openride").setLevel(logging.ERROR)  # that there is no cache is no news
    urls = [question.url(*edges) for edges in ranges(now, days, WARM_UP + BARE) for question in QUESTIONS]
    without_redis = {name: value for name, value in environ.items() if name != "REDIS_URL"}
    asked = await statements(without_redis | {"PORT": "0"}, urls)
    return Bare(environ, dict(zip(urls, asked, strict=True)))


@asynccontextmanager
async def _service(
    site: Servers, environ: Mapping[str, str], roles: str, *, ttl: int = 3600
) -> AsyncIterator[int]:
    environ = {**environ, "RATE_LIMIT_PER_MINUTE": "0", "CACHE_TTL_METRICS": str(ttl)}
    async with running("serve", "--roles", roles, environ=environ, log=site.folder / "api.log") as service:
        await until_ready(f"http://127.0.0.1:{environ['PORT']}", service)
        yield int(environ["PORT"])

"""From a message's timestamp in Kafka to the answer of the first query that finds its row, at steady rates."""

import asyncio
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from openride_analytics import kafka
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.backlog import LIMIT_SECONDS, loop_lag, metrics
from tests.bench.figures import Figure, quantile, say
from tests.bench.load import Delivered, Ride, rides, send
from tests.bench.servers import Servers, warehouse
from tests.bench.startup import until_ready
from tests.support.service import running

LOOK_SECONDS = 0.2
PARTS_SECONDS = 5.0

# What was stored lately: of all tables this one answers with the least work of its own.
SEEN = """SELECT kafka_topic, kafka_partition, max(kafka_offset) FROM recent_event_ids
WHERE ingested_at > now() - INTERVAL 5 SECOND GROUP BY ALL"""
PARTS = """SELECT max(n) AS n FROM (SELECT count() AS n FROM system.parts
WHERE database = currentDatabase() AND active GROUP BY table, partition)"""


async def at_rates(site: Servers, rates: Sequence[tuple[int, int]]) -> list[Figure]:
    """`rates`: events a second, and for how many seconds.

    Queries run every LOOK_SECONDS, so up to that much and their own time is included.
    """
    environ = site.environ("bench_steady", topics="steady")
    figures = []
    messages = rides(sum(rate * seconds for rate, seconds in rates))  # none twice: it would be dropped
    async with warehouse(environ) as (settings, client):
        await kafka.create_topics(settings)
        async with running("serve", "--roles", "ingest", environ=environ, log=site.folder / "log") as service:
            await until_ready(f"http://127.0.0.1:{environ['PORT']}", service)
            for rate, seconds in rates:
                say(f"ingest: {rate:,} events/s for {seconds} s")
                sent = list(islice(messages, rate * seconds))
                said, cpu, begun = await metrics(environ), site.cpu()[0], time.monotonic()
                counts: list[int] = []
                counting = asyncio.create_task(_count_parts(client, counts))
                delays = await _delays(site.bootstrap, settings, client, sent, rate)
                cores = (site.cpu()[0] - cpu) / (time.monotonic() - begun)
                counting.cancel()
                lag = loop_lag(await metrics(environ), said)
                figures += [
                    Figure("ingest", f"sent to queryable at {rate:,}/s, {name}", quantile(delays, share), "s")
                    for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1))
                ]
                figures += [
                    Figure("ingest", f"ClickHouse at {rate:,}/s", cores, "cores"),
                    Figure("ingest", f"loop lag p99 at {rate:,}/s", lag * 1000, "ms", "at most"),
                    Figure(
                        "ingest", f"most active parts at {rate:,}/s", max(counts), "", "a table's partition"
                    ),
                ]
    return figures


async def _count_parts(client: ClickHouse, counts: list[int]) -> None:
    while True:
        counts.append(int((await client.select(PARTS)).one()["n"]))
        await asyncio.sleep(PARTS_SECONDS)


async def _delays(
    bootstrap: str, settings: Settings, client: ClickHouse, messages: Sequence[Ride], rate: int
) -> list[float]:
    topics = settings.kafka.topics.events()
    sending = asyncio.create_task(asyncio.to_thread(send, bootstrap, topics, messages, rate=rate))
    # For each partition: the highest offset that could be read, and the time (epoch ms) when the answer came.
    seen: dict[tuple[str, int], list[tuple[int, float]]] = defaultdict(list)
    wanted: dict[tuple[str, int], int] | None = None
    async with asyncio.timeout(LIMIT_SECONDS):
        while wanted is None or any(not seen[tp] or seen[tp][-1][0] < last for tp, last in wanted.items()):
            found = await client.select(SEEN)
            now = time.time() * 1000
            for topic, partition, offset in zip(*found.columns, strict=True):
                if not seen[topic, partition] or offset > seen[topic, partition][-1][0]:
                    seen[topic, partition].append((offset, now))
            if wanted is None and sending.done():
                wanted = {}
                for place in sending.result():
                    tp = (place.topic, place.partition)
                    wanted[tp] = max(place.offset, wanted.get(tp, -1))
            await asyncio.sleep(LOOK_SECONDS)
    return [_delay(seen[place.topic, place.partition], place) for place in await sending]


def _delay(seen: Sequence[tuple[int, float]], place: Delivered) -> float:
    _, at = seen[bisect_left(seen, (place.offset, 0.0))]
    return (at - place.at) / 1000

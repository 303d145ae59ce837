"""Kafka to queryable rows: a backlog as fast as it goes, what its parts can do alone, and delays at steady rates.

The service is `serve --roles ingest`, a process of its own, against a broker and the embedded ClickHouse. Each
row counts once it can be read both from events_raw and from its typed table.
"""

import asyncio
import signal
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import httpx
import psutil
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from openride_analytics import kafka
from openride_analytics.ingest.batch import Batch, Draft, Source, build
from openride_analytics.ingest.consumer import FETCH_BYTES
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.settings import Settings, load
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.figures import Figure, cpu_seconds, quantile, say
from tests.bench.load import Delivered, Ride, rides, send
from tests.bench.servers import KINDS, PARTITIONS, Servers, servers, warehouse
from tests.support.service import Process, running

EMBEDDED_MOST = 40_000  # about what the embedded broker holds of this mix before it forgets the oldest
PARTS_MOST = 100_000
LOOK_SECONDS = 0.1
LIMIT_SECONDS = 600

TYPED = "SELECT " + " + ".join(f"(SELECT count() FROM {kind}_events)" for kind in KINDS) + " AS n"
SEEN = "SELECT kafka_topic, kafka_partition, max(kafka_offset) FROM events_raw GROUP BY ALL"


@dataclass
class Backlog:
    """One run: seconds from the start of the process to its first and its last row; CPU seconds; bytes."""

    first: float
    last: float
    early: int  # rows there when the first were seen
    cpu: dict[str, float]
    memory: int


async def measure(events: int, broker: str, rates: Sequence[int], seconds: int, runs: int) -> list[Figure]:
    """All figures; `rates` are events a second, each kept for `seconds`."""
    total = min(events, EMBEDDED_MOST) if broker == "embedded" else events
    async with servers(broker, "backlog", "steady") as site:
        settings = load(site.environ("bench", topics="backlog"))
        await kafka.create_topics(settings)
        say(f"ingest: sending {total:,} events to {broker}")
        await asyncio.to_thread(send, site.bootstrap, settings.kafka.topics.events(), rides(total))
        backlogs = [await _backlog(site, total, run) for run in range(runs)]
        best = min(backlogs, key=lambda run: run.last)
        figures = [*_told(best, total), *await _parts(site, settings, min(total, PARTS_MOST))]
        whole = total / best.last
        figures.append(
            Figure(
                "ingest", "end to end, of its parts in turn", whole / figures[-1].value, "", "at least 0.6"
            )
        )
        figures += await _steady(site, rates, seconds)
    return figures


async def _backlog(site: Servers, total: int, run: int) -> Backlog:
    environ = site.environ(f"bench_backlog_{run}", topics="backlog")
    async with warehouse(environ) as (_, client):
        before, begun, early, first, memory = site.cpu(), time.monotonic(), 0, 0.0, 0
        async with running("serve", "--roles", "ingest", environ=environ, log=site.folder / "log") as service:
            while True:
                stored = int((await client.select("SELECT count() AS n FROM events_raw")).one()["n"])
                if stored >= total:
                    stored = int((await client.select(TYPED)).one()["n"])
                now = time.monotonic() - begun
                if stored and not early:
                    early, first = stored, now
                memory = max(memory, psutil.Process(service.pid).memory_info().rss)
                if stored >= total:
                    break
                check(service, now)
                await asyncio.sleep(LOOK_SECONDS)
            after = site.cpu()
            cpu = {
                "service": cpu_seconds(service.pid),
                "clickhouse": after[0] - before[0],
                "kafka": after[1] - before[1],
            }
            service.send(signal.SIGTERM)
            await service.ended()
        say(f"ingest: backlog of {total:,} in {now:.1f} s")
        return Backlog(first, now, early, cpu, memory)


def _told(best: Backlog, total: int) -> list[Figure]:
    steady = (total - best.early) / (best.last - best.first) if best.last > best.first else 0.0
    note = f"{total:,} events; start-up and {best.first:.1f} s to the first rows included"
    return [
        Figure("ingest", "from start to last row", total / best.last, "events/s", note),
        Figure("ingest", "from first to last row", steady, "events/s"),
        *(
            Figure("ingest", f"CPU of {name}", used, "s", f"{used / best.last:.2f} cores")
            for name, used in best.cpu.items()
        ),
        Figure("ingest", "most memory of the service", best.memory / 2**20, "MiB", "resident"),
    ]


async def _parts(site: Servers, settings: Settings, most: int) -> list[Figure]:
    """The stages one after the other in this process: fetching, building batches, inserting them."""
    begun = time.monotonic()
    records = await _fetch(settings, most)
    fetched = time.monotonic()
    batches = [batch for tp, found in records.items() for batch in _batches(settings, tp, found)]
    blocks = [batch.columns for batch in batches]
    built = time.monotonic()
    async with warehouse(site.environ("bench_parts", topics="backlog")) as (_, client):
        inserting = time.monotonic()
        for n, (batch, block) in enumerate(zip(batches, blocks, strict=True)):
            await client.insert(f"landing_{batch.source.kind}", block, token=str(n), timeout=60)
        inserted = time.monotonic() - inserting
    count = sum(batch.rows for batch in batches)
    say(f"ingest: parts of {count:,} events in {len(batches)} batches")
    parts = {"fetch": fetched - begun, "decode and columns": built - fetched, "encode and insert": inserted}
    return [
        *(Figure("ingest", f"alone: {name}", count / took, "events/s") for name, took in parts.items()),
        Figure("ingest", "alone: these in turn", count / sum(parts.values()), "events/s"),
    ]


async def _fetch(settings: Settings, most: int) -> Mapping[TopicPartition, list[ConsumerRecord]]:
    """At least `most` records of all partitions, as the service's consumer would get them."""
    consumer = AIOKafkaConsumer(
        **kafka.client_options(settings.kafka),
        auto_offset_reset="earliest",
        max_poll_records=settings.kafka.max_poll_records,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    try:
        names = settings.kafka.topics.events().values()
        consumer.assign([TopicPartition(name, n) for name in names for n in range(PARTITIONS)])
        records: dict[TopicPartition, list[ConsumerRecord]] = defaultdict(list)
        count = 0
        async with asyncio.timeout(LIMIT_SECONDS):
            while count < most:
                for tp, found in (await consumer.getmany(timeout_ms=100)).items():
                    records[tp] += found
                    count += len(found)
        return records
    finally:
        await consumer.stop()


def _batches(settings: Settings, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> Iterator[Batch]:
    kind = tp.topic.rpartition(".")[2]
    ingest, now = settings.ingest, time.time()
    decode = Decoder(kind, ingest.max_message_bytes, ingest.max_event_age_days)
    windows = {tp.partition: DuplicateWindow(ingest.dedup_window)}
    source = Source(kind, tp.topic, settings.kafka.topic_epoch)
    for first in range(0, len(records), ingest.batch_size):
        draft = Draft(tp.partition, records[first].offset, int(now * 1000), 0)
        for record in records[first : first + ingest.batch_size]:
            draft.add(record, decode(record.value, now), len(record.value))
        yield build(source, [(draft.span, draft)], windows)


async def _steady(site: Servers, rates: Sequence[int], seconds: int) -> list[Figure]:
    """From the timestamp that the producer puts into a message to the answer of the first query that finds it.

    Queries run every LOOK_SECONDS, so up to that much and their own time is included.
    """
    environ = site.environ("bench_steady", topics="steady")
    figures = []
    messages = rides(sum(rates) * seconds)  # none twice: a repeated id would be dropped as a duplicate
    async with warehouse(environ) as (settings, client):
        await kafka.create_topics(settings)
        async with running("serve", "--roles", "ingest", environ=environ, log=site.folder / "log") as service:
            await until_ready(f"http://127.0.0.1:{environ['PORT']}", service)
            for rate in rates:
                say(f"ingest: {rate:,} events/s for {seconds} s")
                sent = list(islice(messages, rate * seconds))
                delays = await _delays(site.bootstrap, settings, client, sent, rate)
                figures += [
                    Figure("ingest", f"sent to queryable at {rate:,}/s, {name}", quantile(delays, share), "s")
                    for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1))
                ]
    return figures


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


async def until_ready(url: str, service: Process) -> float:
    """Wait until the service says that it is ready; seconds waited."""
    begun = time.monotonic()
    async with httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/health/ready")).status_code == 200:
                    return time.monotonic() - begun
            check(service, time.monotonic() - begun)
            await asyncio.sleep(0.01)


def check(service: Process, waited: float) -> None:
    """Raise RuntimeError, with what the service said last, if it has ended or takes too long."""
    if not service.running or waited > LIMIT_SECONDS:
        raise RuntimeError(f"the service has ended or hangs; its log ends:\n{service.text()[-3000:]}")

"""What each stage of ingestion can do alone, in this process, one after the other on the same messages."""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from openride_analytics import kafka
from openride_analytics.ingest.batch import Batch, Source, Span
from openride_analytics.ingest.builder import Builder
from openride_analytics.ingest.consumer import FETCH_BYTES
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.ingest.intent import Intent
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.telemetry import Metrics
from tests.bench.figures import Figure, say
from tests.bench.servers import PARTITIONS, Servers, warehouse

LIMIT_SECONDS = 300
COMMITS = 200
STAGES = ("decode", "build", "encode")


async def alone(site: Servers, settings: Settings, most: int) -> list[Figure]:
    """Events a second, and processor time of this process, of each stage; and of all in turn: the last figure."""
    gc.disable()  # as good as what the service does, which never holds so many events at once
    took: dict[str, float] = {}
    used: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        begun, busy = time.monotonic(), time.process_time()
        yield
        took[stage], used[stage] = time.monotonic() - begun, time.process_time() - busy

    with timed("fetch"):
        records = await _fetch(settings, most)
    metrics = Metrics()
    batches = [batch for tp, found in records.items() async for batch in _build(settings, tp, found, metrics)]
    for stage in STAGES:
        took[stage] = used[stage] = metrics.ingest_cpu_seconds_total.labels(stage)._value.get()
    async with warehouse(site.environ("bench_parts", topics="backlog")) as (_, client):
        with timed("send"):
            await _insert(client, batches)
    took["commit"], used["commit"] = await _commit(settings, batches)
    gc.enable()
    count = sum(batch.rows.count for batch in batches)
    say(f"ingest: stages of {count:,} events in {len(batches)} batches")
    notes = {"send": "and until ClickHouse has stored them", "commit": "two a batch"}
    return [
        *(Figure("ingest", f"alone: {n}", count / t, "events/s", notes.get(n, "")) for n, t in took.items()),
        *(Figure("ingest", f"CPU alone: {n}", 1e6 * t / count, "us/event") for n, t in used.items()),
        Figure("ingest", "alone: all in turn", count / sum(took.values()), "events/s"),
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


async def _build(
    settings: Settings, tp: TopicPartition, records: Sequence[ConsumerRecord], metrics: Metrics
) -> AsyncIterator[Batch]:
    ingest, now = settings.ingest, int(time.time() * 1000)
    kind = tp.topic.rpartition(".")[2]
    builder = Builder(Decoder(kind, ingest.max_message_bytes, ingest.max_event_age_days), metrics)
    source = Source(kind, tp.topic, settings.kafka.topic_epoch)
    windows = {tp.partition: DuplicateWindow(ingest.dedup_window)}
    for first in range(0, len(records), ingest.batch_size):
        some = records[first : first + ingest.batch_size]
        span = Span(tp.partition, some[0].offset, some[-1].offset, now)
        yield await builder.build(source, {span: some}, windows)


async def _insert(client: ClickHouse, batches: Sequence[Batch]) -> None:
    for n, batch in enumerate(batches):
        await client.insert(f"landing_{batch.source.kind}", batch.rows, token=str(n), timeout=60)


async def _commit(settings: Settings, batches: Sequence[Batch]) -> tuple[float, float]:
    """Seconds, and processor time, of the commits that as many batches need."""
    options = kafka.client_options(settings.kafka)
    topic = settings.kafka.topics.booking
    consumer = AIOKafkaConsumer(topic, **options, group_id="bench-commits", enable_auto_commit=False)
    admin = AIOKafkaAdminClient(**options)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, n) for n in range(PARTITIONS)]
        while len(consumer.assignment()) < PARTITIONS:
            await consumer.getmany(timeout_ms=100)
        offsets = Offsets(consumer, admin, "bench-commits")
        intent = Intent("0", 1, batches[0].spans)
        begun, busy = time.monotonic(), time.process_time()
        for n in range(COMMITS):
            await offsets.commit(dict.fromkeys(tps, (n, intent)))
        scale = 2 * len(batches) / COMMITS
        return (time.monotonic() - begun) * scale, (time.process_time() - busy) * scale
    finally:
        await consumer.stop()

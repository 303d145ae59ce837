"""What each stage of ingestion can do alone, in this process, one after the other on the same messages."""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from openride_analytics import kafka
from openride_analytics.ingest.batch import Batch, Draft, Source, build
from openride_analytics.ingest.consumer import FETCH_BYTES
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.ingest.intent import Intent
from openride_analytics.ingest.offsets import Offsets
from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.settings import Settings
from openride_analytics.store import native
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.figures import Figure, say
from tests.bench.servers import PARTITIONS, Servers, warehouse

LIMIT_SECONDS = 300
COMMITS = 200
TYPES = {kind: {column.name: column.type for column in (*COMMON, *LANDING[kind])} for kind in LANDING}
REVISION = native.CUSTOM_SERIALIZATION_REVISION


async def alone(site: Servers, settings: Settings, most: int) -> list[Figure]:
    """Events a second of each stage, and of all in turn: that is the last figure."""
    gc.disable()  # as good as what the service does, which never holds so many events at once
    took: dict[str, float] = {}
    begun = time.monotonic()
    records = await _fetch(settings, most)
    took["fetch"], begun = time.monotonic() - begun, time.monotonic()
    drafts = [draft for tp, found in records.items() for draft in _decode(settings, tp, found)]
    took["decode"], begun = time.monotonic() - begun, time.monotonic()
    batches = [_build(settings, name, draft) for name, draft in drafts]
    took["build columns"], begun = time.monotonic() - begun, time.monotonic()
    for batch in batches:
        for name, values in batch.columns.items():
            for _ in native.column(name, TYPES[batch.source.kind][name], values, revision=REVISION):
                pass
    took["encode"] = time.monotonic() - begun
    async with warehouse(site.environ("bench_parts", topics="backlog")) as (_, client):
        took["insert"] = await _insert(client, batches) - took["encode"]
    took["commit"] = await _commit(settings, batches)
    gc.enable()
    count = sum(batch.rows for batch in batches)
    say(f"ingest: stages of {count:,} events in {len(batches)} batches")
    notes = {"insert": "sending, and all of ClickHouse's work", "commit": "two a batch"}
    return [
        *(Figure("ingest", f"alone: {n}", count / t, "events/s", notes.get(n, "")) for n, t in took.items()),
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


def _decode(
    settings: Settings, tp: TopicPartition, records: Sequence[ConsumerRecord]
) -> list[tuple[str, Draft]]:
    ingest, now = settings.ingest, time.time()
    decode = Decoder(tp.topic.rpartition(".")[2], ingest.max_message_bytes, ingest.max_event_age_days)
    drafts = []
    for first in range(0, len(records), ingest.batch_size):
        draft = Draft(tp.partition, records[first].offset, int(now * 1000), 0)
        some = records[first : first + ingest.batch_size]
        draft.add(some, [decode(record.value, now) for record in some], 0)
        drafts.append((tp.topic, draft))
    return drafts


def _build(settings: Settings, name: str, draft: Draft) -> Batch:
    source = Source(name.rpartition(".")[2], name, settings.kafka.topic_epoch)
    windows = {draft.partition: DuplicateWindow(settings.ingest.dedup_window)}
    batch = build(source, [(draft.span, draft)], windows)
    _ = batch.columns  # computed here, kept by the batch
    return batch


async def _insert(client: ClickHouse, batches: Sequence[Batch]) -> float:
    """Seconds of encoding and inserting."""
    begun = time.monotonic()
    for n, batch in enumerate(batches):
        await client.insert(f"landing_{batch.source.kind}", batch.columns, token=str(n), timeout=60)
    return time.monotonic() - begun


async def _commit(settings: Settings, batches: Sequence[Batch]) -> float:
    """Seconds of the commits that as many batches need."""
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
        begun = time.monotonic()
        for n in range(COMMITS):
            await offsets.commit(dict.fromkeys(tps, (n, intent)))
        return (time.monotonic() - begun) / COMMITS * 2 * len(batches)
    finally:
        await consumer.stop()

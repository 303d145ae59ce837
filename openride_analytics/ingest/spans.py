"""Reading given offsets again, whoever owns their partitions now."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from openride_analytics import kafka
from openride_analytics.ingest.batch import Span
from openride_analytics.settings import Settings

READ_SECONDS = 30.0
POLL_MS = 500


async def read_spans(
    settings: Settings, topic: str, spans: Collection[Span]
) -> Mapping[Span, Sequence[ConsumerRecord]]:
    """The records that Kafka still has at these offsets, by a client outside of any group. Raises Retryable."""
    consumer = AIOKafkaConsumer(
        **kafka.client_options(settings.kafka),
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=POLL_MS,
    )
    try:
        with kafka.translated("offsets could not be read again"):
            async with asyncio.timeout(READ_SECONDS):
                await consumer.start()
                return await _read(consumer, {TopicPartition(topic, span.partition): span for span in spans})
    finally:
        await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer, wanted: Mapping[TopicPartition, Span]
) -> Mapping[Span, Sequence[ConsumerRecord]]:
    consumer.assign(list(wanted))
    starts = await consumer.beginning_offsets(list(wanted))
    ends = await consumer.end_offsets(list(wanted))
    for tp, span in wanted.items():
        consumer.seek(tp, max(span.first, starts[tp]))
    found: dict[Span, list[ConsumerRecord]] = {span: [] for span in wanted.values()}
    left = dict(wanted)
    while left:
        # By position and not by record: compaction and transaction markers leave offsets that hold none.
        for tp in [tp for tp, span in left.items() if await consumer.position(tp) > _last(span, ends[tp])]:
            del left[tp]
        if left:
            fetched = await consumer.getmany(*left, timeout_ms=POLL_MS)
            for tp, records in fetched.items():
                found[wanted[tp]] += [record for record in records if record.offset <= wanted[tp].last]
    return found


def _last(span: Span, end: int) -> int:
    return min(span.last, end - 1)

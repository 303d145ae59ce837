"""Reading the dead-letter topic, and sending messages back to where they came from."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from openride_analytics import kafka
from openride_analytics.ingest.dead_letters import HEADER_PREFIX, MAX_REQUEST_BYTES, ORIGIN_HEADER
from openride_analytics.ingest.topic_log import further
from openride_analytics.settings import Settings

REQUEST_SECONDS = 30.0
REPLAY_BATCH = 500
_UNREAD = "dead letters could not be read"


@dataclass(frozen=True)
class Found:
    """A dead letter as it lies in the topic: `why` are our headers without their prefix."""

    record: ConsumerRecord
    why: dict[str, str]

    @property
    def id(self) -> str:
        """Where it lies: partition:offset in the dead-letter topic."""
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def own_headers(self) -> list[tuple[str, bytes | None]]:
        """The headers that the message came with; Kafka lets their values be null."""
        return [(name, value) for name, value in self.record.headers if not name.startswith(HEADER_PREFIX)]

    def came_from(self, topics: Collection[str]) -> bool:
        """Whether it says where it lay, and that is in one of these topics. Others may write here too, and what they
        write is neither to be sent wherever they say nor to keep the rest from being sent.
        """
        numbers = (self.why.get("partition", ""), self.why.get("offset", ""))
        return self.why.get("topic") in topics and all(
            number.isascii() and number.isdecimal() for number in numbers
        )

    @property
    def origin(self) -> str:
        """Where the message lay first, however often it was sent back: topic/partition/offset."""
        why = self.why
        return why.get("origin") or f"{why['topic']}/{why['partition']}/{why['offset']}"


async def read(settings: Settings, reason: str | None = None) -> AsyncGenerator[Found, None]:
    """Every dead letter that is in the topic now, partition by partition, oldest first. Raises Retryable."""
    topic = settings.kafka.topics.dlq
    consumer = AIOKafkaConsumer(
        topic, **kafka.client_options(settings.kafka), enable_auto_commit=False, auto_offset_reset="none"
    )
    try:
        with kafka.translated(_UNREAD):
            async with asyncio.timeout(REQUEST_SECONDS):
                await consumer.start()
                numbers = sorted(consumer.partitions_for_topic(topic) or ())
                tps = [TopicPartition(topic, number) for number in numbers]
                starts = await consumer.beginning_offsets(tps)
                ends = await consumer.end_offsets(tps)
        for tp in tps:
            async for record in _range(consumer, tp, starts[tp], ends[tp]):
                found = Found(record, _why(record))
                if reason is None or found.why.get("reason") == reason:
                    yield found
    finally:
        await consumer.stop()


async def send_back(settings: Settings, letters: Sequence[Found]) -> None:
    """Send each to the topic it came from: key, value and its own headers as they were.

    It goes to its old partition (where the topic was made again with fewer, always to the same other one), and a
    header tells where it lay first, from which its id is derived if it has none: sent back twice, it is stored once.
    Raises Retryable.
    """
    producer = AIOKafkaProducer(
        **kafka.client_options(settings.kafka), acks="all", max_request_size=MAX_REQUEST_BYTES
    )
    try:
        with kafka.translated("messages could not be sent back"):
            async with asyncio.timeout(REQUEST_SECONDS):
                await producer.start()
                acknowledgements = [
                    await kafka.send(
                        producer,
                        letter.why["topic"],
                        letter.record.value,
                        letter.record.key,
                        [*letter.own_headers, (ORIGIN_HEADER, letter.origin.encode())],
                        int(letter.why["partition"])
                        % len(await producer.partitions_for(letter.why["topic"])),
                    )
                    for letter in letters
                ]
                await asyncio.gather(*acknowledgements)
    finally:
        await producer.stop()


async def _range(
    consumer: AIOKafkaConsumer, tp: TopicPartition, position: int, end: int
) -> AsyncIterator[ConsumerRecord]:
    consumer.seek(tp, position)
    while position < end:
        with kafka.translated(_UNREAD):
            async with asyncio.timeout(REQUEST_SECONDS):
                records, position = await further(consumer, tp, position)
        for record in records:
            if record.offset < end:
                yield record


def _why(record: ConsumerRecord) -> dict[str, str]:
    return {
        name.removeprefix(HEADER_PREFIX): (value or b"").decode(errors="replace")
        for name, value in record.headers
        if name.startswith(HEADER_PREFIX)
    }

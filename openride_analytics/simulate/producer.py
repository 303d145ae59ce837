"""Sends events to their topics: batches by partition, acknowledged by all replicas, in order, each once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from openride_analytics.clock import Clock, SystemClock
from openride_analytics.errors import Retryable
from openride_analytics.kafka import client_options
from openride_analytics.settings import Kafka
from openride_analytics.simulate.lag import Backlog, LagGate, Partition
from openride_analytics.telemetry import Traces, spans
from openride_analytics.telemetry.spans import Span

BATCH_BYTES = 64 * 1024
OUTAGE_MS = 60_000  # how long a batch may wait for a broker that is away
TOPIC_SECONDS = 15
STOP_SECONDS = 5

_hash = lru_cache(maxsize=100_000)(murmur2)


@dataclass
class _Open:
    """A batch that is being filled."""

    builder: Any
    messages: int = 0
    size: int = 0
    traced: list[Span] = field(default_factory=list)


class EventProducer:
    """Use `open_producer`. `sent` counts the messages that Kafka has acknowledged."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topics: Mapping[str, tuple[str, int]],
        gate: LagGate | None,
        traces: Traces,
    ) -> None:
        self._producer = producer
        self._traces = traces
        self._topics = topics  # kind -> topic and its number of partitions
        self._gate = gate
        self._largest = gate.largest_batch if gate else 1_000_000
        self._open: dict[Partition, _Open] = {}
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._failure: BaseException | None = None
        self.sent = 0

    async def send(self, kind: str, key: bytes | None, value: bytes) -> None:
        """Add an event to its partition's batch. Waits while the partition's last batch is not on its way.

        Raises Retryable when Kafka has refused or lost an earlier batch.
        """
        topic, partitions = self._topics[kind]
        number = random.randrange(partitions) if key is None else (_hash(key) & 0x7FFFFFFF) % partitions
        partition = (topic, number)
        traced = self._traced(topic) if self._traces.chance() else None
        message: dict[str, Any] = {"timestamp": None, "key": key, "value": value, "headers": _headers(traced)}
        batch = self._open.get(partition)
        if batch is not None and batch.builder.append(**message) is None:
            await self._submit(partition)
            batch = None
        if batch is None:
            batch = self._open[partition] = _Open(self._producer.create_batch())
            batch.builder.append(**message)  # the first is taken, whatever its size
        if traced is not None:
            batch.traced.append(traced)
        batch.messages += 1
        batch.size += len(value)
        if batch.messages >= self._largest:
            await self._submit(partition)

    async def submit(self) -> None:
        """Send what has gathered, without waiting for the acknowledgments."""
        for partition in list(self._open):
            await self._submit(partition)

    async def flush(self) -> None:
        """Send what has gathered; returns when Kafka has acknowledged everything. Raises Retryable."""
        await self.submit()
        if self._in_flight:
            await asyncio.wait(list(self._in_flight))
        self._raise_failure()

    async def _submit(self, partition: Partition) -> None:
        self._raise_failure()
        batch = self._open.pop(partition)
        try:
            if self._gate is not None:
                await self._gate.admit(partition, batch.messages, batch.size)
            topic, number = partition
            future = await self._producer.send_batch(batch.builder, topic, partition=number)
        except (KafkaError, OSError) as error:
            raise _unsent(error) from error
        self._in_flight.add(future)
        future.add_done_callback(partial(self._acknowledged, partition, batch))

    def _traced(self, topic: str) -> Span:
        about = {spans.SYSTEM: "kafka", spans.TOPIC: topic, spans.OPERATION: spans.SEND}
        about |= {spans.OPERATION_TYPE: "send"}
        return self._traces.begin(f"{spans.SEND} {topic}", spans.SpanKind.PRODUCER, about)

    def _acknowledged(self, partition: Partition, batch: _Open, future: "asyncio.Future[Any]") -> None:
        self._in_flight.discard(future)
        for begun in batch.traced:
            begun.end()
        if future.cancelled():
            return
        if (error := future.exception()) is not None:
            self._failure = self._failure or error
            return
        self.sent += batch.messages
        if self._gate is not None:
            self._gate.sent(partition, future.result().offset + batch.messages)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise _unsent(self._failure) from self._failure


def _headers(traced: Span | None) -> list[tuple[str, bytes]]:
    if traced is None:
        return []
    return [(spans.HEADER, spans.traceparent(traced).encode())]


def _unsent(error: BaseException) -> Retryable:
    return Retryable("kafka", f"events could not be sent: {type(error).__name__} {error}".rstrip())


@contextlib.asynccontextmanager
async def open_producer(
    kafka: Kafka, *, say: Callable[[str], None], clock: Clock | None = None, traces: Traces | None = None
) -> AsyncIterator[EventProducer]:
    """A producer for the six topics, which must exist. It follows the group's lag when KAFKA_MAX_LAG says so, and of
    the messages that `traces` keeps begins a trace, which their header `traceparent` carries on.

    `say` is given what a user should know while it waits. Raises Retryable when Kafka or a topic is missing.
    """
    options = client_options(kafka) | {"request_timeout_ms": OUTAGE_MS}
    producer = AIOKafkaProducer(
        **options, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES, linger_ms=0
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_stop, producer.stop)
        try:
            await producer.start()
            topics = {
                kind: (name, await _count(producer, name)) for kind, name in kafka.topics.events().items()
            }
            gate = None
            if kafka.max_lag > 0:
                gate = await _open_gate(kafka, topics, stack, clock=clock or SystemClock(), say=say)
        except (KafkaError, OSError) as error:
            raise Retryable("kafka", f"{kafka.bootstrap_servers}: {type(error).__name__} {error}") from error
        yield EventProducer(producer, topics, gate, traces or Traces())


async def _count(producer: AIOKafkaProducer, topic: str) -> int:
    try:
        async with asyncio.timeout(TOPIC_SECONDS):
            return len(await producer.partitions_for(topic))
    except TimeoutError:
        raise Retryable("kafka", f"there is no topic {topic}") from None


async def _open_gate(
    kafka: Kafka,
    topics: Mapping[str, tuple[str, int]],
    stack: contextlib.AsyncExitStack,
    *,
    clock: Clock,
    say: Callable[[str], None],
) -> LagGate:
    """A group that has committed nothing will begin at the beginning."""
    partitions = [TopicPartition(topic, n) for topic, count in topics.values() for n in range(count)]
    consumer = AIOKafkaConsumer(**client_options(kafka), enable_auto_commit=False)
    try:
        await consumer.start()
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    finally:
        await _stop(consumer.stop)
    admin = AIOKafkaAdminClient(**client_options(kafka))
    stack.push_async_callback(_stop, admin.close)
    await admin.start()
    backlogs = {(p.topic, p.partition): Backlog(ends[p], begins[p]) for p in partitions}

    async def committed() -> dict[Partition, int]:
        try:
            found = await admin.list_consumer_group_offsets(kafka.group_id, partitions=partitions)
        except (KafkaError, OSError):
            return {}  # the coordinator moves or does not exist yet: as if nothing had been committed since
        return {(p.topic, p.partition): known.offset for p, known in found.items()}

    gate = LagGate(kafka.max_lag, backlogs, committed, clock=clock, say=say)
    for partition, offset in (await committed()).items():
        backlogs[partition].commit(offset)
    return gate


async def _stop(stop: Callable[[], Any]) -> None:
    """A client that cannot be stopped in time is left: the process is about to end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await stop()

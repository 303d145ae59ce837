"""Life-like messages: the simulation's own rides, told in the order of time."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from confluent_kafka import Message, Producer

from openride_analytics.simulate.rides import Rides

log = logging.getLogger("openride.load")

EVENTS_A_DAY = 50_000  # at the least, of so many drivers and riders
FLUSH_SECONDS = 120
TICK_SECONDS = 0.01  # a rate is kept this closely: to sleep before each message costs more than to send it
KEPT = 1_000

Headers = list[tuple[str, str | bytes | None]]


class Ride(NamedTuple):
    """A message before it is sent."""

    kind: str
    key: str
    value: bytes


class Delivered(NamedTuple):
    """A message that the broker has: where, and when (epoch ms) the producer took it."""

    topic: str
    partition: int
    offset: int
    at: int


def rides(count: int) -> Iterator[Ride]:
    """The first `count` messages of a world that ends today at the latest; always the same ones of one day."""
    today = datetime.now(UTC).date()
    first_day = today - timedelta(days=count // EVENTS_A_DAY + 3)
    world = Rides(seed=1, drivers=2_000, riders=20_000, first_day=first_day)
    world.prelude()
    for told in islice(world.until(datetime.now(UTC)), count):
        yield Ride(told.kind, told.key, told.encode())


def send(
    bootstrap: str,
    topics: Mapping[str, str],
    messages: Iterable[Ride],
    *,
    rate: float | None = None,
    linger_ms: int = 25,
    traced: bool = False,
) -> list[Delivered]:
    """Send all, `rate` a second or as fast as can be; return once the broker has them. Blocks: use a thread.

    `linger_ms`: for so long a message may wait for others; the longer, the less the broker has to do.
    `traced`: each is of a trace of its own, one in KEPT of which the sender keeps.
    """
    delivered: list[Delivered] = []

    def done(error: object, message: Message) -> None:
        if error is not None:
            raise RuntimeError(f"not delivered: {error}")
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None
        delivered.append(Delivered(topic, partition, offset, message.timestamp()[1]))

    options: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "enable.idempotence": True,
        "linger.ms": linger_ms,
        "partitioner": "murmur2_random",
        "queue.buffering.max.messages": 1 << 18,
    }
    producer = Producer(options, logger=log)
    begun = time.monotonic()
    for n, message in enumerate(messages):
        if rate is not None and (early := begun + n / rate - time.monotonic()) > TICK_SECONDS:
            producer.poll(0)
            time.sleep(early)
        while True:
            try:
                headers: Headers = [("traceparent", _traceparent(n))] if traced else []
                producer.produce(
                    topics[message.kind], message.value, message.key, on_delivery=done, headers=headers
                )
                break
            except BufferError:
                producer.poll(0.1)
        if n % 1_000 == 0:
            producer.poll(0)
    if producer.flush(FLUSH_SECONDS):
        raise RuntimeError(f"the broker did not take all messages within {FLUSH_SECONDS} s")
    return delivered


def _traceparent(n: int) -> bytes:
    return b"00-%032x-%016x-0%d" % (n + 1, n + 1, n % KEPT == 0)

"""Partitions and records without a broker: for what is decided between the poll loop and a batch."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import ConsumerRecord, TopicPartition

from openride_analytics.ingest.inflight import Held, Inflight
from openride_analytics.ingest.partition import Partition, State
from openride_analytics.settings import load
from tests.support.clock import EPOCH, FakeClock
from tests.support.events import message


def record(offset: int, value: bytes | None = None, *, partition: int = 0) -> ConsumerRecord[bytes, bytes]:
    """A message of the user topic; by default a good one."""
    if value is None:
        value = message("user.registered", seed=offset, event_timestamp=_timestamp())
    stamp = int(EPOCH * 1000)
    return ConsumerRecord("users", partition, offset, stamp, 0, None, value, None, 0, len(value), ())


def partition(clock: FakeClock, held: Held | None = None, *, number: int = 0, **environ: str) -> Partition:
    """A running partition of the user topic that begins at offset 0."""
    if held is None:
        inflight = Inflight()
        inflight.limit(1 << 30, topics=1)
        held = inflight.of("users")
    ingest = load(environ).ingest
    made = Partition(TopicPartition("users", number), ingest, clock, held)
    made.start(0, made.window)
    made.move(State.RUNNING)
    return made


def offsets(records: Sequence[ConsumerRecord[bytes, bytes]]) -> list[int]:
    """Where they lie."""
    return [found.offset for found in records]


def _timestamp() -> str:
    return datetime.fromtimestamp(EPOCH, UTC).isoformat()


BAD = json.dumps({"event_type": "nonsense"}).encode()

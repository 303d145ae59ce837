"""What must be stored of all that Kafka has taken, worked out by reading it all again: no code of the service."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from openride_analytics.settings import Topics
from tests.support.clickhouse import Database

Where = tuple[str, int]  # topic, partition

READ_SECONDS = 60.0
# What is there is read at once; the default waits half a second at the end of each partition.
WAIT_SECONDS = 0.05
DLQ_HEADERS = ("dlq.topic", "dlq.partition", "dlq.offset")


@dataclass
class Ledger:
    """Offsets of each partition: the first message of each event id, the repeated ones, and those that are no
    events; `buried` are those that the dead-letter topic has."""

    first: dict[Where, set[int]] = field(default_factory=dict)
    repeated: dict[Where, set[int]] = field(default_factory=dict)
    bad: dict[Where, set[int]] = field(default_factory=dict)
    buried: dict[Where, set[int]] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """All that Kafka holds of the six topics."""
        return sum(
            len(offsets) for part in (self.first, self.repeated, self.bad) for offsets in part.values()
        )

    def differences(self, stored: dict[Where, Counter[int]]) -> list[str]:
        """What `stored`, how often each offset is, or the dead letters have wrong; one line each."""
        return [
            *_compare("stored", self.first, stored),
            *_compare("dead-lettered", self.bad, {where: Counter(own) for where, own in self.buried.items()}),
        ]


def read(bootstrap: str, topics: Topics) -> Ledger:
    """Read all topics from their beginning to where they end now. Blocks."""
    ledger = Ledger()
    seen: dict[Where, set[str]] = {}
    for message in _messages(bootstrap, list(topics.events().values())):
        where = (message.topic, message.partition)
        event_id = _event_id(message.value)
        if event_id is None:
            ledger.bad.setdefault(where, set()).add(message.offset)
        elif event_id in seen.setdefault(where, set()):
            ledger.repeated.setdefault(where, set()).add(message.offset)
        else:
            seen[where].add(event_id)
            ledger.first.setdefault(where, set()).add(message.offset)
    for message in _messages(bootstrap, [topics.dlq]):
        headers = dict(message.headers)
        topic, partition, offset = (headers[name].decode() for name in DLQ_HEADERS)
        ledger.buried.setdefault((topic, int(partition)), set()).add(int(offset))
    return ledger


def stored(database: Database) -> dict[Where, Counter[int]]:
    """How often each offset is in `events_raw`. Blocks."""
    with database.client() as client:
        found = client.execute(
            "SELECT kafka_topic, kafka_partition, groupArray(kafka_offset) FROM events_raw GROUP BY ALL"
        )
    return {(topic, partition): Counter(offsets) for topic, partition, offsets in found}


def _event_id(value: bytes | None) -> str | None:
    try:
        return str(json.loads(value or b"")["event_id"])
    except (ValueError, TypeError, KeyError):
        return None


def _compare(word: str, wanted: dict[Where, set[int]], found: dict[Where, Counter[int]]) -> list[str]:
    lines = []
    for where in sorted(wanted.keys() | found.keys()):
        have, want = found.get(where, Counter()), wanted.get(where, set())
        wrong = {
            f"not {word}": sorted(want - have.keys()),
            f"{word} and should not be": sorted(have.keys() - want),
            f"{word} more than once": sorted(offset for offset, times in have.items() if times > 1),
        }
        lines += [
            f"{where[0]}/{where[1]}: {len(offsets)} offsets {what}: {offsets[0]}..{offsets[-1]}"
            for what, offsets in wrong.items()
            if offsets
        ]
    return lines


class _Message(NamedTuple):
    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: list[tuple[str, bytes]]


def _headers(message: Message) -> list[tuple[str, bytes]]:
    found = message.headers()
    assert found is None or isinstance(found, list)
    return [(name, value) for name, value in found or () if isinstance(value, bytes)]


def _messages(bootstrap: str, topics: list[str]) -> Iterator[_Message]:
    """All messages that the topics hold now, each partition's in order."""
    options: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "group.id": "ledger",
        "enable.auto.commit": False,
    }
    options |= {"enable.partition.eof": True, "fetch.wait.max.ms": round(1000 * WAIT_SECONDS)}
    consumer = Consumer(options)
    try:
        known = consumer.list_topics(timeout=READ_SECONDS).topics
        left = {(topic, number) for topic in topics for number in known[topic].partitions}
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in left])
        deadline = time.monotonic() + READ_SECONDS
        while left:
            for message in consumer.consume(num_messages=10_000, timeout=WAIT_SECONDS):
                topic, number, offset = message.topic(), message.partition(), message.offset()
                assert topic is not None and number is not None and offset is not None
                error = message.error()
                if error is None:
                    deadline = time.monotonic() + READ_SECONDS
                    yield _Message(topic, number, offset, message.value(), _headers(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((topic, number))
                else:
                    raise KafkaException(error)
            assert time.monotonic() < deadline, (
                f"nothing to read for {READ_SECONDS:g} s, and not at the end: {left}"
            )
    finally:
        consumer.close()

"""Messages that can never be stored, handed on unchanged with the reason in their headers."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from openride_analytics import kafka
from openride_analytics.errors import Rejected, Retryable
from openride_analytics.settings import Settings

# Whatever the source's broker took, this producer must be able to send.
MAX_REQUEST_BYTES = 128 * 1024 * 1024
SEND_SECONDS = 30.0
CLOSE_SECONDS = 5.0
HEADER_PREFIX = "dlq."

# On a message sent back: where it lay first, as topic/partition/offset.
ORIGIN_HEADER = HEADER_PREFIX + "origin"


@dataclass(frozen=True)
class DeadLetter:
    """A record and why it cannot be stored."""

    record: ConsumerRecord
    why: Rejected

    def headers(self, now: float) -> list[tuple[str, bytes | None]]:
        """The record's own headers, then ours: reason, error, topic, partition, offset, failed_at (RFC 3339)."""
        ours = {
            "reason": self.why.reason,
            "error": self.why.detail,
            "topic": self.record.topic,
            "partition": str(self.record.partition),
            "offset": str(self.record.offset),
            "failed_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        }
        return [
            *self.record.headers,
            *((HEADER_PREFIX + name, value.encode()) for name, value in ours.items()),
        ]


class DeadLetters:
    """The producer of the dead-letter topic. A send is done when all in-sync replicas have it."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.kafka.topics.dlq
        self._options = kafka.client_options(settings.kafka)
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def send(self, letters: Sequence[DeadLetter], now: float) -> None:
        """Returns once Kafka has acknowledged every letter. Raises Retryable; some may then be there already.

        The producer is made anew after a failure: one that met a broker's outage may stay wedged.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                producer = await self._open()
                acknowledgements = [
                    await kafka.send(
                        producer,
                        self._topic,
                        letter.record.value,
                        letter.record.key,
                        letter.headers(now),
                    )
                    for letter in letters
                ]
                await asyncio.gather(*acknowledgements)
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()
            raise Retryable("kafka", f"dead letters could not be sent: {type(error).__name__}") from error

    async def close(self) -> None:
        """Let go of the producer, and wait for its end no longer than `CLOSE_SECONDS`; what was not acknowledged was
        not promised."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # It waits for what is on its way until Kafka answers or the requests time out. Were it given up meanwhile,
            # it would go on for ever beside the next one, with its connections.
            ending = asyncio.create_task(_stop(producer))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.wait([ending], timeout=CLOSE_SECONDS)

    async def _open(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._options, acks="all", max_request_size=MAX_REQUEST_BYTES)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer


async def _stop(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, TimeoutError, OSError):
        await producer.stop()


class Limits:
    """When a partition's dead letters are no longer single bad messages but a sign that something else is wrong.

    Above `max_ratio` of the last `memory` messages, or `max_run` in a row, the partition has to stop.
    """

    def __init__(self, max_ratio: float, max_run: int, memory: int = 1000) -> None:
        self._max_bad = max_ratio * memory
        self._max_run = max_run
        self._last = bytearray(memory)
        self._bad = 0  # among the last
        self._place = 0
        self._run = 0

    def count(self, bad: Sequence[bool]) -> tuple[int, str | None]:
        """Count messages in their order: how many there are before a limit is exceeded, and by what, in words."""
        if True not in bad and not self._bad:
            self._run = (
                0  # nothing but good ones, before and now: where the last ones stand makes no difference
            )
            return len(bad), None
        for passed, is_bad in enumerate(bad):
            exceeded = self._exceeded_by(bad=is_bad)
            if exceeded:
                return passed, exceeded
        return len(bad), None

    def _exceeded_by(self, *, bad: bool) -> str | None:
        self._bad += bad - self._last[self._place]
        self._last[self._place] = bad
        self._place = (self._place + 1) % len(self._last)
        self._run = self._run + 1 if bad else 0
        if self._run > self._max_run:
            return f"more than {self._max_run} bad messages in a row"
        if bad and self._bad > self._max_bad:
            return f"more than {self._max_bad:.0f} bad messages among the last {len(self._last)}"
        return None


def reasons(letters: Sequence[DeadLetter]) -> Counter[str]:
    """How many letters of each reason."""
    return Counter(letter.why.reason for letter in letters)

"""Sends the events of files to their topics, as they are written or moved in time."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TextIO

import msgspec

from openride_analytics.clock import Clock, SystemClock
from openride_analytics.errors import Invalid
from openride_analytics.schema.events import ENTITY, EVENT_TYPES
from openride_analytics.settings import Kafka
from openride_analytics.simulate.lines import STDIN, Line, read_lines, total_bytes
from openride_analytics.simulate.pace import Pace
from openride_analytics.simulate.producer import EventProducer, open_producer
from openride_analytics.simulate.progress import Progress
from openride_analytics.simulate.rebase import newest, rebase, span_to

EVERY = 1000  # events between two looks at the progress; also how long a quiet topic's batch may wait
SAID = 10  # of the lines skipped, each is said


class _Head(msgspec.Struct, gc=False):
    """What is looked at of an event; whether it is valid is for the consumer to say."""

    event_type: str
    user_id: object = None
    booking_id: object = None
    payment_id: object = None
    trip_id: object = None
    route_id: object = None
    driver_id: object = None


_head = msgspec.json.Decoder(_Head)


class NotAnEventError(ValueError):
    """A line that cannot be sent anywhere."""


def address(value: bytes) -> tuple[str, bytes | None]:
    """(kind of topic, key) of an event; no key when its entity id is missing. Raises NotAnEventError."""
    try:
        head = _head.decode(value)
    except msgspec.ValidationError as error:
        raise NotAnEventError(f"not an event: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnEventError(f"not JSON: {error}") from None
    if head.event_type not in EVENT_TYPES:
        raise NotAnEventError(f"unknown event_type {head.event_type!r}")
    kind, _ = EVENT_TYPES[head.event_type]
    entity = getattr(head, ENTITY[kind].field)
    return kind, entity.encode() if isinstance(entity, str) else None


@dataclass(frozen=True)
class Options:
    """What `Replay` is to do."""

    files: list[str]
    rate: float = 0  # events a second; 0: as many as can be
    rebase: bool = False  # move the events in time, so that the newest is now
    lenient: bool = False  # skip lines that are no events


class Replay:
    """One run. `sent` (acknowledged by Kafka) and `skipped` (lines that were no events) also hold after a failure
    or a cancellation."""

    def __init__(
        self, options: Options, kafka: Kafka, *, stream: TextIO = sys.stderr, clock: Clock | None = None
    ) -> None:
        self._options = options
        self._kafka = kafka
        self._stream = stream
        self._clock = clock or SystemClock()
        self.sent = 0
        self.skipped = 0

    async def run(self) -> None:
        """Raises Invalid for a file that cannot be read and, unless lenient, for a line that is no event: what
        comes before it is sent. Raises Retryable when Kafka takes no more."""
        total = total_bytes(self._options.files)
        span = self._span()
        with Progress(self._stream, "replay", total=total, unit="B") as progress:
            producer: EventProducer | None = None
            try:
                async with open_producer(self._kafka, say=progress.say, clock=self._clock) as producer:
                    await self._send(producer, progress, span)
            finally:  # what was on its way has been acknowledged while the producer stopped
                self.sent = producer.sent if producer else 0
                progress.update(progress.done, self.sent)

    async def _send(self, producer: EventProducer, progress: Progress, span: timedelta | None) -> None:
        pace, count = Pace(self._options.rate, self._clock), 0
        try:
            for line in read_lines(self._options.files):
                event = self._event(line, span, progress)
                if event is None:
                    continue
                wait = pace.ahead()
                if wait > 0:
                    await producer.submit()
                    await self._clock.sleep(wait)
                await producer.send(*event)
                count += 1
                if count % EVERY == 0:
                    await producer.submit()
                    progress.update(line.position, producer.sent)
            progress.update(progress.total or progress.done, producer.sent)
        except Invalid:
            await producer.flush()
            raise
        await producer.flush()

    def _event(
        self, line: Line, span: timedelta | None, progress: Progress
    ) -> tuple[str, bytes | None, bytes] | None:
        """(kind, key, value) to send; None when the line is skipped."""
        try:
            kind, key = address(line.text)
            return kind, key, line.text if span is None else _moved(line.text, span)
        except NotAnEventError as error:
            if not self._options.lenient:
                raise Invalid(line.where, str(error), "one event a line; --lenient skips others") from None
            self.skipped += 1
            if self.skipped <= SAID:
                progress.say(f"skipped {line.where}: {error}")
            return None

    def _span(self) -> timedelta | None:
        """How far the events are moved; None: not at all."""
        if not self._options.rebase:
            return None
        if STDIN in self._options.files:
            raise Invalid("--rebase-to", "standard input cannot be read twice", "files")
        latest = newest(line.text for line in read_lines(self._options.files))
        return span_to(self._clock.time(), latest) if latest else timedelta()


def _moved(value: bytes, span: timedelta) -> bytes:
    try:
        return rebase(value, span)
    except (ValueError, OverflowError) as error:
        raise NotAnEventError(f"cannot be moved in time: {error}") from None

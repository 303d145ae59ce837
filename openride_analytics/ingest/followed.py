"""The trace of one batch, and of the messages in it that their producers follow.

A message whose `traceparent` header has the sampled flag gets a span of its own, in its producer's trace. The batch is
a part of the first of those, and linked with all of them, in both directions: OpenTelemetry's conventions for messages
that are processed together. A batch without such messages is a trace of its own, if the sampler keeps it. So what
tracing costs grows with batches, not with messages; of these it only looks at the headers.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

from aiokafka import ConsumerRecord

from openride_analytics.telemetry import Traces, spans
from openride_analytics.telemetry.spans import Link, Span, SpanKind

MOST: Final = 32  # messages of a batch that are followed

Place = tuple[int, int]  # partition and offset


@dataclass(frozen=True)
class Followed:
    """`batch` is recorded; `messages` are the spans of those that are followed."""

    traces: Traces
    batch: Span
    messages: Mapping[Place, Span]

    @classmethod
    def begin(
        cls, traces: Traces, topic: str, group: str, records: Collection[Sequence[ConsumerRecord]]
    ) -> "Followed | None":
        """From when the records are taken for a batch. None where it is not traced."""
        if not traces.on:
            return None
        about: dict[str, spans.Value] = {
            spans.SYSTEM: "kafka",
            spans.TOPIC: topic,
            spans.GROUP: group,
            spans.OPERATION_TYPE: "process",
        }
        messages = {
            place: begun
            for place, header in islice(_sampled(records), MOST)
            if (begun := _message(traces, topic, about, place, header)).is_recording()
        }
        links = [Link(begun.get_span_context()) for begun in messages.values()]
        count = sum(map(len, records))
        attributes: dict[str, spans.Value] = {
            **about,
            spans.OPERATION: spans.STORE,
            spans.MESSAGES: count,
            spans.OFFSETS: _offsets(records),
        }
        batch = traces.begin(
            f"{spans.STORE} {topic}",
            SpanKind.CONSUMER,
            attributes,
            parent=links[0].context if links else None,
            links=links,
        )
        if not batch.is_recording():
            return None
        for begun in messages.values():
            begun.add_link(batch.get_span_context())
        return cls(traces, batch, messages)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is done in the block is part of the batch, which goes on after it."""
        with self.traces.within(self.batch):
            yield

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        """The same, and all of it ends with the block."""
        try:
            with spans.ended(self.batch), self.inside():
                yield
        except BaseException as error:
            for begun in self.messages.values():
                spans.failed(begun, error)
            raise
        finally:
            for begun in self.messages.values():
                begun.end()

    def became(self, rows: int, duplicates: int, letters: Mapping[Place, str]) -> None:
        """What the batch came to; `letters`: the reasons of those that cannot be stored."""
        self.batch.set_attributes(
            {spans.ROWS: rows, spans.DUPLICATES: duplicates, spans.DEAD_LETTERS: len(letters)}
        )
        for place in self.messages.keys() & letters.keys():
            self.messages[place].set_attribute(spans.REASON, letters[place])


def settling() -> AbstractContextManager[Span]:
    """Offsets and intents are committed."""
    about = {spans.SYSTEM: "kafka", spans.OPERATION: spans.COMMIT, spans.OPERATION_TYPE: "settle"}
    return spans.span(spans.COMMIT, SpanKind.CLIENT, about)


def burying(count: int) -> AbstractContextManager[Span]:
    """So many dead letters are sent."""
    about: dict[str, spans.Value] = {
        spans.SYSTEM: "kafka",
        spans.OPERATION: spans.SEND,
        spans.OPERATION_TYPE: "send",
        spans.MESSAGES: count,
    }
    return spans.span(f"{spans.SEND} dead letters", SpanKind.PRODUCER, about)


def _message(
    traces: Traces, topic: str, about: Mapping[str, spans.Value], place: Place, header: bytes
) -> Span:
    partition, offset = place
    attributes: dict[str, spans.Value] = {
        **about,
        spans.OPERATION: spans.PROCESS,
        spans.PARTITION: str(partition),
        spans.OFFSET: offset,
    }
    parent = spans.remote(header)
    return traces.begin(f"{spans.PROCESS} {topic}", SpanKind.CONSUMER, attributes, parent=parent)


def _sampled(records: Collection[Sequence[ConsumerRecord]]) -> Iterator[tuple[Place, bytes]]:
    """Where there is a header that asks to be followed. Nothing is decoded."""
    for some in records:
        for record in some:
            if record.headers:
                for name, value in record.headers:
                    if name == spans.HEADER and spans.is_sampled(value or b""):
                        yield (record.partition, record.offset), value


def _offsets(records: Collection[Sequence[ConsumerRecord]]) -> list[str]:
    return [f"{some[0].partition}:{some[0].offset}-{some[-1].offset}" for some in records if some]

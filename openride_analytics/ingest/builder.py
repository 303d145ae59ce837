"""From records to batches: all that is computed for each single message.

Two thousand messages at a time become events, columns and bytes. They stay in the processor's cache meanwhile, and
no object on the way outlives its chunk: what waits for an insert is bytes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import numpy as np
from aiokafka import ConsumerRecord

from openride_analytics.compute import compute
from openride_analytics.errors import Rejected
from openride_analytics.ingest.batch import Batch, Share, Source, Span
from openride_analytics.ingest.dead_letters import ORIGIN_HEADER, DeadLetter, Limits
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.duplicates import DuplicateWindow, Folds, fold
from openride_analytics.schema.columns import COMMON, LANDING, columns_of
from openride_analytics.schema.events import Event
from openride_analytics.store.clickhouse import Rows
from openride_analytics.store.native import Ticks
from openride_analytics.telemetry import Metrics, cpu_time

CHUNK: Final = 2_000
LOOP_ROWS: Final = 200  # some two milliseconds

# A message without an event_id gets one derived from where it lies, so that it always gets the same one.
DERIVED_IDS: Final = UUID("6f1c2f0e-5c53-4f0e-9d6b-0c5f7d1f4a9e")

_TYPES: Final = {
    kind: {column.name: column.type for column in (*COMMON, *typed)} for kind, typed in LANDING.items()
}


class Builder:
    """Makes the batches of one topic."""

    def __init__(self, decode: Decoder, metrics: Metrics) -> None:
        self._decode = decode
        stage = metrics.ingest_cpu_seconds_total.labels
        self._decoding, self._building, self._encoding = stage("decode"), stage("build"), stage("encode")

    async def build(
        self,
        source: Source,
        records: Mapping[Span, Sequence[ConsumerRecord]],
        windows: Mapping[int, DuplicateWindow],
        limits: Mapping[int, Limits] | None = None,
    ) -> Batch:
        """Sort the records of spans of different partitions into rows, dead letters and duplicates.

        The same records, spans and windows make the same batch; what it stores is in the windows from then on.
        With `limits`, by partition, a span ends before the message that exceeds its partition's.
        """
        return await _computed(
            sum(map(len, records.values())), partial(self._build, source, records, windows, limits or {})
        )

    async def again(self, source: Source, shares: Sequence[Share]) -> Batch:
        """A batch of shares of another batch, or of parts of them."""
        return await _computed(
            sum(len(share.records) for share in shares), partial(self._again, source, shares)
        )

    async def halves(self, batch: Batch) -> list[Batch]:
        """Two batches that together cover the same offsets; none where it is a single row."""
        middle = len(batch.shares) // 2
        halves = [batch.shares[:middle], batch.shares[middle:]] if middle else batch.shares[0].halves()
        return [await self.again(batch.source, half) for half in halves]

    def _build(
        self,
        source: Source,
        records: Mapping[Span, Sequence[ConsumerRecord]],
        windows: Mapping[int, DuplicateWindow],
        limits: Mapping[int, Limits],
    ) -> Batch:
        rows = Rows(_TYPES[source.kind])
        shares: list[Share] = []
        tripped: dict[int, str] = {}
        for span in sorted(records):
            number = span.partition
            share, limit = self._share(source, span, records[span], windows[number], limits.get(number), rows)
            if share.span.last >= share.span.first:
                shares.append(share)
            if limit is not None:
                tripped[number] = limit
        return Batch(source, tuple(shares), rows, tripped)

    def _again(self, source: Source, shares: Sequence[Share]) -> Batch:
        rows = Rows(_TYPES[source.kind])
        for share in shares:
            for records in _chunks(share.records):
                outcomes, at = self._decode.all([record.value for record in records], share.span.at / 1000)
                events = [outcome for outcome in outcomes if not isinstance(outcome, Rejected)]
                self._encode(source, _Messages(records, events, at, _ids(source, records, events)), rows)
        return Batch(source, tuple(shares), rows)

    def _share(
        self,
        source: Source,
        span: Span,
        records: Sequence[ConsumerRecord],
        window: DuplicateWindow,
        limits: Limits | None,
        rows: Rows,
    ) -> tuple[Share, str | None]:
        """A share, whose rows are added to `rows`; and the limit that the message after it exceeds."""
        kept: list[ConsumerRecord] = []
        folds: list[Folds] = [np.zeros(0, np.uint64)]
        letters: list[DeadLetter] = []
        passed = duplicates = 0
        tripped = None
        for chunk in _chunks(records):
            with cpu_time(self._decoding):
                outcomes, at = self._decode.all([record.value for record in chunk], span.at / 1000)
            count = len(chunk)
            if limits is not None:
                count, tripped = limits.count([isinstance(outcome, Rejected) for outcome in outcomes])
            with cpu_time(self._building):
                good, bad = _sort(source, chunk[:count], outcomes[:count], at[:count])
                found = fold(good.ids)
                repeated = window.seen(found)
                if repeated.any():
                    good, found = good.only(~repeated), found[~repeated]
                window.remember(found)
            self._encode(source, good, rows)
            kept += good.records
            folds.append(found)
            letters += bad
            duplicates += int(repeated.sum())
            passed += count
            if tripped is not None:
                span = span._replace(last=records[passed - 1].offset if passed else span.first - 1)
                break
        return Share(span, kept, np.concatenate(folds), letters, duplicates), tripped

    def _encode(self, source: Source, messages: "_Messages", rows: Rows) -> None:
        """Add the messages as columns of `landing_<kind>`."""
        records, events, at, ids = messages
        if not events:
            return
        with cpu_time(self._building):
            typed, order = columns_of(source.kind, events)
            count = len(order)
            columns: dict[str, Any] = {
                "kafka_epoch": [source.epoch] * count,
                "kafka_topic": [source.topic] * count,
                "kafka_partition": [records[0].partition] * count,
                "kafka_offset": [records[i].offset for i in order],
                "event_id": [ids[i] for i in order],
                "metadata": [records[i].value for i in order],
                **typed,
                "event_timestamp": at[order],  # counted already: half the time
            }
        with cpu_time(self._encoding):
            rows.add(columns)


class _Messages(NamedTuple):
    """Messages of one partition that can be stored, as parallel sequences; `at`: when (ms since 1970)."""

    records: Sequence[ConsumerRecord]
    events: Sequence[Event]
    at: Ticks
    ids: Sequence[UUID]

    def only(self, kept: np.ndarray) -> "_Messages":
        """Those for which `kept` is true."""
        places = np.flatnonzero(kept).tolist()
        return _Messages(
            [self.records[i] for i in places],
            [self.events[i] for i in places],
            self.at[places],
            [self.ids[i] for i in places],
        )


def derived_id(epoch: str, record: ConsumerRecord) -> UUID:
    """The id of a message that brings none, from where it lies. One that was sent back from the dead-letter topic
    keeps that of the place it first lay at."""
    place = f"{record.topic}/{record.partition}/{record.offset}"
    for name, value in record.headers:
        if name == ORIGIN_HEADER and value is not None:
            place = value.decode(errors="replace")
    return uuid5(DERIVED_IDS, f"{epoch}/{place}")


def _sort(
    source: Source, records: Sequence[ConsumerRecord], outcomes: Sequence[Event | Rejected], at: Ticks
) -> "tuple[_Messages, list[DeadLetter]]":
    letters = [
        DeadLetter(record, outcome)
        for record, outcome in zip(records, outcomes, strict=True)
        if isinstance(outcome, Rejected)
    ]
    if letters:
        at = at[[not isinstance(outcome, Rejected) for outcome in outcomes]]
        bad = {letter.record.offset for letter in letters}
        records = [record for record in records if record.offset not in bad]
    events = [outcome for outcome in outcomes if not isinstance(outcome, Rejected)]
    return _Messages(records, events, at, _ids(source, records, events)), letters


def _ids(source: Source, records: Sequence[ConsumerRecord], events: Sequence[Event]) -> list[UUID]:
    epoch = source.epoch
    return [
        event.event_id or derived_id(epoch, record) for event, record in zip(events, records, strict=True)
    ]


async def _computed(rows: int, work: Callable[[], Batch]) -> Batch:
    """Of a few rows at once, of more in the thread, so that the loop turns meanwhile."""
    return work() if rows <= LOOP_ROWS else await compute(work)


def _chunks(records: Sequence[ConsumerRecord]) -> Iterator[Sequence[ConsumerRecord]]:
    for first in range(0, len(records), CHUNK):
        yield records[first : first + CHUNK]

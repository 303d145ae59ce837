"""What becomes of the records of a batch: rows, dead letters, duplicates, and where it has to end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from aiokafka import ConsumerRecord

from openride_analytics.errors import Reason
from openride_analytics.ingest.batch import Batch, Source, Span
from openride_analytics.ingest.builder import CHUNK, Builder
from openride_analytics.ingest.dead_letters import Limits
from openride_analytics.ingest.decode import Decoder
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.store.native import CUSTOM_SERIALIZATION_REVISION
from openride_analytics.telemetry import Metrics
from tests.support.clock import EPOCH
from tests.support.events import message
from tests.support.intake import BAD, offsets, record

SOURCE = Source("user", "users", "0")

Records = Sequence[ConsumerRecord[bytes, bytes]]


@pytest.fixture
def builder() -> Builder:
    return Builder(Decoder("user", 1 << 20, 730), Metrics())


def windows(size: int = 100) -> dict[int, DuplicateWindow]:
    return {number: DuplicateWindow(size) for number in range(3)}


def by_span(*parts: Records) -> dict[Span, Records]:
    """One span for each partition's records."""
    return {
        Span(part[0].partition, part[0].offset, part[-1].offset, int(EPOCH * 1000)): part for part in parts
    }


def block(batch: Batch) -> bytes:
    return b"".join(batch.rows.block(CUSTOM_SERIALIZATION_REVISION))


def good(*at: int, partition: int = 0) -> Records:
    return [record(offset, partition=partition) for offset in at]


def identified(number: int) -> bytes:
    at = datetime.fromtimestamp(EPOCH, UTC).isoformat()
    return message("user.registered", event_id=str(UUID(int=number)), event_timestamp=at)


async def test_good_messages_become_rows(builder: Builder) -> None:
    batch = await builder.build(SOURCE, by_span(good(0, 1, 2)), windows())
    assert (batch.rows.count, batch.letters, batch.duplicates) == (3, [], 0)


async def test_bad_ones_become_dead_letters_with_their_reason(builder: Builder) -> None:
    batch = await builder.build(SOURCE, by_span([record(0), record(1, BAD), record(2)]), windows())
    letters = [(letter.record.offset, letter.why.reason) for letter in batch.letters]
    assert (offsets(batch.shares[0].records), letters) == ([0, 2], [(1, Reason.UNKNOWN_EVENT_TYPE)])


async def test_a_second_copy_is_dropped_wherever_the_first_one_is(builder: Builder) -> None:
    """In the same chunk, in an earlier one, in an earlier batch."""
    known = windows(10 * CHUNK)
    ours = [identified(n) for n in range(3)]
    first = [record(0, ours[0]), record(1, ours[0]), *good(*range(2, CHUNK)), record(CHUNK, ours[1])]
    first += [record(CHUNK + 1, ours[0])]
    second = [record(CHUNK + 2, ours[0]), record(CHUNK + 3, ours[1]), record(CHUNK + 4, ours[2])]
    dropped = [
        (await builder.build(SOURCE, by_span(records), known)).duplicates for records in (first, second)
    ]
    assert dropped == [2, 2]


async def test_partitions_do_not_share_a_window(builder: Builder) -> None:
    both = by_span([record(0, identified(0))], [record(0, identified(0), partition=1)])
    batch = await builder.build(SOURCE, both, windows())
    assert (batch.rows.count, batch.duplicates) == (2, 0)


async def test_shares_are_in_the_order_of_their_partitions(builder: Builder) -> None:
    batch = await builder.build(SOURCE, by_span(good(5, partition=2), good(7)), windows())
    assert [span[:3] for span in batch.spans] == [(0, 7, 7), (2, 5, 5)]


async def test_the_same_records_make_the_same_bytes(builder: Builder) -> None:
    records = by_span(good(0, 1, 2), good(4, 5, partition=1))
    assert block(await builder.build(SOURCE, records, windows())) == block(
        await builder.build(SOURCE, records, windows())
    )


async def test_shares_built_again_are_the_same_rows(builder: Builder) -> None:
    records = [record(0, identified(0)), record(1, BAD), record(2, identified(0)), *good(3, 4)]
    batch = await builder.build(SOURCE, by_span(records), windows())
    assert block(await builder.again(SOURCE, batch.shares)) == block(batch)


async def test_a_batch_ends_before_one_bad_message_too_many(builder: Builder) -> None:
    records = [record(0), *(record(n, BAD) for n in range(1, 9))]
    batch = await builder.build(SOURCE, by_span(records), windows(), {0: Limits(1.0, 3)})
    assert (batch.spans[0].last, len(batch.letters), list(batch.tripped)) == (3, 3, [0])


async def test_in_a_later_chunk_too(builder: Builder) -> None:
    records = [*good(*range(CHUNK)), *(record(CHUNK + n, BAD) for n in range(9))]
    batch = await builder.build(SOURCE, by_span(records), windows(2 * CHUNK), {0: Limits(1.0, 3)})
    assert (batch.spans[0].last, batch.rows.count) == (CHUNK + 2, CHUNK)


async def test_a_partition_of_which_nothing_passes_has_no_share(builder: Builder) -> None:
    limits = {0: Limits(1.0, 0), 1: Limits(1.0, 0)}
    batch = await builder.build(SOURCE, by_span([record(0, BAD)], good(0, partition=1)), windows(), limits)
    assert ([span.partition for span in batch.spans], list(batch.tripped)) == ([1], [0])


async def test_halves_of_several_partitions_are_whole_shares(builder: Builder) -> None:
    batch = await builder.build(
        SOURCE, by_span(good(0, 1), good(3, partition=1), good(4, partition=2)), windows()
    )
    assert [half.spans for half in await builder.halves(batch)] == [batch.spans[:1], batch.spans[1:]]


async def test_halves_of_one_partition_meet_at_an_offset(builder: Builder) -> None:
    batch = await builder.build(SOURCE, by_span(good(0, 1, 7, 9)), windows())
    halves = await builder.halves(batch)
    assert [(half.spans[0][1:3], half.rows.count) for half in halves] == [((0, 6), 2), ((7, 9), 2)]


async def test_a_single_row_has_no_halves(builder: Builder) -> None:
    assert await builder.halves(await builder.build(SOURCE, by_span(good(0)), windows())) == []


async def test_offsets_that_hold_no_record_any_more_are_a_share_without_rows(builder: Builder) -> None:
    batch = await builder.build(SOURCE, {Span(0, 3, 9, 0): []}, windows())
    assert (batch.spans, batch.rows.count) == ((Span(0, 3, 9, 0),), 0)

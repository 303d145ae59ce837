"""What was fetched becomes drafts, and drafts become due: by their size, by their age, or for want of room."""

import asyncio

import pytest

from openride_analytics.ingest.batch import MAX_BATCH_BYTES
from openride_analytics.ingest.inflight import Held, Inflight
from openride_analytics.ingest.intake import Intake
from openride_analytics.ingest.intent import MAX_SPANS
from openride_analytics.ingest.partition import RECORD_OVERHEAD, Partition, State
from tests.support.clock import FakeClock
from tests.support.intake import offsets, partition, record


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def inflight() -> Inflight:
    made = Inflight()
    made.limit(1 << 30, topics=1)
    return made


@pytest.fixture
def held(inflight: Inflight) -> Held:
    return inflight.of("users")


def intake(clock: FakeClock, held: Held, *partitions: Partition) -> Intake:
    return Intake(partitions, 1.0, 0.0, clock, held)


def test_nothing_is_due_while_nothing_was_fetched(clock: FakeClock, held: Held) -> None:
    assert not intake(clock, held, partition(clock, held)).due


@pytest.mark.parametrize(("phase", "due_after"), [(0.0, 1.0), (0.25, 0.25), (0.75, 0.75)])
async def test_a_draft_is_due_once_an_interval_at_the_phase_of_its_topic(
    clock: FakeClock, held: Held, phase: float, due_after: float
) -> None:
    await clock.advance(-clock.monotonic() % 1)  # to the beginning of an interval
    one = partition(clock, held)
    queue = Intake([one], 1.0, phase, clock, held)
    one.accept([record(0)])
    await clock.advance(due_after - 0.1)
    one.accept([record(1)])
    early = queue.due
    await clock.advance(0.11)
    assert (early, queue.due) == (False, True)


def test_a_full_draft_is_due_at_once(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held, INGEST_BATCH_SIZE="3")
    one.accept([record(n) for n in range(3)])
    assert intake(clock, held, one).due


def test_without_room_for_more_what_is_here_is_due(clock: FakeClock, inflight: Inflight, held: Held) -> None:
    one = partition(clock, held)
    one.accept([record(0)])
    inflight.limit(1, topics=1)
    assert intake(clock, held, one).due


async def test_one_batch_takes_the_drafts_of_all_partitions(clock: FakeClock, held: Held) -> None:
    both = [partition(clock, held, number=n, INGEST_BATCH_SIZE="2") for n in range(2)]
    both[0].accept([record(0)])
    both[1].accept([record(0, partition=1), record(1, partition=1)])
    drafts = await intake(clock, held, *both).take()
    assert drafts is not None
    assert [(draft.partition, len(draft.records)) for draft in drafts] == [(0, 1), (1, 2)]


async def test_what_a_full_draft_has_no_place_for_is_in_the_next(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held, INGEST_BATCH_SIZE="2")
    queue = intake(clock, held, one)
    one.accept([record(n) for n in range(5)])
    taken = [draft.records for _ in range(2) for draft in await queue.take() or ()]
    assert [offsets(records) for records in taken] == [[0, 1], [2, 3]]


def test_what_is_taken_and_what_is_left_are_together_what_is_in_flight(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held, INGEST_BATCH_SIZE="2")
    one.accept([record(n) for n in range(5)])
    taken, left = one.take(), one.draft
    assert left is not None and taken.size + left.size == held.bytes


async def test_no_batch_has_more_bytes_than_a_block_may_have(clock: FakeClock, held: Held) -> None:
    both, half = [partition(clock, held, number=n) for n in range(2)], bytes(MAX_BATCH_BYTES // 2)
    for one in both:
        one.accept([record(0, half, partition=one.number)])
    await clock.advance(1)
    drafts = await intake(clock, held, *both).take()
    assert drafts is not None and [draft.partition for draft in drafts] == [0]


async def test_a_draft_begins_where_the_one_before_ended_also_over_a_gap(
    clock: FakeClock, held: Held
) -> None:
    one = partition(clock, held, INGEST_BATCH_SIZE="2")
    queue = intake(clock, held, one)
    one.accept([record(0), record(1), record(7), record(9)])
    spans = [draft.span[1:3] for _ in range(2) for draft in await queue.take() or ()]
    assert spans == [(0, 1), (2, 9)]


def test_a_full_partition_wants_no_more(clock: FakeClock) -> None:
    one = partition(clock, INGEST_BATCH_SIZE="2")
    before = one.wants
    one.accept([record(0), record(1)])
    assert (before, one.wants) == (True, False)


def test_bytes_in_flight_are_counted_until_they_are_dropped(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held, INGEST_BATCH_SIZE="2")
    records = [record(n) for n in range(5)]
    one.accept(records)
    before = held.bytes
    one.drop()
    expected = sum(len(found.value or b"") + RECORD_OVERHEAD for found in records)
    assert (before, held.bytes) == (expected, 0)


async def test_no_batch_has_more_partitions_than_an_intent_can_name(clock: FakeClock, held: Held) -> None:
    many = [partition(clock, held, number=n, INGEST_BATCH_SIZE="1") for n in range(MAX_SPANS + 5)]
    for one in many:
        one.accept([record(0, partition=one.number)])
    drafts = await intake(clock, held, *many).take()
    assert drafts is not None and len(drafts) == MAX_SPANS


async def test_a_closed_intake_hands_out_nothing(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held)
    queue = intake(clock, held, one)
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.close()
    assert await waiting is None


def test_what_was_being_fetched_when_a_partition_was_halted_is_dropped(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held)
    one.halt("why")
    one.accept([record(0)])
    assert (one.draft, held.bytes) == (None, 0)


def test_what_begins_anew_knows_how_many_rows_were_refused(clock: FakeClock) -> None:
    """Else a partition of which each row is refused, and comes again, would never be stopped."""
    one = partition(clock, DLQ_MAX_RUN="3")
    one.refusals.count([True] * 3)
    assert one.anew().refusals.count([True]) == (0, "more than 3 bad messages in a row")


def test_what_begins_anew_has_let_go_of_what_was_fetched(clock: FakeClock, held: Held) -> None:
    one = partition(clock, held)
    one.accept([record(0)])
    assert (one.anew().draft, held.bytes) == (None, 0)


def test_a_halted_partition_does_not_begin_anew(clock: FakeClock) -> None:
    one = partition(clock)
    one.halt("why")
    after = one.anew()
    assert (after.state, after.problem) == (State.HALTED, "why")


def test_who_holds_what_all_may_share_leaves_the_others_their_own(inflight: Inflight) -> None:
    inflight.limit(120, topics=2)
    greedy, other = inflight.of("bookings"), inflight.of("users")
    greedy.bytes = 90
    other.bytes = 29
    assert (greedy.room(), other.room()) == (False, True)


def test_what_nobody_else_holds_may_be_had_by_one(inflight: Inflight) -> None:
    inflight.limit(120, topics=2)
    one = inflight.of("bookings")
    one.bytes = 89
    assert one.room()


def test_all_together_hold_no_more_than_they_may(inflight: Inflight) -> None:
    inflight.limit(120, topics=2)
    for name, held in {"bookings": 90, "users": 30}.items():
        inflight.of(name).bytes = held
    assert [inflight.of(name).room() for name in ("bookings", "users")] == [False, False]

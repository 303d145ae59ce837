"""One topic-partition while this process owns it: what was fetched of it, and how far it is stored."""

import logging
from collections.abc import Sequence
from enum import StrEnum

from aiokafka import ConsumerRecord, TopicPartition

from openride_analytics.clock import Clock
from openride_analytics.ingest.age import Age
from openride_analytics.ingest.batch import MAX_BATCH_BYTES, Draft
from openride_analytics.ingest.dead_letters import Limits
from openride_analytics.ingest.duplicates import DuplicateWindow
from openride_analytics.ingest.inflight import Held
from openride_analytics.settings import Ingest

log = logging.getLogger("openride.ingest")

# What a record takes in memory beside its value until it is stored: 270 bytes itself (measured), its key and headers.
RECORD_OVERHEAD = 400


class State(StrEnum):
    """What a partition is doing: the `state` label of its metric and the word in /health/ready."""

    RECOVERING = "recovering"
    RUNNING = "running"
    RETRYING = "retrying"
    HALTED = "halted"
    LOST = "lost"


class Partition:
    """Collects what the poll loop fetched in an open draft, until that is taken for a batch.

    An object lives from one assignment to its revocation, so nothing that an earlier ownership left open can be
    committed under a later one. `stored_to` is the next offset to store, `next` the next to fetch; `committed`
    is what the group knows, None until that was read.
    """

    def __init__(self, tp: TopicPartition, ingest: Ingest, clock: Clock, held: Held) -> None:
        self.tp = tp
        self.number: int = tp.partition
        self.state = State.RECOVERING
        self.problem: str | None = None
        self.committed: int | None = None
        self.stored_to = self.next = 0
        self.window = DuplicateWindow(ingest.dedup_window)
        self.limits = Limits(ingest.dlq_max_ratio, ingest.dlq_max_run)
        self.refusals = Limits(
            ingest.dlq_max_ratio, ingest.dlq_max_run
        )  # of rows, by ClickHouse, as they are stored
        self.draft: Draft | None = None
        self.ends: str | None = None  # why nothing after `next` can be read
        self.age = Age()
        self._ingest = ingest
        self._clock = clock
        self._held = held

    def anew(self) -> "Partition":
        """The same, to be recovered again; or itself where it is halted: why still holds."""
        self.drop()
        if self.state is State.HALTED:
            return self
        made = Partition(self.tp, self._ingest, self._clock, self._held)
        made.refusals = self.refusals
        return made

    def start(self, offset: int, window: DuplicateWindow) -> None:
        """Where the group stands, and what was stored last below that offset."""
        self.committed = self.stored_to = self.next = offset
        self.window = window

    def advance(self, last: int) -> None:
        """Everything up to offset `last` is stored."""
        self.stored_to = last + 1
        self.age.stored(last)
        self.next = max(self.next, self.stored_to)

    @property
    def is_settled(self) -> bool:
        """Whether all that was fetched is stored and committed."""
        return self.state is State.RUNNING and self.committed == self.stored_to == self.next

    def move(self, state: State, problem: str | None = None) -> None:
        """What it does from now on. Who is halted stays so."""
        if self.state is not State.HALTED:
            self.state, self.problem = state, problem

    def halt(self, problem: str) -> None:
        """Nothing more is stored until an operator has looked at it."""
        self.move(State.HALTED, problem)
        self.drop()
        log.error("partition halted", extra={**self.names, "problem": problem})

    def halt_at_its_end(self) -> None:
        """Where nothing more can be read: once all is stored that could be."""
        if self.ends is not None and self.is_settled:
            self.halt(self.ends)

    @property
    def names(self) -> dict[str, object]:
        """For log lines."""
        return {"topic": self.tp.topic, "partition": self.number}

    # -- the open draft

    @property
    def wants(self) -> bool:
        """Whether more should be fetched. While its topic retries it must not take room from others."""
        return self.state is State.RUNNING and self.ends is None and not self.full and self._held.room()

    @property
    def full(self) -> bool:
        """Whether the draft should not grow: one batch is one block of one insert, and has a limit."""
        draft = self.draft
        return draft is not None and (
            len(draft.records) >= self._ingest.batch_size or draft.size >= MAX_BATCH_BYTES
        )

    def accept(self, records: Sequence[ConsumerRecord]) -> None:
        """Take what was fetched, in offset order."""
        if self.state is State.HALTED:  # while it was being fetched
            return
        self._held.bytes += _size(records)
        self.age.fetched(records)
        self._extend(records)

    def take(self) -> Draft:
        """The draft, for a batch; what is too much for one opens the next. LookupError if there is none."""
        draft, self.draft = self.draft, None
        if draft is None:
            raise LookupError("no draft is open")
        more = draft.records[self._ingest.batch_size :]
        if more:
            del draft.records[self._ingest.batch_size :]
            draft.size -= _size(more)
            self.next = draft.span.last + 1
            self._extend(more)
        return draft

    def drop(self) -> None:
        """Forget what was fetched: whoever owns the partition next fetches it again."""
        self._held.bytes -= self.draft.size if self.draft else 0
        self.draft = None

    def _extend(self, records: Sequence[ConsumerRecord]) -> None:
        if self.draft is None:
            self.draft = Draft(
                self.number, self.next, int(self._clock.time() * 1000), self._clock.monotonic()
            )
        self.draft.records.extend(records)
        self.draft.size += _size(records)
        self.next = int(records[-1].offset) + 1


def _size(records: Sequence[ConsumerRecord]) -> int:
    return sum(len(record.value or b"") for record in records) + len(records) * RECORD_OVERHEAD

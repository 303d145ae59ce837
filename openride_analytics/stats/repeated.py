"""Entities that had some event more than once: of these only the first of each type counts.

Statements count those that are clear, and tell the events of the others, which are few, in arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np

from openride_analytics.stats.columns import (
    BITS,
    COUNT,
    ID,
    MOMENT,
    SECOND,
    Column,
    blocks_of,
    lists,
    looked_up,
    values,
)
from openride_analytics.stats.questions import Question
from openride_analytics.stats.series import WHOLE, Parts
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock

_TYPES: Final = range(4)  # of the events of an entity: bits of what it ever had
_BEGAN, _ENDED = 0, 1  # those with which it began, and ended


def firsts(entity: Column, at: Column, event: Column, *apart: Column) -> Column:
    """Where the first event of each entity stands, the one with the least (at, event); where something is told `apart`,
    of each value of that."""
    order = np.lexsort((event, at))
    keys = [np.unique(column[order], return_inverse=True)[1] for column in (*apart, entity)]
    key = np.ravel_multi_index(keys, [int(key.max(initial=0)) + 1 for key in keys])
    return order[np.unique(key, return_index=True)[1]]


class Firsts:
    """The first events among those that the rows of a statement tell, in arrays; of each the `row` that tells it."""

    def __init__(
        self, blocks: Sequence[RawBlock], *, in_each_row: bool = False, of_type: Column | None = None
    ) -> None:
        """Of each entity, or of each in each row, or of each type. The arrays are entity, at, event, and more."""
        self._blocks = blocks
        entity = lists(blocks, "entity", ID)
        row = np.repeat(np.arange(entity.lengths.size), entity.lengths)
        apart = ((row,) if in_each_row else ()) + (() if of_type is None else (of_type,))
        at, event = values(blocks, "at", MOMENT), values(blocks, "event", ID)
        self._picked = firsts(entity.values, at, event, *apart)
        self.row = row[self._picked]

    def of(self, name: str, type_: np.dtype[Any]) -> Column:
        """Of each what the array of that name says, a column of that type."""
        return values(self._blocks, name, type_)[self._picked]

    def added_to(self, plain: Column, amounts: Column) -> Column:
        """The amounts added to those of their rows."""
        total = plain.copy()
        np.add.at(total, self.row, amounts.astype(total.dtype))
        return total


class Counted:
    """The rows of a statement, one for each part: what is counted there, together with the first events in the part of
    entities that are not clear. Of each of these: its `type`, and whether it is the first `in_whole`, the range."""

    def __init__(self, blocks: Sequence[RawBlock]) -> None:
        """The statement's columns are at least part, and of the events, in arrays: type, entity, at and event."""
        self._blocks = blocks
        self._part = values(blocks, "part", SECOND)
        self.firsts = Firsts(blocks, in_each_row=True, of_type=values(blocks, "type", BITS))
        self.type = self.firsts.of("type", BITS)
        self.in_whole = self._part[self.firsts.row] == WHOLE

    def entities(self, type_: int) -> Column:
        """Whose first event of that type in the range as a whole is among these: each once."""
        found: Column = self.firsts.of("entity", ID)[self.in_whole & (self.type == type_)]
        return found

    def count(self, name: str, are_counted: Column) -> list[int]:
        """Of each part: how many, with those of the first events that are counted."""
        return self.total(values(self._blocks, name, COUNT).astype("<i8"), are_counted)

    def total(self, plain: Column, amounts: Column) -> list[Any]:
        """Of each part: the amount, with those of the first events."""
        found: list[Any] = self.firsts.added_to(plain, amounts).tolist()
        return found

    def parts(self, **told: Sequence[Any]) -> Parts:
        """What is told of each part, by part."""
        rows = (dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True))
        return dict(zip(self._part.tolist(), rows, strict=True))


class Lives(NamedTuple):
    """The table of outcomes (sql/README.md) of bookings, payments or trips; its column of ids; the bits of what a clear
    one had once; its columns of when they began and ended."""

    table: str
    entity: str
    types: int
    began: str
    ended: str


@dataclass(frozen=True)
class Became:
    """What ever became of those that began (`is_new`) or ended (`is_over`) in a range: of each row `seen`, bits of the
    types of events that they had, and how many `entities`; and the ids of those that are `unclear`, with theirs."""

    seen: Column
    is_new: Column
    is_over: Column
    entities: Column
    unclear: Column
    unclear_seen: Column

    @classmethod
    async def of(cls, clickhouse: ClickHouse, question: Question, lives: Lives) -> Self:
        """Of the question's range. Raises Retryable, TooMuch."""
        blocks = await blocks_of(
            clickhouse,
            "metrics/became",
            {"types": lives.types, "since": question.period.since, "until": question.period.until},
            table=lives.table,
            entity=lives.entity,
            began=lives.began,
            ended=lives.ended,
        )
        unclear = lists(blocks, "unclear", ID)
        seen, is_new, is_over = (values(blocks, name, BITS) for name in ("seen", "is_new", "is_over"))
        clear = unclear.lengths == 0
        return cls(
            seen=seen[clear],
            is_new=is_new[clear],
            is_over=is_over[clear],
            entities=values(blocks, "entities", COUNT)[clear],
            unclear=unclear.values,
            unclear_seen=np.repeat(seen, unclear.lengths),
        )

    def new(self, others: Column) -> list[int]:
        """By type of event: how many of those that began ever had it. `others` are the ids of those that began and may
        be unclear, each once."""
        return self._had(self.is_new, others, _BEGAN)

    def over(self, others: Column) -> list[int]:
        """The same of those that ended."""
        return self._had(self.is_over, others, _ENDED)

    def _had(self, are_meant: Column, others: Column, type_: int) -> list[int]:
        meant, seen = self.entities * are_meant, looked_up(others, self.unclear, self.unclear_seen)
        # That they began may have been stored only after this was asked: then a rate could pass 100.
        seen = seen[_has(seen, type_)]
        return [int(meant[_has(self.seen, bit)].sum()) + int(_has(seen, bit).sum()) for bit in _TYPES]


def _has(seen: Column, bit: int) -> Column:
    found: Column = (seen >> bit & 1).astype(bool)
    return found

"""Payments counted, in a range and in each bucket of it, from what metrics/payments tells of their events."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from openride_analytics.stats.columns import (
    CENTS,
    COUNT,
    ID,
    MOMENT,
    MONEY,
    SECOND,
    Column,
    Labels,
    cents_of,
    labels,
    lists,
    values,
)
from openride_analytics.stats.repeated import firsts
from openride_analytics.stats.series import WHOLE
from openride_analytics.store.raw import RawBlock

INITIATED: Final = "payment.initiated"
SUCCESS: Final = "payment.success"
FAILED: Final = "payment.failed"

_TYPES: Final = (INITIATED, SUCCESS, FAILED)


class Group(NamedTuple):
    """Payments whose first event of that type in a bucket, or in the range, was alike: how many, and their amounts
    added up, in cents."""

    event_type: str
    method: str
    currency: str
    error_code: str
    payments: int
    cents: int


@dataclass(frozen=True)
class Counted:
    """`groups`: by part, the edge of a bucket or WHOLE. Of the range: of payments that may be unclear the ids of those
    that were `initiated` in it, and `settled` in it, each once; how long (`times`, ms) each took that was settled."""

    groups: dict[int, list[Group]]
    initiated: Column
    settled: Column
    times: Column


def counted(blocks: Sequence[RawBlock]) -> Counted:
    """What the rows come to: payments that are clear, and of the others' events the first of each type."""
    terms, entity = labels(blocks, "terms"), lists(blocks, "entity", ID)
    bucket = values(blocks, "part", SECOND).astype("<i8")
    payments = values(blocks, "payments", COUNT).astype("<i8")
    clear = np.flatnonzero(payments)
    type_ = np.array([_TYPES.index(text.split(" ", 1)[0]) for text in terms.texts], "<i8")[terms.codes]

    # Each event of the others twice: in its bucket, and in the range.
    row = np.tile(np.repeat(np.arange(bucket.size), entity.lengths), 2)
    part = np.where(np.arange(row.size) < entity.values.size, bucket[row], WHOLE)
    whose, at, event = (
        np.tile(column, 2)
        for column in (entity.values, values(blocks, "at", MOMENT), values(blocks, "event", ID))
    )
    first = firsts(whose, at, event, part, type_[row])
    new, settled = (
        first[(part[first] == WHOLE) & (type_[row[first]] == _TYPES.index(name))]
        for name in (INITIATED, SUCCESS)
    )

    cents, amounts = cents_of(values(blocks, "amounts", MONEY)), np.tile(values(blocks, "value", CENTS), 2)
    rows = np.concatenate([clear, clear, row[first]])
    return Counted(
        groups=_groups(
            np.concatenate([bucket[clear], np.full(clear.size, WHOLE), part[first]]),
            Labels(terms.codes[rows], terms.texts),
            np.concatenate([payments[clear], payments[clear], np.ones(first.size, "<i8")]),
            np.concatenate([cents[clear], cents[clear], amounts[first].astype(object)]),
        ),
        initiated=whose[new],
        settled=whose[settled],
        times=np.concatenate(
            [values(blocks, "times", COUNT), np.tile(values(blocks, "took", COUNT), 2)[settled]]
        ),
    )


def _groups(part: Column, terms: Labels, payments: Column, cents: Column) -> dict[int, list[Group]]:
    found: defaultdict[int, list[Group]] = defaultdict(list)
    if part.size:
        order = np.lexsort((terms.codes, part))
        keys = np.stack([part[order], terms.codes[order]])
        starts = np.flatnonzero(np.diff(keys, prepend=-1).any(axis=0))
        counts, amounts = (np.add.reduceat(each[order], starts) for each in (payments, cents))
        told = [text.split(" ", 3) for text in terms.texts]  # only the last of the four may have spaces
        edges, codes = keys[:, starts].tolist()
        for edge, code, count, amount in zip(edges, codes, counts.tolist(), amounts, strict=True):
            event_type, method, currency, error_code = told[code]
            found[edge].append(Group(event_type, method, currency, error_code, count, amount))
    return found

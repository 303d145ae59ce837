"""Payments counted, in a range and in each bucket of it, from what metrics/payments tells of their events."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from openride_analytics.stats.columns import (
    BITS,
    COUNT,
    ID,
    MOMENT,
    MONEY,
    SECOND,
    Column,
    Labels,
    Lists,
    cents_of,
    labels,
    lists,
    values,
)
from openride_analytics.stats.series import WHOLE
from openride_analytics.store.raw import RawBlock

INITIATED: Final = "payment.initiated"
SUCCESS: Final = "payment.success"
FAILED: Final = "payment.failed"

_TYPES: Final = (INITIATED, SUCCESS, FAILED)
_NO_EVENT: Final = b""  # an ID of nothing but zeros
_SUCCEEDED: Final = 2  # bits of what a payment ever became
_REFUNDED: Final = 8


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
    """`groups`: by part, the edge of a bucket or WHOLE. Of the range: how many were `initiated` in it, how many of
    these were ever `paid`, how many were `settled` in it, how many of these were ever `returned`, and how long
    (`times`, ms) each of these took to be settled."""

    groups: dict[int, list[Group]]
    initiated: int
    paid: int
    settled: int
    returned: int
    times: Column


def counted(blocks: Sequence[RawBlock]) -> Counted:
    """What the rows come to: those of clear payments as they are; of the others' events the first of each type."""
    event, terms = values(blocks, "event", ID), labels(blocks, "terms")
    bucket = values(blocks, "bucket", SECOND).astype("<i8")
    payments = values(blocks, "payments", COUNT).astype("<i8")
    cents = cents_of(values(blocks, "amounts", MONEY))
    type_ = np.array([_TYPES.index(text.split(" ", 1)[0]) for text in terms.texts], "<i8")[terms.codes]
    is_clear = event == _NO_EVENT
    clear, others = np.flatnonzero(is_clear), np.flatnonzero(~is_clear)

    cents[others] //= payments[others].astype(object)  # that event may have been stored several times
    payments[others] = 1
    others = others[np.lexsort((event[others], values(blocks, "at", MOMENT)[others]))]
    whose = _numbered(values(blocks, "payment", ID)[others]) * len(_TYPES) + type_[others]
    in_bucket = others[_first_of_each(_numbered(bucket[others]) * len(_TYPES) * others.size + whose)]
    in_range = others[_first_of_each(whose)]

    rows = np.concatenate([clear, in_bucket, clear, in_range])
    part = bucket[rows]
    part[clear.size + in_bucket.size :] = WHOLE
    initiated, paid, settled, returned = values(blocks, "became", COUNT)[:4].tolist() or [0] * 4
    seen = values(blocks, "seen", BITS)[in_range]
    new, success = (type_[in_range] == _TYPES.index(name) for name in (INITIATED, SUCCESS))
    return Counted(
        groups=_groups(part, Labels(terms.codes[rows], terms.texts), payments[rows], cents[rows]),
        initiated=initiated + int(np.count_nonzero(new)),
        paid=paid + int(np.count_nonzero(seen[new] & _SUCCEEDED)),
        settled=settled + int(np.count_nonzero(success)),
        returned=returned + int(np.count_nonzero(seen[success] & _REFUNDED)),
        times=_times(lists(blocks, "times", COUNT), is_clear, in_range[success]),
    )


def _numbered(column: Column) -> Column:
    """Equal values by equal numbers from 0 on, in no order that matters."""
    return np.unique(column, return_inverse=True)[1]


def _first_of_each(column: Column) -> Column:
    """Where each value comes first."""
    return np.unique(column, return_index=True)[1]


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


def _times(times: Lists, is_clear: Column, firsts: Column) -> Column:
    """Of those that are clear, and of the `firsts` among the others."""
    begins = np.cumsum(times.lengths) - times.lengths
    return np.concatenate([times.values[np.repeat(is_clear, times.lengths)], times.values[begins[firsts]]])

"""Results as columns: ids as bytes, and what goes with them."""

from decimal import Decimal
from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.stats.columns import (
    COUNT,
    MONEY,
    amount_of,
    cents_of,
    ids_of,
    labels,
    lists,
    looked_up,
    uuid_of,
)
from openride_analytics.store.raw import Raw, RawBlock

# Few, so that some are asked for and known; some end with zeros, some begin with them.
IDS = st.sampled_from(
    [UUID(int=n << shift) for n in (1, 2, 258, 65_535) for shift in (0, 64, 104)] + [UUID(int=0)]
)


@given(st.lists(IDS))
def test_ids_come_back_as_they_were(uuids: list[UUID]) -> None:
    assert [uuid_of(id_) for id_ in ids_of(uuids).tolist()] == uuids


@given(st.lists(IDS))
def test_ids_are_ordered_as_their_texts(uuids: list[UUID]) -> None:
    assert [uuid_of(id_) for id_ in np.sort(ids_of(uuids)).tolist()] == sorted(uuids, key=str)


@given(st.lists(IDS, unique=True), st.dictionaries(IDS, st.integers(1, 2**64 - 1)))
def test_each_id_has_its_value_and_an_unknown_one_none(asked: list[UUID], known: dict[UUID, int]) -> None:
    values = np.array([*known.values()], dtype=COUNT)
    found = looked_up(ids_of(asked), ids_of([*known]), values)
    assert found.tolist() == [known.get(uuid, 0) for uuid in asked]


@given(st.lists(st.lists(st.integers(0, 2**64 - 1)), min_size=1), st.integers(0, 5))
def test_arrays_of_several_blocks_are_one_column(rows: list[list[int]], cut: int) -> None:
    found = lists([arrays(part) for part in (rows[:cut], rows[cut:]) if part], "times", COUNT)
    assert (found.values.tolist(), found.lengths.tolist()) == (flat(rows), [len(row) for row in rows])


def flat(rows: list[list[int]]) -> list[int]:
    return [value for row in rows for value in row]


def arrays(rows: list[list[int]]) -> RawBlock:
    ends = np.cumsum([len(row) for row in rows]).astype("<u8").tobytes()
    values = np.array(flat(rows), COUNT).tobytes()
    return RawBlock(len(rows), {"times": Raw("Array(UInt64)", values, 8, ends=ends)})


def test_labels_are_the_texts_that_rows_have_whatever_the_keys_of_their_blocks() -> None:
    blocks = [
        RawBlock(3, {"terms": Raw("LowCardinality(String)", bytes([2, 1, 2]), 1, keys=("", "a", "b", "c"))}),
        RawBlock(2, {"terms": Raw("LowCardinality(String)", bytes([1, 0, 2, 0]), 2, keys=("", "b", "d"))}),
    ]
    found = labels(blocks, "terms")
    assert ([found.texts[code] for code in found.codes], sorted(found.texts)) == (
        ["b", "a", "b", "b", "d"],
        ["a", "b", "d"],
    )


def test_a_result_of_nothing_has_no_labels_and_no_arrays() -> None:
    assert (labels([], "terms").texts, lists([], "times", COUNT).lengths.size) == ([], 0)


@given(st.lists(st.integers(-(2**127), 2**127 - 1)))
def test_cents_have_no_end(cents: list[int]) -> None:
    halves = np.array([(value & (2**64 - 1), value >> 64) for value in cents], MONEY)
    assert cents_of(halves).tolist() == cents


def test_an_amount_is_a_hundredth_of_its_cents() -> None:
    assert amount_of(-12_345) == Decimal("-123.45")

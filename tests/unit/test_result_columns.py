"""Results as columns: ids as bytes, and what goes with them."""

from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.stats.columns import COUNT, ids_of, looked_up, uuid_of

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

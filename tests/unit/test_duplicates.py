"""A producer's duplicates: at least the last N ids of a partition are known, and none that never came."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.ingest.duplicates import DuplicateWindow, fold

SIZE = 16
batches = st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=10, unique=True), max_size=30)


def ids(numbers: list[int]) -> list[UUID]:
    return [UUID(int=number) for number in numbers]


def filled(parts: list[list[int]]) -> DuplicateWindow:
    window = DuplicateWindow(SIZE)
    for part in parts:
        window.remember(fold(ids(part)))
    return window


@given(batches)
def test_the_last_ids_are_known(parts: list[list[int]]) -> None:
    last = [number for part in parts for number in part][-SIZE:]
    distinct = list(dict.fromkeys(last))
    assert filled(parts).seen(fold(ids(distinct))).all()


@given(batches)
def test_what_never_came_is_not_known(parts: list[list[int]]) -> None:
    assert not filled(parts).seen(fold(ids(list(range(1000, 1050))))).any()


@given(batches)
def test_memory_is_bounded(parts: list[list[int]]) -> None:
    most = SIZE + SIZE // 8
    assert len(filled(parts)) <= most


def test_the_second_of_two_equal_ids_in_one_batch_is_a_repetition() -> None:
    assert DuplicateWindow(SIZE).seen(fold(ids([7, 8, 7, 7]))).tolist() == [False, False, True, True]


def test_what_was_stored_before_is_known() -> None:
    window = DuplicateWindow(SIZE, fold(ids([1, 2, 3])))
    assert window.seen(fold(ids([3, 4]))).tolist() == [True, False]


@pytest.mark.parametrize(
    ("high", "low"),
    [pytest.param(64, 0, id="counters"), pytest.param(112, 48, id="as times and processes in UUIDv1")],
)
def test_ids_that_count_in_both_halves_have_folds_of_their_own(high: int, low: int) -> None:
    counted = [UUID(int=(one << high) | (other << low)) for one in range(200) for other in range(200)]
    assert len(np.unique(fold(counted))) == len(counted)


def test_what_is_forgotten_may_come_again() -> None:
    window, known = DuplicateWindow(SIZE), fold(ids(list(range(SIZE))))
    window.remember(known)
    window.forget(known[[2, 11]])
    assert (~window.seen(known)).nonzero()[0].tolist() == [2, 11]

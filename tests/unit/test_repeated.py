"""What became of the few that had some event more than once."""

from uuid import UUID

import numpy as np

from openride_analytics.stats.columns import ids_of
from openride_analytics.stats.repeated import Became

IDS = ids_of([UUID(int=n) for n in range(1, 4)])
NONE = np.empty(0, "u1")


def of_unclear(*seen: int) -> Became:
    """Nobody is clear, and of IDS this was seen."""
    return Became(NONE, NONE, NONE, np.empty(0, "<u8"), IDS, np.array(seen, "u1"))


def test_what_each_ever_had_is_counted() -> None:
    assert of_unclear(0b0001, 0b0011, 0b1011).new(IDS) == [3, 2, 0, 1]


def test_who_did_not_begin_in_the_range_is_not_counted() -> None:
    assert of_unclear(0b0001, 0b0011, 0b1011).new(IDS[:2]) == [2, 1, 0, 0]


def test_whose_beginning_was_not_stored_yet_when_that_was_asked_is_not_counted() -> None:
    assert of_unclear(0b0001, 0b0011, 0b1010).new(IDS) == [2, 1, 0, 0]


def test_whose_end_was_not_stored_yet_when_that_was_asked_is_not_counted() -> None:
    assert of_unclear(0b0011, 0b1011, 0b1001).over(IDS) == [2, 2, 0, 1]

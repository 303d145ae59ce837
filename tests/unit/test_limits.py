"""When bad messages are no longer single ones: the bulk count says what counting one by one would."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.ingest.dead_letters import Limits

RATIO, RUN, MEMORY = 0.5, 4, 10
chunks = st.lists(st.lists(st.booleans(), max_size=8), max_size=12)


def one_by_one(bad: list[bool]) -> int:
    """How many messages pass, by the definition."""
    last: deque[bool] = deque([False] * MEMORY, maxlen=MEMORY)
    run = 0
    for passed, is_bad in enumerate(bad):
        last.append(is_bad)
        run = run + 1 if is_bad else 0
        if run > RUN or (is_bad and sum(last) > RATIO * MEMORY):
            return passed
    return len(bad)


@given(chunks)
def test_as_many_pass_as_by_the_definition(parts: list[list[bool]]) -> None:
    limits, passed = Limits(RATIO, RUN, MEMORY), 0
    for part in parts:
        taken, exceeded = limits.count(part)
        passed += taken
        if exceeded:
            break
    assert passed == one_by_one([is_bad for part in parts for is_bad in part])


def test_the_ratio_is_named() -> None:
    assert Limits(0.5, 100, 10).count([True, False] * 5 + [True, True]) == (
        11,
        "more than 5 bad messages among the last 10",
    )


def test_the_run_is_named() -> None:
    assert Limits(1, 3, 10).count([True] * 9) == (3, "more than 3 bad messages in a row")

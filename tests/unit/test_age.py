"""How long the first message that is not yet stored has been waiting."""

from typing import Any

from aiokafka import ConsumerRecord

from openride_analytics.ingest.age import Age


def records(*offsets_at: tuple[int, float]) -> list[ConsumerRecord[Any, Any]]:
    return [
        ConsumerRecord("t", 0, offset, int(at * 1000), 0, None, b"", None, 0, 0, ())
        for offset, at in offsets_at
    ]


def test_nothing_waits() -> None:
    assert Age().seconds(100, waiting=False) == 0


def test_the_first_of_what_was_fetched_counts() -> None:
    age = Age()
    age.fetched(records((0, 40), (1, 50)))
    age.fetched(records((2, 60)))
    assert age.seconds(100, waiting=True) == 60


def test_what_is_stored_waits_no_more() -> None:
    age = Age()
    age.fetched(records((0, 40), (1, 50)))
    age.fetched(records((2, 60)))
    age.stored(1)
    assert age.seconds(100, waiting=True) == 40


def test_what_was_not_fetched_waits_since_it_was_seen_to() -> None:
    age = Age()
    found = [age.seconds(now, waiting=True) for now in (100, 130)]
    assert found == [0, 30]


def test_a_new_wait_begins_anew() -> None:
    age = Age()
    for now, waiting in ((100, True), (110, False), (120, True)):
        age.seconds(now, waiting=waiting)
    assert age.seconds(125, waiting=True) == 5


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    age = Age()
    age.fetched(records((0, 40)))
    assert age.seconds(39, waiting=True) == 0


def test_while_kafka_does_not_answer_what_was_fetched_waits_on() -> None:
    age = Age()
    age.fetched(records((0, 40)))
    assert age.seconds(100, waiting=None) == 60


def test_while_kafka_does_not_answer_what_waited_there_waits_on() -> None:
    age = Age()
    age.seconds(100, waiting=True)
    assert [age.seconds(now, waiting=None) for now in (110, 130)] == [10, 30]


def test_while_kafka_does_not_answer_nothing_begins_to_wait() -> None:
    age = Age()
    age.seconds(100, waiting=False)
    assert age.seconds(130, waiting=None) == 0

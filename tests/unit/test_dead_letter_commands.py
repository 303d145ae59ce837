"""`dlq` and letters that mean no good: whoever may write to a topic decides what is printed and where it is sent."""

import argparse
from collections.abc import AsyncGenerator, Sequence

import pytest
from aiokafka import ConsumerRecord

from openride_analytics.commands import dlq
from openride_analytics.ingest.dead_letter_topic import Found
from openride_analytics.settings import Settings, load

HOSTILE = "\x1b]52;c;cm0gLXJmIH4=\x07\x9b2J\rreason: fine\u202e"
GOOD = {"topic": "openride.events.user", "partition": "0", "offset": "7", "reason": "invalid_json"}


def letter(why: dict[str, str], value: bytes = b"{") -> Found:
    headers = (("seen", HOSTILE.encode()),)
    return Found(
        ConsumerRecord("dlq", 0, 5, 0, 0, b"\x1b[2J", value, None, len(value), len(value), headers), why
    )


@pytest.fixture
def settings() -> Settings:
    return load({})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """What is sent back instead of being sent."""
    taken: list[Found] = []

    async def send_back(_: Settings, letters: Sequence[Found]) -> None:
        taken.extend(letters)

    monkeypatch.setattr(dlq, "send_back", send_back)
    return taken


def topic_has(monkeypatch: pytest.MonkeyPatch, *letters: Found) -> None:
    async def read(_: Settings, __: str | None = None) -> AsyncGenerator[Found, None]:
        for one in letters:
            yield one

    monkeypatch.setattr(dlq, "read", read)


def asked(action: str, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    dlq.add_arguments(parser)
    return parser.parse_args([action, *more])


@pytest.mark.parametrize("arguments", [("list",), ("show", "0:5")])
def test_a_letter_gives_no_commands_to_the_terminal(
    arguments: Sequence[str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    topic_has(monkeypatch, letter(GOOD | {"error": HOSTILE, HOSTILE: "x"}, HOSTILE.encode()))
    assert dlq.run(asked(*arguments), settings) == 0
    printed = capsys.readouterr().out
    assert [char for char in printed.replace("\n", "") if not char.isprintable()] == []


@pytest.mark.parametrize(
    "why",
    [
        {},
        {"topic": GOOD["topic"]},
        GOOD | {"partition": "first"},
        GOOD | {"offset": "-1"},
        GOOD | {"topic": "payments.orders"},
    ],
)
def test_what_did_not_come_from_our_topics_is_left_and_keeps_nothing_back(
    why: dict[str, str], sent: list[Found], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = letter(GOOD)
    topic_has(monkeypatch, letter(why), good)
    assert (dlq.run(asked("replay"), settings), sent) == (0, [good])


def test_no_more_are_sent_back_than_were_asked_for(
    sent: list[Found], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = letter(GOOD), letter(GOOD | {"offset": "8"})
    topic_has(monkeypatch, first, second)
    assert (dlq.run(asked("replay", "--max", "1"), settings), sent) == (0, [first])


def test_what_is_left_is_said(
    sent: list[Found], settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    topic_has(monkeypatch, letter({}), letter(GOOD))
    dlq.run(asked("replay"), settings)
    assert capsys.readouterr().out.splitlines() == [
        "1 messages sent back, openride.events.user 1",
        "1 left: they do not say from which of our topics they came",
    ]

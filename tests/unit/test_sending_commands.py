"""Flags of `simulate` and `replay`, and how little the Kafka client says."""

import argparse
import logging

import pytest

from openride_analytics.commands import replay, simulate
from openride_analytics.commands.arguments import REPEAT_SECONDS, _Seldom


def parse(command: str, *flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    (simulate if command == "simulate" else replay).add_arguments(parser)
    return parser.parse_args(flags)


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("simulate", ["--days", "-1"]),
        ("simulate", ["--days", "1.5"]),
        ("simulate", ["--rate", "nan"]),
        ("simulate", ["--rate", "inf"]),
        ("simulate", ["--drivers", "0"]),
        ("simulate", ["--count", "0"]),
        ("simulate", ["--now", "2026-11-24T00:00:00"]),
        ("simulate", ["--now", "soon"]),
        ("replay", []),
        ("replay", ["f", "--rate", "-1"]),
        ("replay", ["f", "--rebase-to", "tomorrow"]),
    ],
)
def test_wrong_flags_are_refused(command: str, flags: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(command, *flags)


def test_a_moment_keeps_its_offset() -> None:
    assert (
        parse("simulate", "--now", "2026-11-24T08:00:00+01:00").now.isoformat() == "2026-11-24T08:00:00+01:00"
    )


def test_the_client_repeats_itself_seldom() -> None:
    def said(message: str, at: float) -> logging.LogRecord:
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 1, message, ("detail",), None)
        record.created = at
        return record

    seldom = _Seldom()
    records = [said("a %s", 0), said("a %s", 1), said("b %s", 2), said("a %s", REPEAT_SECONDS)]
    assert [seldom.filter(record) for record in records] == [True, False, True, True]

"""Flags of the commands that send."""

import argparse

import pytest

from openride_analytics.commands import dev, dlq, replay, simulate

COMMANDS = {"dev": dev, "dlq": dlq, "replay": replay, "simulate": simulate}


def parse(command: str, *flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    COMMANDS[command].add_arguments(parser)
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
        ("dev", ["--rate", "-1"]),
        ("dev", ["--rate", "nan"]),
        ("dlq", ["replay", "--max", "0"]),
        ("dlq", ["list", "--max", "-1"]),
    ],
)
def test_wrong_flags_are_refused(command: str, flags: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(command, *flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--now", "soon"], "'soon' is no ISO 8601 datetime"),
        (["--now", "2026-11-24T00:00:00"], "2026-11-24T00:00:00 has no offset"),
        (["--count", "-1"], "it must be more than 0"),
        (["--count", "-" + "9" * 400], "it must be more than 0"),
    ],
)
def test_what_is_wrong_with_a_flag_is_said(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse("simulate", *flags)
    assert said in capsys.readouterr().err


def test_a_moment_keeps_its_offset() -> None:
    assert (
        parse("simulate", "--now", "2026-11-24T08:00:00+01:00").now.isoformat() == "2026-11-24T08:00:00+01:00"
    )

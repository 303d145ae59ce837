"""The sending commands as processes: their exit codes, and how they end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openride_analytics.settings import Topics
from tests.support.kafka import Broker

pytestmark = pytest.mark.e2e


def start(broker: Broker, topics: Topics, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """`openride-analytics ...` with this test's broker and topics."""
    names = {f"KAFKA_TOPIC_{kind.upper()}": topic for kind, topic in topics.events().items()}
    environ = (
        os.environ | names | {"KAFKA_TOPIC_DLQ": topics.dlq, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
    )
    command = [sys.executable, "-m", "openride_analytics", *arguments]
    return subprocess.Popen(command, env=environ, cwd=folder, stderr=subprocess.PIPE, text=True)


def test_sigterm_ends_simulate_well(broker: Broker, topics: Topics, tmp_path: Path) -> None:
    with start(broker, topics, tmp_path, "simulate", "--days", "1") as process:
        assert process.stderr is not None
        process.stderr.readline()  # the history is sent
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said.endswith("events sent\n")) == (0, True)


def test_an_interrupted_replay_fails(broker: Broker, topics: Topics, tmp_path: Path) -> None:
    event = '{"event_type":"user.registered","user_id":"u"}\n'
    (tmp_path / "events.jsonl").write_text(event + "no event\n" + event * 1000)
    flags = ("--lenient", "--rate", "10")
    with start(broker, topics, tmp_path, "replay", "events.jsonl", *flags) as process:
        assert process.stderr is not None
        process.stderr.readline()  # a line is skipped: it has begun
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, "not all" in said) == (1, True)


def test_a_bad_line_is_named(broker: Broker, topics: Topics, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("no event\n")
    with start(broker, topics, tmp_path, "replay", "events.jsonl") as process:
        _, said = process.communicate(timeout=30)
    assert (process.returncode, "events.jsonl:1: not JSON" in said) == (2, True)

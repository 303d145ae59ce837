"""Log lines as machines and people read them."""

import io
import json
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from openride_analytics.settings import Secret
from openride_analytics.telemetry import configure_logging, spans
from openride_analytics.telemetry.logs import REPEAT_SECONDS, Seldom

Configure = Callable[..., io.StringIO]
CANARY = "hunter2-canary"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Configure logging onto a text to read; everything global is put back."""
    root, ours = logging.getLogger(), logging.getLogger("openride")
    handlers, levels = root.handlers[:], (root.level, ours.level)

    def onto_text(level: str = "INFO", *, json: bool = True) -> io.StringIO:
        stream = io.StringIO()
        configure_logging(level, "rides", json=json, stream=stream)
        return stream

    yield onto_text
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logging.captureWarnings(False)


log = logging.getLogger("openride.test")


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def fail() -> None:
    raise ValueError("the problem")


def log_failure(level: int) -> None:
    try:
        fail()
    except ValueError:
        log.log(level, "it failed", exc_info=True)


def test_a_json_line_has_the_agreed_keys(configure: Configure) -> None:
    stream = configure()
    log.info("batch stored", extra={"topic": "rides", "events": 500})
    line = only_line(stream)
    del line["ts"]
    assert line == {
        "level": "INFO",
        "logger": "openride.test",
        "app": "rides",
        "msg": "batch stored",
        "topic": "rides",
        "events": 500,
    }


def test_the_time_is_rfc_3339_in_utc_with_milliseconds(configure: Configure) -> None:
    stream = configure()
    record = log.makeRecord(log.name, logging.INFO, "", 0, "x", (), None)
    record.created = 1_760_000_000.0456
    log.handle(record)
    assert only_line(stream)["ts"] == "2025-10-09T08:53:20.045Z"


def test_one_record_is_one_json_line(configure: Configure) -> None:
    stream = configure()
    log.info("two\nlines\u2028three", extra={"more": "a\r\nb"})
    assert only_line(stream)["more"] == "a\r\nb"


def test_arguments_are_put_in(configure: Configure) -> None:
    stream = configure()
    log.info("%d of %s", 3, "four")
    assert only_line(stream)["msg"] == "3 of four"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"\xff", "b'\\xff'"),
        ("\udc80", "\udc80"),
        ((1, "a"), [1, "a"]),
        ({"a": {"b": [None]}}, {"a": {"b": [None]}}),
        ({1: 2}, {"1": 2}),
        (ValueError("x"), "x"),
    ],
)
def test_any_value_can_be_written(configure: Configure, value: object, written: object) -> None:
    stream = configure()
    log.info("x", extra={"value": value})
    assert only_line(stream)["value"] == written


def test_a_value_that_cannot_be_printed_breaks_nothing(configure: Configure) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

    stream = configure()
    log.info("x", extra={"value": Hostile()})
    assert only_line(stream)["value"] == "<unprintable Hostile>"


def test_a_value_that_holds_itself_breaks_nothing(configure: Configure) -> None:
    loop: list[object] = []
    loop.append(loop)
    stream = configure()
    log.info("x", extra={"value": loop})
    assert "[...]" in json.dumps(only_line(stream)["value"])


def test_an_extra_field_replaces_no_key_of_ours(configure: Configure) -> None:
    stream = configure()
    log.info("x", extra={"level": "mine", "ts": "mine"})
    line = only_line(stream)
    assert (line["level"], line["level_"], line["ts_"]) == ("INFO", "mine", "mine")


@dataclass
class Holder:
    password: Secret


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "extra",
    [
        {"password": Secret(CANARY)},
        {"settings": Holder(Secret(CANARY))},
        {"options": {"deep": [{"deeper": (Secret(CANARY),)}]}},
        {"keys": {Secret(CANARY): 1}},
        {"very": [[[[[[[[Secret(CANARY)]]]]]]]]},
    ],
)
def test_a_secret_in_a_field_never_shows(configure: Configure, extra: dict[str, Any], as_json: bool) -> None:
    stream = configure(json=as_json)
    log.info("x", extra=extra)
    assert CANARY not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_in_an_argument_never_shows(configure: Configure, as_json: bool) -> None:
    stream = configure(json=as_json)
    log.info("connecting with %s, %r", Secret(CANARY), Secret(CANARY))
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("verbosity", ["DEBUG", "INFO"])
@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_an_exception_is_type_message_and_place(configure: Configure, verbosity: str, level: int) -> None:
    stream = configure(verbosity)
    log_failure(level)
    line = fail.__code__.co_firstlineno + 1
    assert only_line(stream)["exception"] == {
        "type": "ValueError",
        "message": "the problem",
        "at": f"{__name__}:{line}",
    }


def test_a_line_within_a_trace_has_its_ids(configure: Configure) -> None:
    stream = configure()
    with spans.continued(f"00-{TRACE}-{SPAN}-00"):
        log.error("it failed")
    line = only_line(stream)
    assert (line["trace_id"], line["span_id"]) == (TRACE, SPAN)


def test_what_comes_after_an_error_is_no_part_of_its_trace() -> None:
    with suppress(ValueError), spans.continued(f"00-{TRACE}-{SPAN}-01"):
        fail()
    assert spans.ids() is None


def test_people_are_told_the_trace_of_an_error(configure: Configure) -> None:
    stream = configure(json=False)
    with spans.continued(f"00-{TRACE}-{SPAN}-01"):
        log.error("it failed")
    assert f"trace_id={TRACE}" in stream.getvalue()


def test_people_get_one_readable_line(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    stream = configure(json=False)
    record = log.makeRecord(log.name, logging.INFO, "", 0, "batch stored", (), None, extra={"events": 5})
    record.created, record.msecs = 1_760_000_000.0456, 45
    log.handle(record)
    monkeypatch.undo()
    time.tzset()
    assert stream.getvalue() == "08:53:20.045 INFO    test        batch stored  events=5\n"


def test_people_are_told_of_an_error_in_the_same_line(configure: Configure) -> None:
    stream = configure(json=False)
    log_failure(logging.ERROR)
    assert re.search(r"it failed  ValueError: the problem  at=\S+:\d+\n$", stream.getvalue()) is not None


def test_a_terminal_gets_no_control_characters(configure: Configure) -> None:
    stream = configure(json=False)
    log.info("x", extra={"value": "\x1b[2J\r\nforged line"})
    assert re.search(r"[\x00-\x1f\x7f-\x9f]", stream.getvalue().removesuffix("\n")) is None


def test_our_level_is_the_one_asked_for(configure: Configure) -> None:
    stream = configure("warning")
    log.info("no")
    log.warning("yes")
    assert only_line(stream)["msg"] == "yes"


@pytest.mark.parametrize(("level", "heard"), [("INFO", "WARNING"), ("DEBUG", "INFO"), ("ERROR", "ERROR")])
def test_libraries_are_heard_only_from_a_higher_level_on(
    configure: Configure, level: str, heard: str
) -> None:
    stream = configure(level)
    library = logging.getLogger("aiokafka.consumer")
    for each in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        library.log(each, "x")
    assert json.loads(stream.getvalue().splitlines()[0])["level"] == heard


def test_warnings_are_log_lines(configure: Configure) -> None:
    stream = configure()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("INFO", "rides", json=True, stream=stream)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert only_line(stream)["logger"] == "py.warnings"


def test_configuring_again_replaces(configure: Configure) -> None:
    first, second = configure(), configure()
    log.info("x")
    assert (first.getvalue(), only_line(second)["msg"]) == ("", "x")


def test_an_unknown_level_is_refused(configure: Configure) -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure("LOUD")


def test_the_kafka_client_repeats_itself_seldom() -> None:
    def said(line: int, at: float) -> logging.LogRecord:
        record = logging.LogRecord("aiokafka.client", logging.ERROR, "client.py", line, "%s", (at,), None)
        record.created = at
        return record

    seldom = Seldom("aiokafka")
    records = [said(1, 0), said(1, 1), said(2, 2), said(1, REPEAT_SECONDS)]
    assert [seldom.filter(record) for record in records] == [True, False, True, True]


@pytest.mark.parametrize(
    "name", ["aiokafka.client", "uvicorn.error", "opentelemetry.trace.propagation.tracecontext"]
)
def test_others_do_not_decide_how_long_the_log_is(name: str, configure: Configure) -> None:
    stream = configure()
    for sent in ("a", "b", "c"):
        logging.getLogger(name).warning(f"Invalid HTTP request received: {sent}")
    assert len(stream.getvalue().splitlines()) == 1


def test_other_loggers_may_repeat_themselves() -> None:
    record = logging.LogRecord("openride.ingest", logging.ERROR, "", 1, "again", (), None)
    seldom = Seldom("aiokafka")
    assert [seldom.filter(record), seldom.filter(record)] == [True, True]

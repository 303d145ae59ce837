"""Logs: one JSON object a line for machines, one readable line for people.

    logging.getLogger("openride.ingest").info("batch stored", extra={"topic": topic, "events": 500})

Messages are constant texts; what varies goes into `extra`. Values are written by `str()` unless they are plain
JSON, so that a `settings.Secret` shows as `***` wherever it stands. An error is its class, its message (see `blame`)
and the line where it came from: no stack trace, which may quote rows, SQL and secrets. What happens within a trace
carries its ids.
"""

import json as jsonlib
import logging
import math
import sys
import time
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import TextIO

from openride_analytics.telemetry import spans
from openride_analytics.telemetry.blame import blame

OURS = "openride"
MAX_DEPTH = 6
REPEAT_SECONDS = 10.0
# aiokafka tries again by itself, and while no broker answers it says so thousands of times. The others have a line for
# each odd request and header: whoever sends them, token or not, would decide how long the log is.
REPEATERS = ("aiokafka", "uvicorn", "opentelemetry")
CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160))}
# What a LogRecord has by itself; anything else came in `extra`.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure_logging(level: str, app_name: str, *, json: bool, stream: TextIO | None = None) -> None:
    """Send every log record from `level` (DEBUG ... CRITICAL, any case) on to `stream` (stderr), in one format.

    A service logs to stdout; a command whose result goes there must not.

    Libraries are heard from WARNING on, or from INFO on if `level` is DEBUG: at DEBUG some print message bodies.
    Replaces what was configured before. Raises ValueError for an unknown level.
    """
    ours = logging.getLevelNamesMapping().get(level.upper())
    if ours is None:
        raise ValueError(f"unknown log level {level!r}")
    verbose = ours <= logging.DEBUG
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(app_name) if json else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else max(ours, logging.WARNING))
    logging.getLogger(OURS).setLevel(ours)
    for library in REPEATERS:
        handler.addFilter(Seldom(library))
    logging.captureWarnings(True)


class Seldom(logging.Filter):
    """Passes what the library `name` says at a place in its code only when the last time is REPEAT_SECONDS ago: what it
    says there may have in it what callers send."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._passed: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True  # another library's
        place = (record.pathname, record.lineno)
        last = self._passed.get(place)
        if last is not None and record.created - last < REPEAT_SECONDS:
            return False
        self._passed[place] = record.created
        return True


class JsonFormatter(logging.Formatter):
    """ts (RFC 3339, UTC, ms), level, logger, app, msg, the extra fields, trace_id, span_id, exception (`blame`)."""

    def __init__(self, app_name: str) -> None:
        super().__init__()
        self._app_name = app_name

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "app": self._app_name,
            "msg": record.getMessage(),
        }
        if (here := spans.ids()) is not None:
            line["trace_id"], line["span_id"] = here
        for name, value in _extra(record).items():
            line[f"{name}_" if name in line or name == "exception" else name] = _plain(value)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = blame(record.exc_info[1])
        return jsonlib.dumps(line, separators=(",", ":"), allow_nan=False)


class TextFormatter(logging.Formatter):
    """`12:00:00.123 INFO    ingest  batch stored  topic=... events=500`, local time; then an error, and its trace."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        name = record.name.removeprefix(f"{OURS}.")
        parts = [
            f"{clock}.{int(record.msecs):03d} {record.levelname:<8}{name:<11} {record.getMessage()}",
            *(f"{name}={_text(_plain(value))}" for name, value in _extra(record).items()),
        ]
        if (error := record.exc_info[1] if record.exc_info else None) is not None:
            said = blame(error)
            parts.append(f"{said.pop('type')}: {said.pop('message')}")
            parts += [f"{name}={_text(value)}" for name, value in said.items()]
        if record.levelno >= logging.WARNING and (here := spans.ids()) is not None:
            parts.append(f"trace_id={here[0]}")
        # One record, one line, and no commands to the terminal, whatever is in it.
        return "  ".join(parts).translate(CONTROLS)


def _timestamp(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in record.__dict__.items() if name not in STANDARD}


def _plain(value: object, depth: int = 0) -> object:
    """JSON's own types as they are, containers of them likewise, anything else as text."""
    if value is None or type(value) in (bool, int, str):  # not a subclass: its str() may hide what it holds
        return value
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if depth < MAX_DEPTH:
        if isinstance(value, Mapping):
            return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray | memoryview):
            return [_plain(item, depth + 1) for item in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a log line must never be what fails
        return f"<unprintable {type(value).__name__}>"

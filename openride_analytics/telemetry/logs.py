"""Logs: one JSON object a line for machines, one readable line for a terminal; both to stderr.

    logging.getLogger("openride.ingest").info("batch stored", extra={"topic": topic, "events": 500})

Messages are constant texts; what varies goes into `extra`. Values are written by `str()` unless they are plain
JSON, so that a `settings.Secret` shows as `***` wherever it stands.
"""

import json as jsonlib
import logging
import math
import sys
import time
import traceback
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import TextIO

from openride_analytics.errors import OpenRideError

OURS = "openride"
MAX_DEPTH = 6
REPEAT_SECONDS = 10.0
CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160))}
# What a LogRecord has by itself; anything else came in `extra`.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure_logging(level: str, app_name: str, *, json: bool, stream: TextIO | None = None) -> None:
    """Send every log record from `level` (DEBUG ... CRITICAL, any case) on to `stream` (stderr), in one format.

    Libraries are heard from WARNING on, or from INFO on if `level` is DEBUG: at DEBUG some print message bodies.
    Replaces what was configured before. Raises ValueError for an unknown level.
    """
    ours = logging.getLevelNamesMapping().get(level.upper())
    if ours is None:
        raise ValueError(f"unknown log level {level!r}")
    verbose = ours <= logging.DEBUG
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(app_name, verbose=verbose) if json else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO if verbose else max(ours, logging.WARNING))
    logging.getLogger(OURS).setLevel(ours)
    handler.addFilter(Seldom("aiokafka"))
    logging.captureWarnings(True)


class Seldom(logging.Filter):
    """Passes a message of the library `name` only when the last one of its kind is REPEAT_SECONDS ago.

    aiokafka tries again by itself, and while no broker answers it says so thousands of times.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True  # another library's
        last = self._passed.get(record.msg)
        if last is not None and record.created - last < REPEAT_SECONDS:
            return False
        self._passed[record.msg] = record.created
        return True


class JsonFormatter(logging.Formatter):
    """ts (RFC 3339, UTC, ms), level, logger, app, msg, the extra fields, exception {type, message}.

    An exception's stack trace is left out from WARNING on, where an operator reads and a log store keeps, unless
    `verbose`, and with it the error's causes: a driver's text may quote rows or SQL.
    """

    def __init__(self, app_name: str, *, verbose: bool) -> None:
        super().__init__()
        self._app_name = app_name
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "app": self._app_name,
            "msg": record.getMessage(),
        }
        for name, value in _extra(record).items():
            line[f"{name}_" if name in line or name == "exception" else name] = _plain(value)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self._exception(record.exc_info[1], record.levelno)
        return jsonlib.dumps(line, separators=(",", ":"), allow_nan=False)

    def _exception(self, error: BaseException, level: int) -> dict[str, object]:
        described: dict[str, object] = {"type": type(error).__name__, "message": _text(error)}
        if self._verbose or level < logging.WARNING:
            described["trace"] = "".join(traceback.format_exception(error))
        return described


class TextFormatter(logging.Formatter):
    """`12:00:00.123 INFO    ingest  batch stored  topic=... events=500`, local time; then an error.

    One of our own tree says in its message all there is to say; any other gets its trace.
    """

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        name = record.name.removeprefix(f"{OURS}.")
        parts = [
            f"{clock}.{int(record.msecs):03d} {record.levelname:<8}{name:<11} {record.getMessage()}",
            *(f"{name}={_text(_plain(value))}" for name, value in _extra(record).items()),
        ]
        # One record, one line, and no commands to the terminal, whatever is in it.
        line = "  ".join(parts).translate(CONTROLS)
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OpenRideError):
            line += f"  {_text(error).translate(CONTROLS)}"
        elif error is not None:
            line += "\n" + "".join(traceback.format_exception(error)).rstrip()
        return line


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

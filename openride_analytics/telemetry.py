"""Logs and metrics: how they look, and every metric's name in one place.

Labels are of closed sets (topics, states, routes, reasons): never an id, an offset, a path or an error's text.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

# What a LogRecord has by itself; anything else came by `extra`.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}

_REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_QUERY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def configure_logging(level: str, app_name: str, *, json: bool) -> None:
    """Send every log line to stderr: JSON objects for machines, plain lines for a terminal.

    Libraries speak from WARNING on; at DEBUG they too say everything.
    """
    handler = logging.StreamHandler(sys.stderr)
    traces = level == "DEBUG"
    handler.setFormatter(JsonLines(app_name, traces=traces) if json else PlainLines(traces=traces))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if traces else max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.getLogger("openride").setLevel(level)
    logging.captureWarnings(capture=True)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


class JsonLines(logging.Formatter):
    """One object a line: ts (RFC 3339, UTC, ms), level, logger, app, msg, the extra fields, error.

    An exception is its class and message; its trace is there only with `traces`.
    """

    def __init__(self, app_name: str, *, traces: bool) -> None:
        super().__init__()
        self._app = app_name
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "ts": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "app": self._app,
            "msg": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
            if self._traces:
                line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """`12:00:00.000 INFO    openride.ingest: partition recovered  topic=… partition=0`."""

    def __init__(self, *, traces: bool) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """The line, and under it the trace if there is one to show."""
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        line = f"{_time(record)[11:23]} {record.levelname:<8}{record.name}: {record.getMessage()} {extra}".rstrip()
        if record.exc_info and record.exc_info[1] is not None:
            line += f"  {_error(record.exc_info[1])}"
            if self._traces:
                line += "\n" + self.formatException(record.exc_info)
        return line


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _error(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


class Metrics:
    """Every metric, on a registry of its own, so that each service (and each test) counts for itself."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        self.http_requests_total = Counter(
            "openride_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.http_request_duration_seconds = Histogram(
            "openride_http_request_duration_seconds",
            "From a request's head to its answer's end",
            ["method", "route", "status"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self.ingest_events_total = Counter(
            "openride_ingest_events",
            "Messages dealt with: stored, dead_lettered, duplicate",
            ["topic", "outcome"],
            registry=registry,
        )
        self.ingest_dead_letters_total = Counter(
            "openride_ingest_dead_letters", "Dead letters by reason", ["topic", "reason"], registry=registry
        )
        self.ingest_inflight_bytes = Gauge(
            "openride_ingest_inflight_bytes", "Fetched and not yet stored", registry=registry
        )
        self.ingest_partitions = Gauge(
            "openride_ingest_partitions",
            "Partitions owned, by what they are doing",
            ["state"],
            registry=registry,
        )
        self.consumer_lag_messages = Gauge(
            "openride_consumer_lag_messages",
            "Messages of an owned partition that are not committed yet",
            ["topic", "partition"],
            registry=registry,
        )
        self.clickhouse_query_seconds = Histogram(
            "openride_clickhouse_query_seconds",
            "Queries and inserts, waiting for a connection included",
            ["query"],
            buckets=_QUERY_SECONDS,
            registry=registry,
        )
        self.actor_state = Gauge(
            "openride_actor_state", "1 for the state an actor is in", ["actor", "state"], registry=registry
        )
        self.actor_restarts = Gauge(
            "openride_actor_restarts", "Times an actor was started again", ["actor"], registry=registry
        )


def render(registry: CollectorRegistry) -> bytes:
    """The registry as Prometheus reads it."""
    return generate_latest(registry)

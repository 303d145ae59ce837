"""Every metric of the process, by name, label and bucket, in one place.

Labels come from closed sets only: enums, route templates, our topics and their partitions, names of queries and
actors. Never ids, paths, offsets or error texts: each distinct value is a time series kept for ever.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple, Protocol

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from openride_analytics.errors import Reason
from openride_analytics.schema.exports import Format
from openride_analytics.schema.reports import ReportType
from openride_analytics.telemetry.measured import Measured

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# A cached answer takes under 5 ms, an uncached one 100 to 300; beyond 10 s a request has timed out.
HTTP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10)
QUERY_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10)
INSERT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Event to queryable: 1.5 and 3 s are the bounds that are promised; hours are a backlog.
DELAY_SECONDS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800, 7200)
BATCH_EVENTS = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000)

# A report is begun within seconds of its time; hours are an outage.
LATE_SECONDS = (1, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
EXPORT_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

# A turn of the loop should take a few milliseconds; what is held longer delays every answer.
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.03, 0.04, 0.05, 0.1, 0.25, 1, 5)

# What the `method` and `route` labels may be, besides templates of ours.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


class ActorStatus(Protocol):
    """What is mirrored of a supervised actor."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def restarts(self) -> int: ...


class PoolStatus(Protocol):
    """What is shown of a pool of connections: those in use, those at hand, and who waits for one."""

    @property
    def lent(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def waiting(self) -> int: ...


class Described(NamedTuple):
    """One metric of ours, for the table of them."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str


class Metrics:
    """The metrics as attributes without their `openride_` prefix, on a registry of their own.

    Two in one process (in tests) share nothing.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        # A second series beside every counter, for scrapers of another format; the switch is process-wide.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry or CollectorRegistry()
        self.table: list[Described] = []
        self._actors: dict[str, tuple[str, int]] = {}
        self._http()
        self._cache()
        self._ingest()
        self._store()
        self._exports()
        self._reports()
        self._process()

    def _cache(self) -> None:
        self.cache_requests_total = self._counter(
            "cache_requests_total",
            "Questions whose answer was kept (hit) or had to be computed (miss)",
            "result",
            made=product(("hit", "miss")),
        )
        self.cache_failures_total = self._counter("cache_failures_total", "Commands that Redis failed to do")

    def _http(self) -> None:
        self.http_requests_total = self._counter(
            "http_requests_total", "Requests answered, by route template", "method", "route", "status"
        )
        self.http_request_duration_seconds = self._histogram(
            "http_request_duration_seconds",
            "From request to the end of the answer",
            HTTP_SECONDS,
            "method",
            "route",
        )

    def _ingest(self) -> None:
        self.ingest_events_total = self._counter(
            "ingest_events_total",
            "Messages dealt with: stored, dead_lettered or duplicate",
            "topic",
            "outcome",
        )
        self.ingest_batch_events = self._histogram(
            "ingest_batch_events", "Events of a stored batch", BATCH_EVENTS, "topic"
        )
        self.ingest_insert_seconds = self._histogram(
            "ingest_insert_seconds", "One insert, until the server confirmed it", INSERT_SECONDS, "topic"
        )
        self.ingest_cpu_seconds_total = self._counter(
            "ingest_cpu_seconds_total", "Processor time of a stage: decode, build or encode", "stage"
        )
        self.ingest_delay_seconds = self._histogram(
            "ingest_delay_seconds",
            "From a message's arrival in Kafka to being queryable",
            DELAY_SECONDS,
            "topic",
        )
        self.ingest_dead_letters_total = self._counter(
            "ingest_dead_letters_total", "Messages sent to the dead letter topic", "topic", "reason"
        )
        self.ingest_inflight_bytes = self._gauge(
            "ingest_inflight_bytes", "Message bytes read from Kafka and not yet stored"
        )
        self.ingest_partitions = self._gauge(
            "ingest_partitions", "Partitions this process owns, by state", "state"
        )
        self.audit_differences = self._gauge(
            "audit_differences", "Checks that did not pass in this process's last audit"
        )
        self.audit_duration_seconds = self._gauge("audit_duration_seconds", "What the last audit took")
        self.audit_last_success_timestamp_seconds = self._gauge(
            "audit_last_success_timestamp_seconds", "When this process last completed an audit; 0: never"
        )
        self.consumer_lag_messages = self._gauge(
            "consumer_lag_messages", "Messages in Kafka that are not yet stored", "topic", "partition"
        )
        self.consumer_lag_seconds = self._gauge(
            "consumer_lag_seconds",
            "How long the first message that is not yet stored has been in Kafka; 0: there is none",
            "topic",
            "partition",
        )

    def _store(self) -> None:
        self.clickhouse_query_seconds = self._histogram(
            "clickhouse_query_seconds",
            "Reads and inserts, by the name of the statement",
            QUERY_SECONDS,
            "query",
        )
        self.pool_connections = self._gauge(
            "pool_connections", "Connections to a server, used or idle", "pool", "state"
        )
        self.pool_limit = self._gauge("pool_limit", "Connections that there may be", "pool")
        self.pool_waiting = self._gauge("pool_waiting", "Who waits for a connection", "pool")

    def _exports(self) -> None:
        self.exports_total = self._counter(
            "exports_total",
            "Exports that this process worked on: completed, failed, cancelled, died or handed_back",
            "format",
            "outcome",
            made=product(Format, ("completed", "failed", "cancelled", "died", "handed_back")),
        )
        self.export_seconds = self._histogram(
            "export_seconds", "From taking up an export to its end", EXPORT_SECONDS, "format"
        )
        self.export_rows_total = self._counter("export_rows_total", "Rows of completed exports", "format")
        self.exports_running = self._gauge("exports_running", "Exports that this process is making")
        self.exports_waiting = self._measured(
            "exports_waiting", "Exports that wait for a worker, of any process"
        )
        self.exports_waiting_seconds = self._measured(
            "exports_waiting_seconds", "Since when the first of them waits; 0: none does"
        )

    def _reports(self) -> None:
        self.report_runs_total = self._counter(
            "report_runs_total",
            "Runs of scheduled reports: completed, partial, failed, missed, retried, handed_back or lost",
            "report_type",
            "outcome",
            made=product(
                ReportType, ("completed", "partial", "failed", "missed", "retried", "handed_back", "lost")
            ),
        )
        self.report_mails_total = self._counter(
            "report_mails_total",
            "Tries to mail a report to one recipient: sent, refused, uncertain (no answer came) or retry",
            "outcome",
            made=product(("sent", "refused", "uncertain", "retry")),
        )
        self.report_notices_total = self._counter(
            "report_notices_total",
            "Mails that tell owners of runs that failed or are partial: sent, retry or failed (given up)",
            "outcome",
            made=product(("sent", "retry", "failed")),
        )
        self.report_lateness_seconds = self._histogram(
            "report_lateness_seconds", "From when a report is due to when it is begun", LATE_SECONDS
        )
        self.report_run_seconds = self._histogram(
            "report_run_seconds", "Making a report and mailing it", EXPORT_SECONDS, "report_type"
        )

    def _process(self) -> None:
        self.actor_state = self._gauge(
            "actor_state", "1 for the state an actor is in, else 0", "actor", "state"
        )
        self.actor_restarts_total = self._counter(
            "actor_restarts_total", "Times an actor was started again after it ended unasked", "actor"
        )
        self.event_loop_lag_seconds = self._histogram(
            "event_loop_lag_seconds", "How late the event loop runs what is due", LAG_SECONDS
        )
        self.trace_spans_total = self._counter(
            "trace_spans_total",
            "Ended spans: sent to the collector, failed to be, or dropped because too many wait",
            "outcome",
            made=product(("sent", "failed", "dropped")),
        )
        self.build_info = self._gauge("build_info", "1; what runs is in the label", "version")
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.PlatformCollector(registry=self.registry)
        prometheus_client.GCCollector(registry=self.registry)

    def actor_changed(self, actor: ActorStatus) -> None:
        """Mirror an actor's present state; made for the supervisor's `on_change`."""
        state = str(actor.state)
        before, restarts = self._actors.get(actor.name, (state, 0))
        self._actors[actor.name] = (state, actor.restarts)
        self.actor_state.labels(actor.name, before).set(0)
        self.actor_state.labels(actor.name, state).set(1)
        self.actor_restarts_total.labels(actor.name).inc(actor.restarts - restarts)

    def expect_messages(self, topics: Iterable[str]) -> None:
        """Whatever may become of messages of these topics is there at 0 from now on: see `_counter`."""
        for topic in topics:
            for outcome in ("stored", "dead_lettered", "duplicate"):
                self.ingest_events_total.labels(topic, outcome)
            for reason in Reason:
                self.ingest_dead_letters_total.labels(topic, reason)

    def watch_pool(self, name: str, limit: int, pool: PoolStatus) -> None:
        """Show a pool of connections as it is whenever somebody looks."""
        self.pool_limit.labels(name).set(limit)
        self.pool_connections.labels(name, "used").set_function(lambda: pool.lent)
        self.pool_connections.labels(name, "idle").set_function(lambda: pool.idle)
        self.pool_waiting.labels(name).set_function(lambda: pool.waiting)

    def _counter(self, name: str, about: str, *labels: str, made: Iterable[tuple[str, ...]] = ()) -> Counter:
        """`made`: values of the labels that are there from the start, at 0. Of a series that begins with 1 Prometheus
        sees no increase, so no alert would see what happens for the first time.
        """
        self.table.append(Described(f"openride_{name}", "counter", labels, about))
        counter = Counter(f"openride_{name}", about, labels, registry=self.registry)
        for values in made:
            counter.labels(*values)
        return counter

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        self.table.append(Described(f"openride_{name}", "gauge", labels, about))
        return Gauge(f"openride_{name}", about, labels, registry=self.registry)

    def _measured(self, name: str, about: str) -> Measured:
        self.table.append(Described(f"openride_{name}", "gauge", (), about))
        return Measured(f"openride_{name}", about, self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        self.table.append(Described(f"openride_{name}", "histogram", labels, about))
        return Histogram(f"openride_{name}", about, labels, buckets=buckets, registry=self.registry)


@contextmanager
def cpu_time(counter: Counter) -> Iterator[None]:
    """Add the processor time that this thread spends on the block, which awaits nothing."""
    begun = time.thread_time()
    try:
        yield
    finally:
        counter.inc(time.thread_time() - begun)


def render(registry: CollectorRegistry) -> bytes:
    """What `GET /metrics` answers, to be sent as `CONTENT_TYPE`."""
    return generate_latest(registry)

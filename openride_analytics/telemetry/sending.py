"""How spans leave: from a bounded queue, in a thread of their own. Whatever the collector does, nobody waits for it.

What cannot be sent, or finds the queue full, is dropped and counted. The log says once that the collector cannot be
reached, and once that it can again.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import unquote

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from openride_analytics.settings import Otel, Secret
from openride_analytics.telemetry.metrics import Metrics

log = logging.getLogger("openride.traces")

QUEUE_SPANS: Final = 4096
BATCH_SPANS: Final = 512
EVERY_SECONDS: Final = 2.0
SEND_SECONDS: Final = 5.0  # for one batch, with all tries
_PATH: Final = "/v1/traces"


class Queue(BatchSpanProcessor):
    """OpenTelemetry's queue and thread; what is too much for it is counted."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics, *, most: int = QUEUE_SPANS) -> None:
        self._most = most
        self._waiting = 0
        self._lock = threading.Lock()
        self._dropped = metrics.trace_spans_total.labels("dropped")
        super().__init__(
            Accounted(exporter, metrics, self._left),
            max_queue_size=most,
            schedule_delay_millis=EVERY_SECONDS * 1000,
            max_export_batch_size=min(BATCH_SPANS, most),
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take it, if there is room. Never waits."""
        with self._lock:
            full = self._waiting >= self._most
            self._waiting += not full
        if full:
            self._dropped.inc()
        else:
            super().on_end(span)

    def _left(self, spans: int) -> None:
        with self._lock:
            self._waiting -= spans


class Accounted(SpanExporter):
    """An exporter whose successes and failures are counted, and of whose failures in a row the first is logged."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics, left: Callable[[int], None]) -> None:
        """`left` is told how many spans have left the queue."""
        self._exporter = exporter
        self._left = left
        self._counts = metrics.trace_spans_total
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """In the thread that sends. Never raises."""
        self._left(len(spans))
        try:
            result, why = self._exporter.export(spans), "the collector does not take them"
        except Exception as error:  # noqa: BLE001 - whatever a client library raises: the spans are lost
            result, why = SpanExportResult.FAILURE, type(error).__name__
        sent = result is SpanExportResult.SUCCESS
        self._counts.labels("sent" if sent else "failed").inc(len(spans))
        if sent and self._away:
            log.info("traces are sent again")
        elif not sent and not self._away:
            log.warning("traces cannot be sent", extra={"problem": why})
        self._away = not sent
        return result

    def shutdown(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


def processor(otel: Otel, metrics: Metrics) -> BatchSpanProcessor:
    """What takes ended spans to where the settings say."""
    # They would say each failure again and again, with the collector's address.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return Queue(exporter(otel), metrics)


def exporter(otel: Otel) -> SpanExporter:
    """A client of the collector, by the protocol that the settings name."""
    endpoint, headers = otel.exporter_endpoint or "", pairs(otel.exporter_headers)
    if otel.exporter_protocol == "grpc":
        return _grpc(otel, endpoint, headers)
    from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    # All is named here: what is not, the library looks for in the environment.
    return OTLPSpanExporter(
        endpoint=endpoint.rstrip("/") + _PATH,
        certificate_file=otel.exporter_certificate,
        headers=headers,
        timeout=SEND_SECONDS,
        compression=Compression.NoCompression,
    )


def _grpc(otel: Otel, endpoint: str, headers: dict[str, str]) -> SpanExporter:
    import grpc  # noqa: PLC0415 - only where it is asked for: 20 MB
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    insecure = not endpoint.startswith("https:")
    roots = None
    if otel.exporter_certificate is not None:
        with open(otel.exporter_certificate, "rb") as file:  # noqa: PTH123
            roots = file.read()
    return OTLPSpanExporter(
        endpoint=endpoint,
        insecure=insecure,
        credentials=None if insecure else grpc.ssl_channel_credentials(root_certificates=roots),
        headers=headers,
        timeout=SEND_SECONDS,
        compression=grpc.Compression.NoCompression,
    )


def pairs(given: Secret | None) -> dict[str, str]:
    """The headers of `name=value,...`, percent-encoded; names in lower case, as HTTP/2 wants them."""
    parts = (part.partition("=") for part in (given.reveal() if given else "").split(","))
    return {name.strip().lower(): unquote(value.strip()) for name, equals, value in parts if equals}

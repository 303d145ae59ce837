"""Receivers of traces, over gRPC and HTTP: OpenTelemetry's own generated code, and its Collector, where that is."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire

Protocol = Literal["grpc", "http/protobuf"]
FAILED = 2  # a status's code

# Where `make collector` puts it.
_BUILT = Path(__file__).parents[2] / ".cache" / "otelcol" / "otelcol"


@dataclass(frozen=True)
class Seen:
    """A span as it came. Ids are hexadecimal; `links` are span ids; `resource`: of the process."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, Any]
    links: tuple[str, ...]
    failed: bool
    resource: Mapping[str, Any]


class Collector:
    """`spans` are all that have come; `whole` is everything that was received, as text; `headers` of requests."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Seen] = []
        self.whole = ""
        self.headers: dict[str, str] = {}
        self.held = threading.Event()  # answers wait for it
        self.held.set()
        self.asked = 0

    def take(self, request: Any, headers: Mapping[str, str]) -> None:
        self.asked += 1
        self.held.wait(30)
        self.headers.update(headers)
        self.whole += str(request)
        for group in request.resource_spans:
            about = _values(group.resource.attributes)
            self.spans += [_seen(span, about) for scope in group.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Seen]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def trace(self, trace_id: str) -> list[Seen]:
        """The spans of a trace."""
        return [span for span in self.spans if span.trace_id == trace_id]


@contextmanager
def collecting(protocol: Protocol = "http/protobuf") -> Iterator[Collector]:
    """A receiver that listens."""
    with _over_grpc() if protocol == "grpc" else _over_http() as collector:
        yield collector


@contextmanager
def _over_grpc() -> Iterator[Collector]:
    collector = Collector()

    class Service(service.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            collector.take(request, dict(context.invocation_metadata()))
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add: Any = service.add_TraceServiceServicer_to_server
    add(Service(), server)
    collector.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        collector.held.set()
        server.stop(None).wait(5)


@contextmanager
def _over_http() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            headers = {name.lower(): value for name, value in self.headers.items()}
            collector.take(ExportTraceServiceRequest.FromString(body), headers)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield collector
    finally:
        collector.held.set()
        server.shutdown()
        server.server_close()
        thread.join()


def require_collector() -> str:
    """OpenTelemetry's own Collector. Skips where there is none."""
    program = shutil.which("otelcol") or (str(_BUILT) if _BUILT.is_file() else None)
    if program is None:
        pytest.skip(
            "no `otelcol`: `make collector` builds OpenTelemetry's Collector, with Go, in some minutes"
        )
    return program


def _seen(span: Wire, resource: Mapping[str, Any]) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _values(span.attributes),
        tuple(link.span_id.hex() for link in span.links),
        span.status.code == FAILED,
        resource,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return (
        [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)
    )

"""Where we are in a trace, and what its parts are called: the one home of the names of spans and attributes.

    with span(CACHE) as found:          a part of whatever is traced here; nothing where nothing is
        found.set_attribute(CACHE_HIT, True)

Who begins a trace is in `traces`. Values of attributes are from closed sets, or numbers: never ids, paths, queries,
addresses or what an error says. Names follow OpenTelemetry's semantic conventions where these have one; the maintained
instrumentations of our libraries do not fit: those of ASGI, asyncpg and redis record URLs, statements and keys, that of
aiokafka makes a span of every message.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from opentelemetry import context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["INVALID_SPAN", "Link", "Span", "SpanContext", "SpanKind"]

Value: TypeAlias = str | bool | int | float | Sequence[str]

# -- spans. `GET /v1/metrics/users`, and of ClickHouse `clickhouse metrics/users`, are made of closed sets.

CACHE: Final = "cache"
CLICKHOUSE: Final = "clickhouse"  # and the name of the statement
PROCESS: Final = "process"  # and the topic: one message, in its producer's trace
STORE: Final = "store"  # and the topic: one batch
DECODE: Final = "decode"
COMMIT: Final = "commit"
SEND: Final = "send"  # and the topic
EXPORT: Final = "export"
REPORT: Final = "report"
RENDER: Final = "render"
MAIL: Final = "mail"

# -- attributes

HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
ERROR: Final = "error.type"  # the class of an error, or a status
SYSTEM: Final = "messaging.system"
OPERATION: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
TOPIC: Final = "messaging.destination.name"
PARTITION: Final = "messaging.destination.partition.id"
OFFSET: Final = "messaging.kafka.offset"
GROUP: Final = "messaging.consumer.group.name"
MESSAGES: Final = "messaging.batch.message_count"
OFFSETS: Final = "openride.kafka.offsets"  # partition:first-last, of each partition of a batch
ROWS: Final = "openride.rows"
DEAD_LETTERS: Final = "openride.dead_letters"
DUPLICATES: Final = "openride.duplicates"
REASON: Final = "openride.dead_letter.reason"
DB_SYSTEM: Final = "db.system.name"
DB_STATEMENT: Final = "db.query.summary"  # the name of the statement, never its text
CACHE_HIT: Final = "openride.cache.hit"
DATASET: Final = "openride.export.dataset"
FORMAT: Final = "openride.export.format"
REPORT_TYPE: Final = "openride.report.type"
TRIGGER: Final = "openride.report.trigger"
OUTCOME: Final = "openride.outcome"

# Who asks for a part asks the tracer that began the trace: nothing is global, and two in one process share nothing.
_TRACER: Final = context.create_key("openride-tracer")
HEADER: Final = "traceparent"
_LENGTH: Final = 55  # 00-<32 digits>-<16 digits>-<2 digits>
_propagator: Final = TraceContextTextMapPropagator()


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Value] | None = None,
    *,
    current: bool = True,
) -> Iterator[Span]:
    """A part of the trace that is recorded here, else a span that takes everything and keeps nothing.

    `current`: whether what is done inside is part of it in turn; not for a generator, which others run.
    """
    tracer = context.get_value(_TRACER)
    if not isinstance(tracer, Tracer) or not get_current_span().is_recording():
        yield INVALID_SPAN
        return
    begun = tracer.start_span(name, kind=kind, attributes=attributes)
    with ended(begun):
        if current:
            with within(begun, tracer):
                yield begun
        else:
            yield begun


@contextmanager
def within(begun: Span, tracer: Tracer | None) -> Iterator[None]:
    """What is done in the block is part of `begun`, which goes on after it."""
    token = context.attach(context.set_value(_TRACER, tracer, set_span_in_context(begun)))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def ended(begun: Span) -> Iterator[None]:
    """End the span with the block; of an error that ends both it keeps the class, never the text."""
    try:
        yield
    except BaseException as error:
        failed(begun, error)
        raise
    finally:
        begun.end()


def failed(begun: Span, error: BaseException | str) -> None:
    """Mark it as failed."""
    name = error if isinstance(error, str) else type(error).__name__
    begun.set_attribute(ERROR, name)
    begun.set_status(Status(StatusCode.ERROR))


def ids() -> tuple[str, str] | None:
    """The ids of the trace and the span we are in, as hexadecimal digits; None where we are in none."""
    here = get_current_span().get_span_context()
    return (format_trace_id(here.trace_id), format_span_id(here.span_id)) if here.is_valid else None


def comment(name: str) -> str:
    """What ClickHouse is told of a statement, for system.query_log: its name, and the trace that it is part of."""
    here = ids()
    return name if here is None else f"{name} trace_id={here[0]}".lstrip()


def traceparent(begun: Span | None = None) -> str:
    """`begun`, else where we are, as others continue from it (W3C Trace Context); empty where that is no trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, None if begun is None else set_span_in_context(begun))
    return carrier.get(HEADER, "")


def remote(given: str | bytes) -> SpanContext | None:
    """What a traceparent says; None if it is none. A tracestate is not taken over: anything may be in it."""
    text = given.decode("latin-1") if isinstance(given, bytes) else given
    found = get_current_span(_propagator.extract({HEADER: text}, context.Context())).get_span_context()
    return found if found.is_valid else None


def is_sampled(given: bytes) -> bool:
    """Whether a traceparent has the flag, by a look at its place only: messages come by the ten thousand."""
    return len(given) == _LENGTH and given[_LENGTH - 1] in b"13579bdf"


@contextmanager
def continued(given: str) -> Iterator[None]:
    """What is done in the block is part of the trace of a traceparent, though nothing of it is recorded here."""
    found = remote(given)
    if found is None:
        yield
        return
    with within(NonRecordingSpan(found), None):
        yield

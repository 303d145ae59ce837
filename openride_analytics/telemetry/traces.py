"""Traces: which are kept, where they begin, and how they leave the process. Off unless there is a collector.

Nothing is global: whoever begins a trace is handed `Traces`; what happens inside (`spans.span`) finds it there. Off,
nothing is recorded, and of OpenTelemetry only its interface is loaded; a trace that a caller has begun still shows in
logs and in ClickHouse's query log.
"""

import asyncio
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from opentelemetry import context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Tracer, set_span_in_context

from openride_analytics.settings import Otel
from openride_analytics.telemetry.metrics import Metrics
from openride_analytics.telemetry.spans import Link, Span, SpanContext, SpanKind, Value, ended, remote, within

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler

FLUSH_SECONDS: Final = (
    2.0  # that the last spans may take to leave: a collector that hangs must not hold up a stop
)


class Traces:
    """Begins traces. Without a tracer it begins none, and continues those of others for show only."""

    def __init__(
        self, tracer: Tracer | None = None, *, ratio: float = 0.0, provider: "TracerProvider | None" = None
    ) -> None:
        """`ratio`: the share of new traces that are kept."""
        self._tracer = tracer
        self._provider = provider
        self._ratio = ratio

    @property
    def on(self) -> bool:
        """Whether anything is recorded at all."""
        return self._tracer is not None

    def chance(self) -> bool:
        """Whether one of many should begin a trace; far cheaper than to begin it and hear that it is not kept."""
        return self.on and random.random() < self._ratio

    def begin(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Value] | None = None,
        *,
        parent: SpanContext | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        """A span that whoever calls this ends, the first of a trace or, with a `parent`, the next of that one."""
        if self._tracer is None:
            return INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        before = context.Context() if parent is None else set_span_in_context(NonRecordingSpan(parent))
        return self._tracer.start_span(name, before, kind, attributes, links)

    @contextmanager
    def within(self, begun: Span) -> Iterator[None]:
        """What is done in the block is part of `begun`."""
        with within(begun, self._tracer):
            yield

    @contextmanager
    def root(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Value] | None = None,
        *,
        traceparent: str | bytes = b"",
    ) -> Iterator[Span]:
        """The first span of ours in a trace, for the length of the block; `traceparent`: where it came from, if
        from anywhere."""
        parent = remote(traceparent) if traceparent else None
        if parent is None and self._tracer is None:
            yield INVALID_SPAN
            return
        begun = self.begin(name, kind, attributes, parent=parent)
        with ended(begun), self.within(begun):
            yield begun

    async def close(self) -> None:
        """Send what is left, for at most FLUSH_SECONDS; what has not gone by then is lost."""
        provider, self._provider = self._provider, None
        if provider is None:
            return
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut() -> None:
            provider.shutdown()
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        # A daemon: a thread of the loop's own would be waited for when the process ends.
        threading.Thread(target=shut, name="traces-end", daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await done.wait()
        except TimeoutError:
            return


def open_traces(otel: Otel, metrics: Metrics, *, version: str, env: str) -> Traces:
    """What the settings ask for. Starts a thread that sends; does not wait for the collector."""
    if otel.disabled or otel.exporter_endpoint is None or otel.traces_sampler == "always_off":
        return Traces()
    # Half of them would be loaded for nothing where traces are off, 20 MB.
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    from openride_analytics.telemetry.sending import processor  # noqa: PLC0415

    about = {
        **_attributes(otel.resource_attributes or ""),
        "service.name": otel.service_name,
        "service.version": version,
        "deployment.environment.name": env,
    }
    sampler, ratio = _sampler(otel)
    provider = TracerProvider(sampler, Resource(about), shutdown_on_exit=False)
    provider.add_span_processor(processor(otel, metrics))
    return Traces(provider.get_tracer("openride", version), ratio=ratio, provider=provider)


def _sampler(otel: Otel) -> "tuple[Sampler, float]":
    """The sampler, and the share of new traces that it keeps."""
    from opentelemetry.sdk.trace import sampling  # noqa: PLC0415

    kind = otel.traces_sampler.removeprefix("parentbased_")
    ratio = otel.traces_sampler_arg if kind == "traceidratio" else float(kind == "always_on")
    own = sampling.TraceIdRatioBased(ratio)
    return (own if kind == otel.traces_sampler else sampling.ParentBased(own)), ratio


def _attributes(text: str) -> dict[str, str]:
    """`name=value,...`, percent-encoded, as OTEL_RESOURCE_ATTRIBUTES has it; what is not like this is left out."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}

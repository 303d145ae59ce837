"""Traces on their way out: which, where to, and what happens when nobody takes them."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from aiokafka import ConsumerRecord
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from openride_analytics.embedded.process import free_port
from openride_analytics.ingest.followed import MOST, Followed
from openride_analytics.settings import Settings, load
from openride_analytics.telemetry import Metrics, Traces, open_traces, render, sending, spans
from tests.support.collector import Collector, Protocol, Seen, collecting, require_collector
from tests.support.eventually import eventually

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
ALWAYS = {"OTEL_TRACES_SAMPLER": "always_on"}
NEVER = {"OTEL_TRACES_SAMPLER_ARG": "0"}


def settings(url: str, **environ: str) -> Settings:
    return load({"OTEL_EXPORTER_OTLP_ENDPOINT": url, "APP_NAME": "rides", **environ})


@asynccontextmanager
async def traced(url: str, **environ: str) -> AsyncIterator[Traces]:
    traces = open_traces(settings(url, **environ).otel, Metrics(), version="1.2", env="test")
    try:
        yield traces
    finally:
        await traces.close()


def counted(metrics: Metrics, outcome: str) -> float:
    families = text_string_to_metric_families(render(metrics.registry).decode())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "openride_trace_spans_total" and sample.labels["outcome"] == outcome
    )


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.mark.parametrize("protocol", get_args(Protocol))
async def test_a_span_arrives_by_the_protocol_that_is_set(protocol: Protocol) -> None:
    with collecting(protocol) as found:
        async with traced(found.url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, **ALWAYS) as traces:
            with traces.root("told", attributes={"a": 1}):
                pass
        (span,) = found.spans
    assert (span.name, span.attributes, span.resource["service.name"]) == ("told", {"a": 1}, "rides")


@pytest.mark.parametrize("protocol", get_args(Protocol))
async def test_the_headers_that_are_set_go_along(protocol: Protocol) -> None:
    given = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=a%20secret, other=1",
    }
    with collecting(protocol) as found:
        async with traced(found.url, **given, **ALWAYS) as traces:
            traces.begin("told").end()
        assert (found.headers["x-key"], found.headers["other"]) == ("a secret", "1")


async def test_attributes_of_the_process_are_told(collector: Collector) -> None:
    named = "deployment.region=lagos%201,service.name=ignored"
    async with traced(
        collector.url, OTEL_RESOURCE_ATTRIBUTES=named, OTEL_SERVICE_NAME="mine", **ALWAYS
    ) as traces:
        traces.begin("told").end()
    resource = collector.spans[0].resource
    found = [resource[name] for name in ("deployment.region", "service.name", "service.version")]
    assert found == ["lagos 1", "mine", "1.2"]


async def test_opentelemetrys_own_collector_takes_them(tmp_path: Path) -> None:
    program, port = require_collector(), free_port()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{port}}}}}}}}}\n"
        "exporters: {debug: {verbosity: detailed}}\n"
        "service:\n  telemetry: {metrics: {level: none}}\n"
        "  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}\n"
    )
    log = tmp_path / "collector.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(program, f"--config=file:{config}", stderr=output)
        try:
            await eventually(lambda: "Everything is ready" in log.read_text())
            async with traced(f"http://127.0.0.1:{port}", **ALWAYS) as traces:
                with traces.root("told to the collector", traceparent=SAMPLED):
                    pass
            await eventually(lambda: "told to the collector" in log.read_text())
        finally:
            process.terminate()
            await process.wait()
    assert TRACE in log.read_text()


@pytest.mark.parametrize(
    ("traceparent", "sampler", "kept"),
    [
        ("", {"OTEL_TRACES_SAMPLER_ARG": "1"}, 1),
        ("", NEVER, 0),
        (SAMPLED, NEVER, 1),
        (UNSAMPLED, {"OTEL_TRACES_SAMPLER_ARG": "1"}, 0),
        (SAMPLED, {"OTEL_TRACES_SAMPLER": "always_off"}, 0),
        (SAMPLED, {"OTEL_SDK_DISABLED": "true"}, 0),
        ("00-nonsense", {"OTEL_TRACES_SAMPLER_ARG": "1"}, 1),
    ],
)
async def test_what_is_kept(
    collector: Collector, traceparent: str, sampler: dict[str, str], kept: int
) -> None:
    async with traced(collector.url, **sampler) as traces:
        with traces.root("told", traceparent=traceparent), spans.span("part"):
            pass
    assert len(collector.named("part")) == kept


@pytest.mark.parametrize("environ", [NEVER, {"OTEL_SDK_DISABLED": "true"}])
async def test_a_callers_trace_that_is_not_kept_is_known_all_the_same(
    collector: Collector, environ: dict[str, str]
) -> None:
    async with traced(collector.url, **environ) as traces:
        with traces.root("told", traceparent=UNSAMPLED):
            assert spans.comment("metrics/users") == f"metrics/users trace_id={TRACE}"


async def test_of_an_error_only_its_class_is_told(collector: Collector) -> None:
    async with traced(collector.url, **ALWAYS) as traces:
        with pytest.raises(ValueError, match="ada"), traces.root("told"):
            raise ValueError("ada@example.com")
    (span,) = collector.spans
    assert (span.failed, span.attributes, "ada" in collector.whole) == (
        True,
        {"error.type": "ValueError"},
        False,
    )


async def test_a_tracestate_goes_nowhere(collector: Collector) -> None:
    async with traced(collector.url, **ALWAYS) as traces:
        with traces.root("told", traceparent=SAMPLED):
            assert spans.traceparent().startswith(f"00-{TRACE}-")
    assert "trace_state" not in collector.whole


async def test_a_collector_that_is_away_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    away = sending.exporter(settings(f"http://127.0.0.1:{free_port()}").otel)
    accounted = sending.Accounted(away, metrics, lambda _: None)
    accounted.shutdown()  # it does not try again for seconds
    with caplog.at_level(logging.WARNING, "openride"):
        for _ in range(2):
            accounted.export([])
            accounted.export(_ended_spans(3))
    said = [record.message for record in caplog.records if record.name.startswith("openride")]
    assert (said, counted(metrics, "failed")) == (["traces cannot be sent"], 6)


async def test_a_collector_that_hangs_holds_up_nobody(collector: Collector) -> None:
    collector.held.clear()
    metrics = Metrics()
    traces = open_traces(settings(collector.url, **ALWAYS).otel, metrics, version="1", env="test")
    for _ in range(sending.QUEUE_SPANS + 2 * sending.BATCH_SPANS):
        traces.begin("told").end()
    async with asyncio.timeout(10):  # it would hang for as long as the test has
        await traces.close()
    assert counted(metrics, "dropped") > 0


def test_what_was_sent_makes_room_for_more() -> None:
    metrics = Metrics()
    queue = sending.Queue(InMemorySpanExporter(), metrics, most=2)
    for span in _ended_spans(5):
        queue.on_end(span)
        queue.force_flush()
    queue.shutdown()  # type: ignore[no-untyped-call]
    assert (counted(metrics, "sent"), counted(metrics, "dropped")) == (5, 0)


def test_without_a_collector_nothing_that_sends_is_loaded() -> None:
    program = (
        "import sys, threading; from openride_analytics import app;"
        "from openride_analytics.settings import load; from openride_analytics.telemetry import *;"
        "traces = open_traces(load({}).otel, Metrics(), version='1', env='test');"
        "found = [name for name in sys.modules if name.startswith(('opentelemetry.exporter', 'grpc', 'google'))];"
        "print(traces.on, found, threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False [] 1\n"


# -- batches


def record(offset: int, traceparent: str | None, partition: int = 0) -> ConsumerRecord[Any, Any]:
    headers = [("other", b"x")] + ([("traceparent", traceparent.encode())] if traceparent else [])
    return ConsumerRecord(
        "rides", partition, offset, int(time.time() * 1000), 0, b"k", b"v", None, 1, 1, tuple(headers)
    )


async def batch(collector: Collector, *records: list[ConsumerRecord[Any, Any]], **environ: str) -> None:
    async with traced(collector.url, **(environ or NEVER)) as traces:
        followed = Followed.begin(traces, "rides", "group", records)
        if followed is not None:
            with followed.to_its_end(), spans.span("insert"):
                pass


def ids(found: list[Seen]) -> set[str]:
    return {span.span_id for span in found}


async def test_a_message_that_its_producer_follows_leads_to_the_insert(collector: Collector) -> None:
    await batch(collector, [record(7, SAMPLED)])
    assert {span.name for span in collector.trace(TRACE)} == {"process rides", "store rides", "insert"}


async def test_other_flags_beside_that_of_the_sampled_make_no_difference(collector: Collector) -> None:
    """W3C Trace Context, level 2, has one that says that the trace id is random."""
    await batch(collector, [record(7, f"00-{TRACE}-{SPAN}-03"), record(8, f"00-{TRACE}-{SPAN}-02")])
    assert [span.attributes["messaging.kafka.offset"] for span in collector.named("process rides")] == [7]


async def test_a_message_is_told_by_its_place(collector: Collector) -> None:
    await batch(collector, [record(7, SAMPLED, partition=3)])
    (message,) = collector.named("process rides")
    names = ("messaging.system", "messaging.destination.name", "messaging.destination.partition.id")
    found = [message.attributes[name] for name in (*names, "messaging.kafka.offset")]
    assert (found, message.parent_id) == (["kafka", "rides", "3", 7], SPAN)


async def test_a_batch_and_its_messages_are_linked(collector: Collector) -> None:
    other = f"00-{TRACE[::-1]}-{SPAN}-01"
    await batch(collector, [record(7, SAMPLED), record(8, UNSAMPLED), record(9, other)])
    (stored,), messages = collector.named("store rides"), collector.named("process rides")
    assert set(stored.links) == ids(messages) and {m.links for m in messages} == {(stored.span_id,)}


async def test_a_batch_is_told_by_its_ranges(collector: Collector) -> None:
    await batch(collector, [record(7, SAMPLED), record(9, None)], [record(2, None, partition=1)])
    (stored,) = collector.named("store rides")
    found = [stored.attributes[name] for name in ("openride.kafka.offsets", "messaging.batch.message_count")]
    assert found == [["0:7-9", "1:2-2"], 3]


async def test_so_many_messages_of_a_batch_are_followed(collector: Collector) -> None:
    await batch(collector, [record(offset, SAMPLED) for offset in range(MOST + 5)])
    assert len(collector.named("process rides")) == len(collector.named("store rides")[0].links) == MOST


@pytest.mark.parametrize(("ratio", "kept"), [("0", 0), ("1", 1)])
async def test_a_batch_that_nobody_follows_is_kept_by_chance(
    collector: Collector, ratio: str, kept: int
) -> None:
    await batch(collector, [record(7, None), record(8, UNSAMPLED)], OTEL_TRACES_SAMPLER_ARG=ratio)
    assert len(collector.named("store rides")) == kept


def _ended_spans(count: int) -> list[Any]:
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    made = [tracer.start_span("told") for _ in range(count)]
    for one in made:
        one.end()
    return made

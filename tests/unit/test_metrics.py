"""What Prometheus reads."""

import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from openride_analytics.supervisor import Spec
from openride_analytics.telemetry import CONTENT_TYPE, Metrics, render
from openride_analytics.telemetry.describe import with_table
from tests.support.actors import Puppet, running

README = Path(__file__).parents[2] / "README.md"


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(render(metrics.registry).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


@pytest.mark.parametrize(
    "name",
    [
        "openride_http_request_duration_seconds",
        "openride_http_requests_total",
        "openride_ingest_events_total",
        "openride_consumer_lag_messages",
        "process_resident_memory_bytes",
        "python_info",
    ],
)
def test_the_agreed_names_are_there(name: str) -> None:
    assert f"# TYPE {name} " in render(Metrics().registry).decode()


def test_every_metric_of_ours_has_our_prefix() -> None:
    names = {family.name for family in Metrics().registry.collect()}
    assert {name for name in names if not name.startswith(("openride_", "process_", "python_"))} == set()


def test_the_content_type_is_the_formats() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_two_sets_of_metrics_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.ingest_events_total.labels("rides", "stored").inc()
    assert value(other, "openride_ingest_events_total", topic="rides", outcome="stored") is None


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("openride_report_runs_total", {"report_type": "trip_metrics", "outcome": "failed"}),
        ("openride_report_mails_total", {"outcome": "refused"}),
        ("openride_report_notices_total", {"outcome": "failed"}),
        ("openride_exports_total", {"format": "csv", "outcome": "died"}),
    ],
)
def test_what_an_alert_waits_for_is_there_before_the_first_time(name: str, labels: dict[str, str]) -> None:
    """Of a series that begins with 1, Prometheus sees no increase."""
    assert value(Metrics(), name, **labels) == 0


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("openride_ingest_events_total", {"outcome": "dead_lettered"}),
        ("openride_ingest_dead_letters_total", {"reason": "schema_violation"}),
    ],
)
def test_what_may_become_of_a_message_is_there_before_the_first_one(name: str, label: dict[str, str]) -> None:
    metrics = Metrics()
    metrics.expect_messages(["rides"])
    assert value(metrics, name, topic="rides", **label) == 0


@pytest.mark.parametrize("name", ["openride_exports_waiting", "openride_exports_waiting_seconds"])
def test_who_has_not_looked_at_the_queue_says_nothing_of_it(name: str) -> None:
    """That none waits would be a lie."""
    assert value(Metrics(), name) is None


def test_counters_have_no_second_series() -> None:
    metrics = Metrics()
    metrics.http_requests_total.labels("GET", "/", "200").inc()
    assert "_created" not in render(metrics.registry).decode()


def test_a_quick_answer_is_told_from_a_slow_one() -> None:
    metrics = Metrics()
    metrics.http_request_duration_seconds.labels("GET", "/").observe(0.004)
    bucket = "openride_http_request_duration_seconds_bucket"
    below, above = (value(metrics, bucket, method="GET", route="/", le=le) for le in ("0.0025", "0.005"))
    assert (below, above) == (0, 1)


async def test_a_supervised_actor_is_mirrored() -> None:
    metrics, a = Metrics(), Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash()
        await house.clock.advance(1)
        for change in house.changes:
            metrics.actor_changed(change)
        assert value(metrics, "openride_actor_restarts_total", actor="a") == 1


async def test_an_actor_is_in_one_state() -> None:
    metrics, a = Metrics(), Puppet("a")
    async with running(Spec(a)) as house:
        await a.crash()
        for change in house.changes:
            metrics.actor_changed(change)
    states = {
        dict(labels)["state"]: number
        for (name, labels), number in samples(metrics).items()
        if name == "openride_actor_state"
    }
    assert states == {"waiting": 0, "starting": 0, "running": 0, "backoff": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_resident_memory_is_a_number() -> None:
    assert (value(Metrics(), "process_resident_memory_bytes") or 0) > 1_000_000


def test_the_readme_has_every_metric() -> None:
    text = README.read_text("utf-8")
    assert text == with_table(text), "make metrics-doc"


def test_a_pool_is_shown_as_it_is_when_asked() -> None:
    metrics, pool = Metrics(), Lent()
    metrics.watch_pool("clickhouse", 8, pool)
    pool.lent = 3
    assert value(metrics, "openride_pool_connections", pool="clickhouse", state="used") == 3


class Lent:
    """A pool of connections."""

    lent = idle = waiting = 0

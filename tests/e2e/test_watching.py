"""A service that is watched: its traces from end to end, its metrics as Prometheus reads them, and nobody in any of it.

Somebody who must not be seen registers, pays, asks for numbers, exports and reports, well and badly.
"""

import json
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.settings import Topics
from tests.support.clickhouse import Database
from tests.support.collector import Collector, Seen, collecting
from tests.support.eventually import eventually, poll
from tests.support.ingestion import fresh
from tests.support.kafka import Message, create_topics, produce
from tests.support.prometheus import checked, scraping
from tests.support.proxy import Proxy
from tests.support.service import Process, running
from tests.support.serving import START_SECONDS, Served
from tests.support.tokens import SECRET, SECRET_ENVIRON, bearer, signed

pytestmark = pytest.mark.e2e

MESSAGE, REQUEST, EXPORT = "1" * 32, "2" * 32, "3" * 32  # traces that producers and callers have begun
SPAN = "00f067aa0ba902b7"
KINDS = ("user", "booking", "payment", "trip", "route", "location", "dlq")
TOPICS = Topics(**{kind: f"watched.{kind}" for kind in KINDS})
QUESTIONS = {
    "stored": 'sum(openride_ingest_events_total{outcome="stored",topic=~"watched.*"})',
    "delayed": 'max(openride_consumer_lag_seconds{topic=~"watched.*"})',
    "up": "up",
}

EMAIL, PHONE, NAME = "zzcanary@example.com", "+2349990001112", "Zzcanaria Lovelace"
CARD, PASSWORD, RECIPIENT = "4929123456781234", "zz-canary-hunter2", "zzrecipient@example.com"
TOKEN = signed(sub=EMAIL, role="analyst")
CANARIES = {
    "email": "zzcanary@",
    "recipient": "zzrecipient@",
    "phone": PHONE[4:],
    "name": "zzcanaria",
    "card": CARD,
    "password": PASSWORD,
    "key": SECRET,
    "token": TOKEN,
    "query": "zzquery",
}


@dataclass
class Evidence:
    """What was seen of a service in its life. `heard`: what it told ClickHouse; `answers`: Prometheus's."""

    collector: Collector
    log: str
    metrics: str
    heard: bytes
    answers: dict[str, float] | None
    exit_code: int

    def lines(self) -> list[dict[str, Any]]:
        return _lines(self.log)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(
    tmp_path_factory: pytest.TempPathFactory,
    embedded_kafka: EmbeddedKafka,
    clickhouse_server: EmbeddedClickHouse,
    redis_url: str,
    postgres_url: str,
) -> Evidence:
    """All of it is done in one life of one service."""
    folder = tmp_path_factory.mktemp("watched")
    bootstrap = embedded_kafka.bootstrap
    await create_topics(bootstrap, [*TOPICS.events().values(), TOPICS.dlq])
    async with Proxy("127.0.0.1", clickhouse_server.port) as proxy, EmbeddedMail(folder / "mail") as mail:
        proxy.heard = bytearray()
        with collecting("grpc") as collector:
            environ = {
                **Database("127.0.0.1", proxy.port, "watched").env(),
                **SECRET_ENVIRON,
                **mail.env(),
                **{f"KAFKA_TOPIC_{kind.upper()}": f"watched.{kind}" for kind in KINDS},
                "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
                "KAFKA_CONSUMER_GROUP_ID": "watched",
                "KAFKA_TOPIC_EPOCH": "watched",
                "KAFKA_SESSION_TIMEOUT_MS": "6000",  # for so long the embedded broker makes a new member wait
                "INGEST_FLUSH_INTERVAL_MS": "100",
                "REDIS_URL": redis_url,
                "DATABASE_URL": postgres_url,
                "EXPORT_TEMP_DIR": str(folder / "exports"),
                "APP_ENV": "test",
                "HOST": "127.0.0.1",
                "PORT": "0",
                "LOG_LEVEL": "DEBUG",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={PASSWORD}",
                "OTEL_TRACES_SAMPLER_ARG": "1",
            }
            async with running("serve", environ=environ, log=folder / "serve.log") as process:
                served = await _ready(process)
                await _send(bootstrap)
                await eventually(lambda: served.events("stored") >= 3 and served.events("dead_lettered") >= 3)
                async with httpx.AsyncClient(
                    base_url=served.url, headers=bearer(TOKEN), timeout=20
                ) as client:
                    await _ask(client)
                    await _export(client)
                    await _report(client, mail)
                answers = await scraping(served.url, folder / "prometheus", QUESTIONS)
                metrics = served.get("/metrics").text
                process.send(signal.SIGTERM)
                code = await process.ended()
                return Evidence(collector, process.text(), metrics, bytes(proxy.heard), answers, code)


def _lines(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]


async def _ready(process: Process) -> Served:
    def url() -> str | None:
        return next((line["url"] for line in _lines(process.text()) if line["msg"] == "listening"), None)

    await eventually(lambda: not process.running or url() is not None, within=START_SECONDS)
    served = Served(url() or "")
    await eventually(
        lambda: served.metric("openride_ingest_partitions", state="running") > 0, within=START_SECONDS
    )
    return served


async def _send(bootstrap: str) -> None:
    """Good messages and bad, one of which its producer follows."""
    person = fresh("user.registered", full_name=NAME, email=EMAIL, phone=PHONE)
    payment = fresh("payment.success", card_last4="9876", provider_transaction_id=CARD)
    followed = [("traceparent", f"00-{MESSAGE}-{SPAN}-01".encode())]
    message = Message(json.dumps(person).encode(), EMAIL.encode(), followed)
    await produce(bootstrap, TOPICS.user, [message])
    await produce(bootstrap, TOPICS.payment, [json.dumps(payment).encode()])
    bad = [
        json.dumps({**person, "event_id": str(uuid4()), "phone": [PHONE], "email": {"at": EMAIL}}).encode(),
        f"{{not json {EMAIL} {CARD} {PASSWORD}".encode(),
        json.dumps({**person, "role": NAME}).encode(),
    ]
    await produce(bootstrap, TOPICS.user, [*bad, json.dumps(fresh("user.registered", seed=7)).encode()])


async def _ask(client: httpx.AsyncClient) -> None:
    traced = {"traceparent": f"00-{REQUEST}-{SPAN}-01", "tracestate": f"a={PASSWORD}"}
    for _ in range(2):  # computed, then kept
        (await client.get("/v1/metrics/bookings", headers=traced)).raise_for_status()
    wrong = {"start_date": "zzquery", "timezone": EMAIL, "email": EMAIL}
    await client.get("/v1/metrics/bookings", params=wrong, headers=traced)
    await client.get(f"/v1/people/{EMAIL}/{PHONE}", params={"q": "zzquery"}, headers=traced)
    await client.get(f"/v1/reports/files/{TOKEN}", headers=traced)
    bad = {"dataset": NAME, "filters": {"email": EMAIL}}
    await client.post("/v1/exports/request", json=bad, headers=traced)
    await client.get("/v1/metrics/users", headers={**bearer(PASSWORD), **traced})


async def _export(client: httpx.AsyncClient) -> None:
    today = datetime.now(UTC).date().isoformat()
    asked = {"dataset": "payment_events", "format": "csv", "start_date": today, "end_date": today}
    filters = {"provider_transaction_id": CARD}
    made = await client.post(
        "/v1/exports/request",
        json={**asked, "filename": NAME, "filters": filters},
        headers={"traceparent": f"00-{EXPORT}-{SPAN}-01"},
    )
    assert made.status_code == httpx.codes.ACCEPTED, made.text
    path = f"/v1/exports/{made.json()['export_id']}"

    async def over() -> bool:
        return bool((await client.get(f"{path}/status")).json()["status"] == "completed")

    await poll(over)
    (await client.get(f"{path}/download")).raise_for_status()


async def _report(client: httpx.AsyncClient, mail: EmbeddedMail) -> None:
    schedule = {
        "report_name": f"For {NAME}",
        "owner_email": EMAIL,
        "report_type": "booking_metrics",
        "frequency": "daily",
        "format": "csv",
        "recipients": [RECIPIENT],
    }
    made = await client.post("/v1/reports/schedule", json=schedule)
    assert made.is_success, made.text
    run = await client.post(f"/v1/reports/schedule/{made.json()['id']}/execute")
    assert run.is_success, run.text
    await eventually(lambda: bool(mail.messages()))


def named(found: list[Seen]) -> set[str]:
    return {span.name for span in found}


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("where", ["logs", "traces", "metrics"])
def test_nobody_is_in_it(seen: Evidence, where: str, canary: str) -> None:
    text = {"logs": seen.log, "traces": seen.collector.whole, "metrics": seen.metrics}[where]
    assert CANARIES[canary].lower() not in text.lower()


def test_the_log_has_no_stack_trace_and_no_sql(seen: Evidence) -> None:
    assert [word for word in ("Traceback", "SELECT", "INSERT INTO") if word in seen.log] == []


def test_the_log_is_json(seen: Evidence) -> None:
    others = [line for line in seen.log.splitlines() if not line.startswith("{")]
    assert [line for line in others if not line.startswith("SIGTERM")] == []


def test_the_line_of_a_request_has_its_trace(seen: Evidence) -> None:
    assert {REQUEST, EXPORT} <= {line.get("trace_id") for line in seen.lines() if line["msg"] == "request"}


def test_one_trace_leads_from_the_producer_to_the_insert(seen: Evidence) -> None:
    expected = {"process watched.user", "store watched.user", "decode", "commit"}
    assert {*expected, "clickhouse insert landing_user"} <= named(seen.collector.trace(MESSAGE))


def test_dead_letters_are_part_of_a_batch(seen: Evidence) -> None:
    sent = seen.collector.named("send dead letters")
    assert sum(span.attributes["messaging.batch.message_count"] for span in sent) == 3


def test_one_trace_leads_from_a_request_through_the_cache_to_clickhouse(seen: Evidence) -> None:
    found = named(seen.collector.trace(REQUEST))
    assert {"GET /v1/metrics/bookings", "cache", "clickhouse metrics/bookings"} <= found


def test_a_cache_says_whether_it_had_the_answer(seen: Evidence) -> None:
    found = [
        span.attributes["openride.cache.hit"]
        for span in seen.collector.trace(REQUEST)
        if span.name == "cache"
    ]
    assert found == [False, True]


def test_a_path_that_is_none_of_ours_has_no_name(seen: Evidence) -> None:
    assert "GET unmatched" in named(seen.collector.trace(REQUEST))


def test_one_trace_leads_from_a_request_to_its_export(seen: Evidence) -> None:
    (export,) = [span for span in seen.collector.trace(EXPORT) if span.name == "export"]
    assert export.attributes["openride.outcome"] == "completed"


def test_one_trace_leads_from_a_report_to_its_mail(seen: Evidence) -> None:
    (report,) = seen.collector.named("report")
    found = named(seen.collector.trace(report.trace_id))
    assert {"render", "mail", "clickhouse metrics/bookings"} <= found


@pytest.mark.parametrize(
    "comment",
    [
        f"metrics/bookings trace_id={REQUEST}",
        f"insert landing_user trace_id={MESSAGE}",
        f"exports/events trace_id={EXPORT}",  # from the process that makes the file
    ],
)
def test_clickhouse_is_told_the_trace(seen: Evidence, comment: str) -> None:
    assert comment.encode() in seen.heard


def test_promtool_has_nothing_to_say_against_the_metrics(seen: Evidence) -> None:
    assert checked(seen.metrics) == ""


def test_prometheus_answers_from_what_it_has_scraped(seen: Evidence) -> None:
    if seen.answers is None:
        pytest.skip("no `prometheus` on the PATH (Debian: apt install prometheus)")
    assert seen.answers == {"stored": 3, "up": 1, "delayed": 0}


def test_it_ends_in_order(seen: Evidence) -> None:
    assert seen.exit_code == 0

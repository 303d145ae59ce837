"""`serve` as a process: killed, stopped, started before its servers, run in parts, given wrong settings."""

import json
import re
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from openride_analytics.embedded.process import free_port
from openride_analytics.errors import Reason
from openride_analytics.settings import load
from openride_analytics.store.jobs import Jobs
from openride_analytics.store.redis import connect
from tests.support.clickhouse import Database
from tests.support.eventually import eventually
from tests.support.ingestion import fresh
from tests.support.kafka import Broker, produce
from tests.support.service import run, running
from tests.support.serving import (
    START_SECONDS,
    TYPED,
    consuming,
    listening,
    once_each,
    ready,
    rows,
    until_rows,
    write_rides,
)

pytestmark = pytest.mark.e2e

SOME = 8_000
RATE = "5000"  # a second: the replay goes on for a while
FEW = 3_000
GRACE_SECONDS = 8.0  # the default of SHUTDOWN_GRACE_SECONDS
BOOKINGS = "/v1/metrics/bookings?include_time_series=true"

one_broker = pytest.mark.parametrize("broker", ["embedded"], indirect=True)
real_broker = pytest.mark.parametrize("broker", ["kafka"], indirect=True)


@pytest.fixture
def environ(
    ingestion_environ: dict[str, str], clickhouse_database: Database, redis_url: str
) -> dict[str, str]:
    """The settings of a service that makes its schema first, and has the senders never far ahead of it."""
    return {
        **ingestion_environ,
        **clickhouse_database.env(),
        "REDIS_URL": redis_url,
        "HOST": "127.0.0.1",
        "PORT": "0",
        "KAFKA_MAX_LAG": "2000",
        "KAFKA_TOPIC_PARTITIONS": "1",
        "INGEST_FLUSH_INTERVAL_MS": "300",
        # Who takes over from one that was killed waits for so long.
        "KAFKA_SESSION_TIMEOUT_MS": "3000",
        "SHUTDOWN_GRACE_SECONDS": f"{GRACE_SECONDS:g}",
    }


async def interrupted(
    environ: dict[str, str], database: Database, file: Path, number: signal.Signals
) -> tuple[int, float]:
    """Replay a file to a service that a signal ends on the way and to another after it, until all is stored.

    Returns the first one's exit code and the seconds that its end took.
    """
    events = len(file.read_bytes().splitlines())
    async with running("serve", environ=environ, log=file.with_name("first.log")) as first:
        await consuming(first)
        async with running(
            "replay", "--rate", RATE, str(file), environ=environ, log=file.with_name("replay.log")
        ) as replay:
            await until_rows(database, lambda stored: stored > 0)
            begun = time.monotonic()
            first.send(number)
            code = await first.ended()
            seconds = time.monotonic() - begun
            assert rows(database)["events_raw"] < events, "all was stored before the signal"
            async with running("serve", environ=environ, log=file.with_name("second.log")):
                assert await replay.ended(within=60) == 0, replay.text()
                await until_rows(database, lambda stored: stored >= events)
    return code, seconds


@real_broker
async def test_killed_in_mid_replay_it_stores_each_event_once(
    environ: dict[str, str], clickhouse_database: Database, tmp_path: Path
) -> None:
    kinds = write_rides(tmp_path / "rides.jsonl", SOME)
    await interrupted(environ, clickhouse_database, tmp_path / "rides.jsonl", signal.SIGKILL)
    audited = run("audit", environ=environ)
    assert (rows(clickhouse_database), audited.returncode) == (once_each(kinds), 0), audited.stdout


@real_broker
async def test_told_to_stop_under_load_it_ends_in_order_and_loses_nothing(
    environ: dict[str, str], clickhouse_database: Database, tmp_path: Path
) -> None:
    kinds = write_rides(tmp_path / "rides.jsonl", SOME)
    code, seconds = await interrupted(environ, clickhouse_database, tmp_path / "rides.jsonl", signal.SIGTERM)
    assert (code, seconds < GRACE_SECONDS, rows(clickhouse_database)) == (0, True, once_each(kinds))


@real_broker
async def test_the_same_file_again_changes_no_answer(
    environ: dict[str, str], clickhouse_database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "rides.jsonl"
    kinds = write_rides(file, FEW)
    async with running("serve", environ=environ, log=tmp_path / "serve.log") as process:
        served = await ready(process)
        run("replay", str(file), environ=environ)
        await eventually(lambda: served.events("stored") == FEW)
        before = served.answer(BOOKINGS)
        run("replay", str(file), environ=environ)
        await eventually(lambda: served.events("duplicate") == FEW)
        after = served.answer(BOOKINGS)
    assert before["bookings_created"] > 0
    assert (after, rows(clickhouse_database)) == (before, once_each(kinds))


def away(environ: dict[str, str]) -> dict[str, str]:
    """The same settings, with each server on a port where nobody listens yet."""
    return {
        **environ,
        "CLICKHOUSE_PORT": str(free_port()),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "DATABASE_URL": f"postgresql://openride@127.0.0.1:{free_port()}/openride_analytics",
    }


@one_broker
async def test_without_servers_it_is_alive_and_not_ready(environ: dict[str, str], tmp_path: Path) -> None:
    async with running("serve", environ=away(environ), log=tmp_path / "serve.log") as process:
        served = await listening(process)
        assert (served.status("/health/live"), served.status("/health/ready")) == (200, 503)


@one_broker
async def test_it_becomes_ready_by_itself_when_its_servers_come(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ = away(environ)
    ports = {
        "clickhouse": environ["CLICKHOUSE_PORT"],
        "kafka": environ["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2],
        "redis": str(urlsplit(environ["REDIS_URL"]).port),
        "postgres": str(urlsplit(environ["DATABASE_URL"]).port),
    }
    options = [option for name, port in ports.items() for option in (f"--{name}-port", port)]
    async with running("serve", environ=environ, log=tmp_path / "serve.log") as process:
        served = await listening(process)
        await eventually(lambda: served.status("/health/ready") == httpx.codes.SERVICE_UNAVAILABLE)
        data = tmp_path / "data"
        async with running(
            "embedded", "--data-dir", str(data), *options, environ=environ, log=tmp_path / "embedded.log"
        ):
            await eventually(lambda: served.status("/health/ready") == httpx.codes.OK, within=START_SECONDS)
            restarted = served.metric("openride_actor_restarts_total")
            process.send(signal.SIGTERM)
            assert (await process.ended(), restarted) == (0, 0), process.text()


@one_broker
async def test_the_api_alone_consumes_nothing_and_a_consumer_beside_it_all(
    environ: dict[str, str], broker: Broker, tmp_path: Path
) -> None:
    async with (
        running("serve", "--roles", "api", environ=environ, log=tmp_path / "api.log") as first,
        running("serve", "--roles", "ingest", environ=environ, log=tmp_path / "ingest.log") as second,
    ):
        api, ingest = await ready(first), await consuming(second)
        events = [json.dumps(fresh("booking.created", seed=n)).encode() for n in range(100)]
        await produce(broker.bootstrap, environ["KAFKA_TOPIC_BOOKING"], events)
        await eventually(lambda: ingest.events("stored") == len(events))
        assert (api.events("stored"), api.metric("openride_ingest_partitions")) == (0, 0)


@one_broker
async def test_an_export_that_waits_is_seen_where_nobody_makes_any(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ["REDIS_URL"] = environ["REDIS_URL"].removesuffix("/0") + "/9"  # elsewhere somebody would make it
    client = connect(load(environ).redis)
    jobs = Jobs(client, keep_ms=60_000)
    await jobs.create(b"{}", kind="csv", subject="somebody", most_of_one=9, most=9, once=None)
    await client.aclose()
    async with running("serve", "--roles", "api", environ=environ, log=tmp_path / "serve.log") as process:
        api = await ready(process)
        await eventually(lambda: api.metric("openride_exports_waiting_seconds") > 0, within=START_SECONDS)


@one_broker
async def test_whatever_may_become_of_messages_is_counted_before_the_first(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Of a series that begins with 800 dead letters, Prometheus sees no increase."""
    async with running("serve", "--roles", "ingest", environ=environ, log=tmp_path / "serve.log") as process:
        text = (await ready(process)).get("/metrics").text
    series = {name: text.count(f"openride_ingest_{name}_total{{") for name in ("events", "dead_letters")}
    assert series == {"events": 3 * len(TYPED), "dead_letters": len(Reason) * len(TYPED)}


@one_broker
async def test_a_consumer_alone_answers_only_for_its_health(environ: dict[str, str], tmp_path: Path) -> None:
    paths = (
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/v1/metrics/bookings",
        "/v1/metrics/realtime",
    )
    async with running("serve", "--roles", "ingest", environ=environ, log=tmp_path / "serve.log") as process:
        served = await ready(process)
        assert [served.status(path) for path in paths] == [200, 200, 200, 200, 404, 404]


def test_each_wrong_setting_is_told_in_one_line() -> None:
    wrong = {"CLICKHOUSE_PORT": "8123", "INGEST_BATCH_SIZE": "many", "ANALYTICS_TIMEZONE": "Mars/Olympus"}
    ended = run("serve", environ=wrong)
    named = [line.partition(":")[0] for line in ended.stderr.splitlines()]
    assert (ended.returncode, sorted(named)) == (2, sorted(wrong)), ended.stderr


def test_the_http_port_of_clickhouse_is_recognized() -> None:
    ended = run("serve", environ={"CLICKHOUSE_PORT": "8123"})
    assert re.search(r"CLICKHOUSE_PORT.*HTTP.*9000", ended.stderr), ended.stderr

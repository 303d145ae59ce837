"""The commands beside `serve`, as processes: migrate, check, audit, dlq."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.embedded.kafka import EmbeddedKafka
from tests.support.clickhouse import Database
from tests.support.events import message
from tests.support.eventually import eventually
from tests.support.ingestion import Rig, examples, fresh
from tests.support.kafka import Message, create_topics, produce, read_all
from tests.support.service import run, running
from tests.support.serving import ready, rows

pytestmark = pytest.mark.e2e

one_broker = pytest.mark.parametrize("broker", ["embedded"], indirect=True)


@pytest.fixture
def environ(ingestion_environ: dict[str, str], redis_url: str, postgres_url: str) -> dict[str, str]:
    """The settings of an installation that has everything but a mail server."""
    return {**ingestion_environ, "REDIS_URL": redis_url, "DATABASE_URL": postgres_url}


@one_broker
def test_migrate_says_what_it_applied(environ: dict[str, str], clickhouse_database: Database) -> None:
    ended = run("migrate", environ=environ | clickhouse_database.env())
    assert (ended.returncode, "applied clickhouse 0001_" in ended.stdout) == (0, True), ended.stderr


@one_broker
def test_migrate_again_has_nothing_to_do(environ: dict[str, str]) -> None:
    run("migrate", environ=environ)
    ended = run("migrate", environ=environ)
    assert (ended.returncode, ended.stdout.startswith("nothing to apply")) == (0, True), ended.stderr


@one_broker
def test_check_where_everything_is_there(rig: Rig, environ: dict[str, str]) -> None:
    ended = run("check", environ=environ)
    states = dict(re.findall(r"^  ([a-z]+) +(ok|down|not configured) ", ended.stdout, re.M))
    everything = dict.fromkeys(("clickhouse", "schema", "kafka", "redis", "postgres", "files"), "ok")
    assert (ended.returncode, states) == (0, {**everything, "smtp": "not configured"}), ended.stdout


@one_broker
def test_check_before_the_schema_is_there(environ: dict[str, str], clickhouse_database: Database) -> None:
    ended = run("check", environ=environ | clickhouse_database.env())
    assert (ended.returncode, re.search(r"^  schema +down ", ended.stdout, re.M) is not None) == (1, True)


@one_broker
async def test_audit_names_where_a_row_is_missing(rig: Rig, environ: dict[str, str]) -> None:
    events = examples(5, ("booking.created", "booking.confirmed"))
    await rig.send(events)
    async with rig.ingesting():
        await rig.until_stored(len(events))
    with rig.database.client() as client:
        client.execute(f"DELETE FROM booking_events WHERE booking_id = '{events[0]['booking_id']}'")
    ended = await asyncio.to_thread(run, "audit", environ=environ)
    said = re.search(
        r"^DIFFERS  booking_events: .+: expected 10, found 9, 1 rows differ$", ended.stdout, re.M
    )
    assert (ended.returncode, said is not None) == (1, True), ended.stdout


@one_broker
async def test_audit_of_what_is_whole(rig: Rig, environ: dict[str, str]) -> None:
    await rig.send(examples(5, ("booking.created", "trip.completed", "driver.location.updated")))
    async with rig.ingesting():
        await rig.until_stored(15)
    ended = await asyncio.to_thread(run, "audit", environ=environ)
    assert (ended.returncode, ended.stdout.endswith(" 0 differ\n")) == (0, True), ended.stdout


@one_broker
async def test_audit_says_what_became_of_the_messages(rig: Rig, environ: dict[str, str]) -> None:
    event = message("trip.started", event_id=str(uuid.uuid4()), event_timestamp=datetime.now(UTC).isoformat())
    await produce(rig.bootstrap, rig.topics.trip, [event, b"bad", event], partition=0)
    last = message("trip.cancelled", event_timestamp=datetime.now(UTC).isoformat())
    await produce(rig.bootstrap, rig.topics.trip, [last], partition=0)
    async with rig.ingesting():
        await rig.until_stored(2)
    ended = await asyncio.to_thread(run, "audit", environ=environ)
    said = f"{rig.topics.trip}  2 stored, 1 dead-lettered, 1 duplicates, 0 gaps, 0 lost\n"
    assert said in ended.stdout


@one_broker
def test_audit_without_kafka_says_so(rig: Rig, environ: dict[str, str]) -> None:
    ended = run("audit", environ={**environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert (ended.returncode, ended.stderr.splitlines()[-1].startswith("error: kafka: ")) == (1, True)


SMALL = 2_000  # bytes
BIG = fresh("booking.cancelled", event_id=str(uuid.uuid4()), cancellation_reason="rain " * SMALL)
BAD = {
    "too_large": Message(json.dumps(BIG).encode(), b"big", [("traceparent", b"00-1-1-00")]),
    "invalid_json": Message(b"{not json", b"bad"),
    "unknown_event_type": Message(json.dumps({"event_type": "booking.dreamt"}).encode(), b"odd"),
}


@dataclass(frozen=True)
class Letters:
    """A service that has written one dead letter for each of BAD, and has ended."""

    environ: dict[str, str]
    database: Database
    bootstrap: str
    topic: str

    async def waiting(self) -> int:
        """Messages in the topic that they came from."""
        return len(await read_all(self.bootstrap, self.topic))


@pytest.fixture(scope="module")
def database(clickhouse_server: EmbeddedClickHouse) -> Iterator[Database]:
    """A database of this module."""
    database = Database("127.0.0.1", clickhouse_server.port, "letters")
    with database.client() as client:
        client.execute("SELECT 1")
        yield database
        client.execute(f"DROP DATABASE `{database.name}` SYNC")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def letters(
    database: Database,
    embedded_kafka: EmbeddedKafka,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Letters:
    """The dead letters that the tests of `dlq` look at."""
    prefix = f"t{uuid.uuid4().hex[:10]}"
    kinds = ("user", "booking", "payment", "trip", "route", "location", "dlq")
    topics = {f"KAFKA_TOPIC_{kind.upper()}": f"{prefix}.{kind}" for kind in kinds}
    environ = {
        **database.env(),
        **topics,
        "KAFKA_BOOTSTRAP_SERVERS": embedded_kafka.bootstrap,
        "KAFKA_CONSUMER_GROUP_ID": prefix,
        "KAFKA_TOPIC_EPOCH": "test",
        "KAFKA_SESSION_TIMEOUT_MS": "1000",
        "REDIS_URL": redis_url,
        "INGEST_FLUSH_INTERVAL_MS": "100",
        "APP_ENV": "test",
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    bootstrap, topic = embedded_kafka.bootstrap, topics["KAFKA_TOPIC_BOOKING"]
    await create_topics(bootstrap, topics.values())
    await produce(bootstrap, topic, BAD.values())
    small = {**environ, "INGEST_MAX_MESSAGE_BYTES": str(SMALL)}
    log = tmp_path_factory.mktemp("letters") / "serve.log"
    async with running("serve", "--roles", "ingest", environ=small, log=log) as process:
        served = await ready(process)
        await eventually(lambda: served.events("dead_lettered") == len(BAD))
    return Letters(environ, database, bootstrap, topic)


def test_dlq_list_has_a_line_for_each_and_their_sum(letters: Letters) -> None:
    ended = run("dlq", "list", environ=letters.environ)
    *lines, total = ended.stdout.splitlines()
    found = sorted(re.sub(r".*@\d+  (\w+): .+", r"\1", line) for line in lines)
    assert (found, total.partition(",")[0]) == (sorted(BAD), f"{len(BAD)} dead letters"), ended.stdout


def test_dlq_list_of_one_reason(letters: Letters) -> None:
    ended = run("dlq", "list", "--reason", "too_large", environ=letters.environ)
    assert ended.stdout.splitlines()[-1] == "1 dead letters, too_large 1"


def test_dlq_show_has_the_whole_message(letters: Letters) -> None:
    listed = run("dlq", "list", "--reason", "too_large", environ=letters.environ).stdout
    shown = run("dlq", "show", listed.split()[0], environ=letters.environ).stdout
    wanted = {
        "reason: too_large",
        f"topic: {letters.topic}",
        "header traceparent: 00-1-1-00",
        "key: big",
        f"value: {json.dumps(BIG)}",
    }
    assert wanted - set(shown.splitlines()) == set()


def test_dlq_show_of_what_is_not_there(letters: Letters) -> None:
    ended = run("dlq", "show", "0:999999", environ=letters.environ)
    assert (ended.returncode, ended.stderr) == (1, "no dead letter at 0:999999\n")


def test_dlq_show_of_what_is_no_place(letters: Letters) -> None:
    ended = run("dlq", "show", "first", environ=letters.environ)
    assert (ended.returncode, "partition:offset" in ended.stderr) == (2, True)


async def test_dlq_replay_dry_run_sends_nothing(letters: Letters) -> None:
    before = await letters.waiting()
    ended = await asyncio.to_thread(run, "dlq", "replay", "--dry-run", environ=letters.environ)
    after = await letters.waiting()
    assert (ended.stdout.startswith("3 messages would be sent back"), after) == (True, before), ended.stdout


async def test_dlq_replay_of_what_can_be_stored_now_is_stored_once(letters: Letters, tmp_path: Path) -> None:
    replay = ("dlq", "replay", "--reason", "too_large")
    async with running(
        "serve", "--roles", "ingest", environ=letters.environ, log=tmp_path / "serve.log"
    ) as process:
        served = await ready(process)
        for _ in range(2):
            ended = await asyncio.to_thread(run, *replay, environ=letters.environ)
            assert ended.stdout.startswith("1 messages sent back"), ended.stderr
        await eventually(lambda: (served.events("stored"), served.events("duplicate")) == (1, 1))
    found = rows(letters.database)
    assert (found["events_raw"], found["booking_events"]) == (1, 1)

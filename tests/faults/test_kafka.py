"""Kafka is away, forgets, or gives the partitions to others: what was being stored is stored once."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import RecordsToDelete
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined] # it says nowhere what it exports
from msgspec.structs import replace

from openride_analytics import kafka
from openride_analytics.clock import SystemClock
from openride_analytics.ingest import consumer, offsets
from openride_analytics.ingest.consumer import Ingestion
from openride_analytics.ingest.partition import State
from openride_analytics.settings import load
from openride_analytics.supervisor import Backoff, Limit, Spec, Supervisor
from openride_analytics.telemetry import Metrics
from tests.support.auditing import differences
from tests.support.durations import SCALE, lasting
from tests.support.eventually import eventually, poll
from tests.support.faults import (
    Line,
    administering,
    committed,
    forbidden,
    limited,
    partition_of,
    readiness,
    send_bookings,
    send_everywhere,
    until,
    until_committed,
)
from tests.support.ingestion import Rig
from tests.support.kafka import KafkaBroker, create_topics
from tests.support.proxy import Fault
from tests.support.service import running

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

OFFSET_COMMIT = b"\x00\x08\x00\x03"  # the request's kind and version


async def rebalance(line: Line) -> None:
    """Somebody joins the group, and leaves it."""
    other = AIOKafkaConsumer(
        line.rig.topics.booking,
        bootstrap_servers=line.rig.bootstrap,
        group_id=line.settings.kafka.group_id,
    )
    await other.start()
    try:
        await eventually(lambda: bool(other.assignment()))
    finally:
        await other.stop()


@asynccontextmanager
async def supervised(line: Line) -> AsyncIterator[tuple[Ingestion, Supervisor]]:
    """The actor under a supervisor that starts nothing a second time."""
    actor = Ingestion(line.settings, line.clickhouse, Metrics(), SystemClock())
    supervisor = Supervisor(
        [Spec(actor)],
        clock=SystemClock(),
        backoff=Backoff(),
        limit=Limit(restarts=0),
        grace=5,
        rng=random.Random(1),
    )
    task = asyncio.create_task(supervisor.run())
    try:
        yield actor, supervisor
    finally:
        supervisor.stop()
        await task


async def test_a_broker_that_comes_back_is_consumed_from_again(rig: Rig, kafka_broker: KafkaBroker) -> None:
    """Fault 18: stopped for a while in the middle of a backlog; the consumer is the same afterwards."""
    topic = rig.topics.booking
    await send_bookings(rig, 5_000)
    async with rig.ingesting():
        await rig.until_stored(1)
        await asyncio.to_thread(kafka_broker.stop)
        try:
            await asyncio.sleep(lasting(60))
        finally:
            await asyncio.to_thread(kafka_broker.start)
        await send_bookings(rig, 500)
        await until_committed(rig, 5_500, topic)
    assert await differences(rig.settings, rig.clickhouse) == []
    assert await rig.count("events_raw") == 5_500


async def test_a_hung_broker_is_waited_for(rig: Rig, kafka_broker: KafkaBroker) -> None:
    """Fault 18, the other way to be away: connections stay open and nothing is answered."""
    await send_bookings(rig, 5_000)
    async with rig.ingesting():
        await rig.until_stored(1)
        kafka_broker.pause()
        try:
            await asyncio.sleep(lasting(60))
        finally:
            kafka_broker.resume()
        await until_committed(rig, 5_000, rig.topics.booking)
    assert await differences(rig.settings, rig.clickhouse) == []
    assert await rig.count("events_raw") == 5_000


async def test_a_group_that_refuses_us_is_asked_until_it_takes_us(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 45, later than at the start: a right is missing for a while, which is as if Kafka were away."""
    group = line.settings.kafka.group_id
    async with supervised(line) as (actor, supervisor):
        await until(await partition_of(actor, line.rig.topics.booking), State.RUNNING)
        async with forbidden(line.rig, ResourceType.GROUP, group, AclOperation.READ):
            await eventually(lambda: caplog.messages.count("kafka is away") > 1)
            said = (await readiness(line, actor, supervisor.children))["actor ingest"]
        await send_bookings(line.rig, 500)
        await until_committed(line.rig, 500, line.rig.topics.booking)
        (child,) = supervisor.children()
    assert (said.state, child.state, await line.rig.count("events_raw")) == ("degraded", "running", 500)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOSE_ANSWER, Fault.HANG])
async def test_a_commit_that_fails_is_repeated(
    line: Line, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """Fault 20: commits are cut off, or made and not acknowledged, or swallowed."""
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_MS", int(1_000 * lasting(10, least=1)))
    monkeypatch.setattr(offsets, "REQUEST_SECONDS", lasting(10, least=1))
    await send_bookings(line.rig, 2_000)
    async with line.ingesting():
        await line.rig.until_stored(1)
        line.kafka.arm(fault, on=OFFSET_COMMIT)
        await eventually(lambda: line.kafka.struck > 0)
        line.kafka.mend()
        await until_committed(line.rig, 2_000, line.rig.topics.booking)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert await line.rig.count("events_raw") == 2_000


async def test_a_group_that_never_committed_may_be_rebalanced(line: Line) -> None:
    """Fault 20: the client asks for an offset of a partition that comes back to us, and there is none."""
    topic = line.rig.topics.booking
    async with line.ingesting() as actor:
        for _ in range(5 if SCALE == 1 else 3):
            await until(await partition_of(actor, topic), State.RUNNING)
            await rebalance(line)
        await send_bookings(line.rig, 500)
        await until_committed(line.rig, 500, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert await line.rig.count("events_raw") == 500


class Reluctant(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Of a member that does not let go of its partitions before it may: until then the group waits for it."""

    def __init__(self) -> None:
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def on_partitions_revoked(self, revoked: object) -> None:
        if revoked:
            self.asked.set()
            await self.may.wait()

    async def on_partitions_assigned(self, assigned: object) -> None: ...


@asynccontextmanager
async def reluctant(line: Line) -> AsyncIterator[Reluctant]:
    """Another member of the group, for a topic in which there is nothing."""
    listener = Reluctant()
    other = AIOKafkaConsumer(bootstrap_servers=line.rig.bootstrap, group_id=line.settings.kafka.group_id)
    await other.start()
    try:
        other.subscribe([line.rig.topics.user], listener=listener)
        await eventually(lambda: bool(other.assignment()))
        yield listener
    finally:
        listener.may.set()
        await other.stop()


async def test_a_rebalance_may_last_longer_than_a_stall(line: Line) -> None:
    """Fault 19: while the group waits for another member, nobody can give us anything."""
    impatient = replace(line.settings, ingest=replace(line.settings.ingest, stall_seconds=1.0))
    await send_bookings(line.rig, 500)
    async with reluctant(line) as other, line.rig.ingesting(impatient, line.clickhouse):
        await eventually(other.asked.is_set)
        await asyncio.sleep(5 * impatient.ingest.stall_seconds)
        other.may.set()
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await line.rig.count("events_raw") == 500


async def test_a_group_that_gives_nothing_is_joined_anew(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 19: a rebalance that lasts longer than any may is as if Kafka were away."""
    monkeypatch.setattr(consumer, "REBALANCE_MS", 1_000)
    await send_bookings(line.rig, 500)
    async with reluctant(line) as other, line.ingesting():
        await eventually(other.asked.is_set)
        await eventually(lambda: "kafka is away" in caplog.messages)
        other.may.set()
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert await line.rig.count("events_raw") == 500


async def test_what_is_fetched_during_a_rebalance_is_not_lost(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 20: a fetch is asked for before a partition is given away, and answered when it has come back."""
    topic = line.rig.topics.booking
    async with line.ingesting() as actor:
        await until(await partition_of(actor, topic), State.RUNNING)
        usual = consumer.POLL_MS
        monkeypatch.setattr(consumer, "POLL_MS", 5_000)
        await send_everywhere(line.rig)
        await eventually(lambda: all(partition.committed == 1 for partition in actor.partitions))
        # From here on a fetch of all partitions is under way, for longer than what follows takes.
        await rebalance(line)
        await until(await partition_of(actor, topic), State.RUNNING)
        monkeypatch.setattr(consumer, "POLL_MS", usual)
        await send_bookings(line.rig, 500)
        await send_bookings(line.rig, 500)
        await until_committed(line.rig, 1_001, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert await line.rig.count("events_raw") == 1_018


async def test_messages_that_kafka_has_deleted_halt_their_partition(line: Line) -> None:
    """Fault 21: what was to be read next is gone; no silent jump, and the other partitions go on."""
    topic = line.rig.topics.booking
    await send_bookings(line.rig, 500)
    async with line.ingesting():
        await until_committed(line.rig, 500, topic)
    await send_bookings(line.rig, 500)
    async with administering(line.rig) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(800)})
    async with line.ingesting() as actor:
        await until(await partition_of(actor, topic), State.HALTED)
        await send_bookings(line.rig, 500, partition=1)
        await until_committed(line.rig, 500, topic, 1)
        said = (await readiness(line, actor))["partitions"].detail
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert f"{topic}/0 halted: offset 500 is no longer in Kafka" in said
    assert (await committed(line.rig, topic), await line.rig.count("events_raw")) == (500, 1_000)


async def test_an_insert_that_was_begun_and_cannot_be_repeated_halts_its_partition(
    line: Line, attempts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21: its messages are neither stored nor in Kafka, and nobody may take that for done."""
    topic = line.rig.topics.booking
    await send_bookings(line.rig, 500)
    async with limited("readonly", 1)(line.rig, monkeypatch), line.ingesting():
        await eventually(lambda: len(attempts) > 0)
    async with administering(line.rig) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(300)})
    async with line.ingesting() as actor:
        await until(await partition_of(actor, topic), State.HALTED)
        said = (await readiness(line, actor))["partitions"].detail
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert f"{topic}/0 halted: an insert up to offset " in said
    assert (await committed(line.rig, topic), await line.rig.count("events_raw")) == (0, 0)


async def test_an_insert_that_was_done_is_committed_though_its_messages_are_gone(
    line: Line, attempts: list[str]
) -> None:
    """Fault 21: what arrived stays, and the partition goes on after it."""
    topic = line.rig.topics.booking
    await send_bookings(line.rig, 500)
    line.proxy.arm(Fault.LOSE_ANSWER, after=10_000, on=b"INSERT INTO")
    patient = replace(line.settings.ingest, flush_interval_ms=10_000)  # the 500 are one batch
    async with line.rig.ingesting(replace(line.settings, ingest=patient), line.clickhouse):
        await eventually(lambda: line.proxy.struck > 0)
    line.proxy.mend()
    async with administering(line.rig) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(500)})
    async with line.ingesting():
        await send_bookings(line.rig, 500)
        await until_committed(line.rig, 1_000, topic)
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert await line.rig.count("events_raw") == 1_000


async def test_a_topic_made_again_is_not_taken_for_the_old_one(
    line: Line, ingestion_environ: dict[str, str]
) -> None:
    """Fault 22: offsets begin again at 0, and the tokens of the old ones are known: a new epoch is needed."""
    topic = line.rig.topics.booking
    await send_bookings(line.rig, 500)
    async with line.ingesting():
        await until_committed(line.rig, 500, topic)
    async with administering(line.rig) as admin:
        await admin.delete_topics([topic])
    await create_topics(line.rig.bootstrap, [topic])
    await send_bookings(line.rig, 500)
    async with line.ingesting() as actor:
        await until(await partition_of(actor, topic), State.HALTED)
        said = (await readiness(line, actor))["partitions"].detail
    held = await line.rig.count("events_raw")
    newer = load(ingestion_environ | {"KAFKA_TOPIC_EPOCH": "newer"})
    async with line.rig.ingesting(newer):
        await until_committed(line.rig, 500, topic)
    assert await differences(newer, line.rig.clickhouse) == []
    assert ("set another KAFKA_TOPIC_EPOCH" in said, held, await line.rig.count("events_raw")) == (
        True,
        500,
        1_000,
    )


async def test_after_a_pause_longer_than_its_session_it_joins_the_group_again(
    rig: Rig, ingestion_environ: dict[str, str], tmp_path: Path
) -> None:
    """Fault 23: nothing of the process runs, as when its event loop is blocked; the group gives it up."""

    async def given_up() -> bool:
        async with administering(rig) as admin:
            ((described,),) = [
                answer.groups
                for answer in await admin.describe_consumer_groups([rig.settings.kafka.group_id])
            ]
        return bool(described[2] == "Empty")

    await send_bookings(rig, 5_000)
    async with running(
        "serve", "--roles", "ingest", environ=ingestion_environ, log=tmp_path / "serve.log"
    ) as process:
        await rig.until_stored(1)
        process.send(signal.SIGSTOP)
        try:
            await poll(given_up)
            await asyncio.sleep(lasting(40))
        finally:
            process.send(signal.SIGCONT)
        await until_committed(rig, 5_000, rig.topics.booking)
        lives = process.running
    assert await differences(rig.settings, rig.clickhouse) == []
    assert (lives, await rig.count("events_raw")) == (True, 5_000)

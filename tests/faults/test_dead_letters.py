"""A dead-letter topic that does not take them: nothing is committed beyond a message that lies nowhere else."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined] # it says nowhere what it exports

from openride_analytics import kafka
from openride_analytics.ingest.partition import State
from tests.support.auditing import differences
from tests.support.durations import lasting
from tests.support.faults import (
    Line,
    administering,
    committed,
    dead_letters,
    forbidden,
    partition_of,
    send_bad,
    send_bookings,
    until,
    until_committed,
)
from tests.support.ingestion import Rig

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]


@asynccontextmanager
async def too_small(rig: Rig) -> AsyncIterator[None]:
    """The topic takes no message as large as these."""

    async def limit(admin: AIOKafkaAdminClient, most: int) -> None:
        resource = ConfigResource(
            ConfigResourceType.TOPIC, rig.topics.dlq, configs={"max.message.bytes": str(most)}
        )
        await admin.alter_configs([resource])

    async with administering(rig) as admin:
        await limit(admin, 100)
        yield
        await limit(admin, 1 << 20)


@asynccontextmanager
async def absent(rig: Rig) -> AsyncIterator[None]:
    """The topic is deleted, and made again."""
    async with administering(rig) as admin:
        await admin.delete_topics([rig.topics.dlq])
        yield
        await admin.create_topics([NewTopic(rig.topics.dlq, 3, 1)])


def denied(rig: Rig) -> AbstractAsyncContextManager[None]:
    """Nobody may write to the topic."""
    return forbidden(rig, ResourceType.TOPIC, rig.topics.dlq, AclOperation.WRITE)


@pytest.mark.parametrize("hindrance", [too_small, absent, denied])
async def test_nothing_is_committed_beyond_a_message_that_cannot_be_buried(
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
    hindrance: Callable[[Rig], AbstractAsyncContextManager[None]],
) -> None:
    """Fault 8: the topic is away, or refuses what is too big for it, or refuses us."""
    with monkeypatch.context() as impatient:
        impatient.setattr(kafka, "REQUEST_TIMEOUT_MS", int(1_000 * lasting(10, least=0.5)))
        reached, problem = await _through(line, hindrance)
    buried = {dict(letter.headers)["dlq.offset"] for letter in await dead_letters(line.rig)}
    assert await differences(line.rig.settings, line.rig.clickhouse) == []
    assert "dead letters could not be sent" in (problem or "")
    assert ((reached or 0) <= 100, len(buried), await line.rig.count("events_raw")) == (True, 10, 200)


async def _through(
    line: Line, hindrance: Callable[[Rig], AbstractAsyncContextManager[None]]
) -> tuple[int | None, str | None]:
    """Good and bad messages sent while the topic is hindered, all dealt with after that: how far the group had come
    meanwhile, and what it said."""
    topic = line.rig.topics.booking
    async with line.ingesting() as actor:
        partition = await partition_of(actor, topic)
        await until(partition, State.RUNNING)
        async with hindrance(line.rig):
            await send_bookings(line.rig, 100)
            await send_bad(line.rig, 10)
            await send_bookings(line.rig, 100)
            await until(partition, State.RETRYING)
            reached, problem = await committed(line.rig, topic), partition.problem
        await until_committed(line.rig, 210, topic)
    return reached, problem

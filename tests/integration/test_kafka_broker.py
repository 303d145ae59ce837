"""The broker of the test suite itself: what the fault tests lean on."""

import asyncio

import pytest

from tests.support.kafka import KafkaBroker, Message, create_topics, produce, read_all

pytestmark = pytest.mark.kafka


async def test_messages_come_back_unchanged(kafka_broker: KafkaBroker) -> None:
    await create_topics(kafka_broker.bootstrap, ["unchanged"], partitions=1)
    await produce(kafka_broker.bootstrap, "unchanged", [Message(b"\xff\x00", b"k", [("h", b"v")])])
    [record] = await read_all(kafka_broker.bootstrap, "unchanged")
    assert (record.key, record.value, list(record.headers)) == (b"k", b"\xff\x00", [("h", b"v")])


async def test_a_restart_keeps_address_and_messages(kafka_broker: KafkaBroker) -> None:
    await create_topics(kafka_broker.bootstrap, ["kept"], partitions=1)
    await produce(kafka_broker.bootstrap, "kept", [b"1", b"2"])
    await asyncio.to_thread(kafka_broker.restart)
    assert [record.value for record in await read_all(kafka_broker.bootstrap, "kept")] == [b"1", b"2"]


async def test_a_paused_broker_answers_again_when_resumed(kafka_broker: KafkaBroker) -> None:
    await create_topics(kafka_broker.bootstrap, ["paused"], partitions=1)
    kafka_broker.pause()
    sending = asyncio.create_task(produce(kafka_broker.bootstrap, "paused", [b"1"]))
    done, _ = await asyncio.wait([sending], timeout=0.2)
    kafka_broker.resume()
    assert (not done, await sending) == (True, [(0, 0)])

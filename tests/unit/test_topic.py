"""What a topic does while something that it needs is away."""

import asyncio
import random
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition

from openride_analytics.clock import SystemClock
from openride_analytics.errors import Retryable
from openride_analytics.ingest.crash import CrashPoints
from openride_analytics.ingest.inflight import Inflight
from openride_analytics.ingest.offsets import Committed, PartitionLost
from openride_analytics.ingest.services import Services
from openride_analytics.ingest.topic import Topic
from openride_analytics.settings import load
from openride_analytics.telemetry import Metrics


class Away:
    """Offsets that cannot be read a few times; then the partitions are another's."""

    def __init__(self) -> None:
        self.asked = 0
        self.given_up = asyncio.Event()

    async def committed(self, _: Iterable[TopicPartition]) -> dict[TopicPartition, Committed]:
        self.asked += 1
        if self.asked < 4:
            raise Retryable("kafka", "it is away")
        self.given_up.set()
        raise PartitionLost


async def test_an_outage_is_said_once_however_often_it_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    offsets, inflight = Away(), Inflight()
    services = Services(
        settings=load({}),
        warehouse=None,  # type: ignore[arg-type]
        offsets=offsets,  # type: ignore[arg-type]
        dead_letters=None,  # type: ignore[arg-type]
        seek=lambda *_: None,
        inflight=inflight,
        metrics=Metrics(),
        clock=SystemClock(),
        crash=CrashPoints(None),
        rng=random.Random(1),
    )
    topic = Topic("user", "users", [0], 0.0, services)
    async with asyncio.timeout(20):
        await offsets.given_up.wait()
    await topic.leave(5)
    assert [record.message for record in caplog.records].count("retrying") == 1

"""A consumer that delivers nothing while lag grows: built anew, and the process ends if that does not help."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from openride_analytics.clock import SystemClock
from openride_analytics.ingest.consumer import Ingestion
from openride_analytics.supervisor import Backoff, Escalated, Limit, Spec, Supervisor
from openride_analytics.telemetry import Metrics
from tests.support.eventually import eventually
from tests.support.ingestion import LIMIT_SECONDS, Rig, examples

pytestmark = pytest.mark.parametrize("broker", ["kafka"], indirect=True)

Getmany = Callable[..., Any]


@asynccontextmanager
async def supervised(rig: Rig) -> AsyncIterator[tuple[Supervisor, asyncio.Task[None]]]:
    """The actor under a supervisor, with little patience."""
    ingest = msgspec.structs.replace(rig.settings.ingest, stall_seconds=1.0)
    actor = Ingestion(
        msgspec.structs.replace(rig.settings, ingest=ingest), rig.clickhouse, Metrics(), SystemClock()
    )
    supervisor = Supervisor(
        [Spec(actor)],
        clock=SystemClock(),
        backoff=Backoff(initial=0.1, factor=1, maximum=0.1, reset_after=60),
        limit=Limit(restarts=50, within=60),
        grace=5,
        rng=random.Random(1),
    )
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, task
    finally:
        supervisor.stop()
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.wait([task])


def stall(monkeypatch: pytest.MonkeyPatch, consumers: int) -> None:
    """The first `consumers` that are made fetch nothing, as aiokafka's do when they have lost their thread."""
    getmany: Getmany = AIOKafkaConsumer.getmany
    made: list[AIOKafkaConsumer] = []

    async def deaf(self: AIOKafkaConsumer, *tps: object, timeout_ms: int = 0, **options: Any) -> Any:
        if self not in made:
            made.append(self)
        if made.index(self) < consumers:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        return await getmany(self, *tps, timeout_ms=timeout_ms, **options)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", deaf)


async def test_a_stalled_consumer_is_replaced_by_one_that_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall(monkeypatch, 1)
    await rig.send(examples(5, ["booking.created"]))
    async with supervised(rig) as (supervisor, _):
        await rig.until_stored(5)
        (child,) = supervisor.children()
    assert (child.restarts, (child.last_error or "").partition(":")[0]) == (1, "Stalled")


async def test_where_new_consumers_stall_too_the_process_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall(monkeypatch, 100)
    await rig.send(examples(5, ["booking.created"]))
    async with supervised(rig) as (_, task):
        await eventually(task.done, within=LIMIT_SECONDS)
        assert isinstance(task.exception(), Escalated)

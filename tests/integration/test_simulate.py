"""`simulate` against real brokers: the world that `Rides` tells, in Kafka."""

import asyncio
import io
import json
from datetime import UTC, date, datetime

import pytest

from openride_analytics.settings import Kafka, Topics
from openride_analytics.simulate.rides import Rides
from openride_analytics.simulate.simulation import Options, Simulation
from tests.support.kafka import Broker, create_topics, read_all
from tests.support.sending import arrived, kafka_settings, slow_group

NOW = datetime(2026, 11, 4, 9, tzinfo=UTC)
WORLD = Options(now=NOW, days=2, rate=400, drivers=40, riders=200, seed=5, duration=0)


@pytest.fixture
async def kafka(broker: Broker, topics: Topics, group_id: str) -> Kafka:
    await create_topics(broker.bootstrap, topics.events().values())
    return kafka_settings(broker.bootstrap, topics, group_id)


def told() -> list[tuple[str, bytes, bytes]]:
    """(kind, key, value) of the history of WORLD."""
    rides = Rides(seed=5, drivers=40, riders=200, first_day=date(2026, 11, 3))
    events = [*rides.prelude(), *rides.until(NOW)]
    return sorted((one.kind, one.key.encode(), one.encode()) for one in events)


async def run(options: Options, kafka: Kafka) -> Simulation:
    simulation = Simulation(options, kafka, stream=io.StringIO())
    await simulation.run()
    return simulation


async def test_the_history_arrives_once_where_it_belongs(kafka: Kafka) -> None:
    simulation = await run(WORLD, kafka)
    assert (simulation.sent, sorted(await arrived(kafka))) == (len(told()), told())


async def test_live_events_follow_at_the_rate(kafka: Kafka) -> None:
    options = Options(now=NOW, days=2, rate=400, drivers=40, riders=200, seed=5, duration=1)
    simulation = await run(options, kafka)
    assert simulation.sent - len(told()) == pytest.approx(400, abs=5)


async def test_a_count_stops_it(kafka: Kafka) -> None:
    options = Options(now=NOW, days=2, drivers=40, riders=200, seed=5, count=123)
    simulation = await run(options, kafka)
    assert (simulation.sent, len(await arrived(kafka))) == (123, 123)


async def test_live_events_are_of_now(kafka: Kafka) -> None:
    await run(Options(days=0, rate=100, drivers=40, riders=200, duration=0.5), kafka)
    records = await read_all(kafka.bootstrap_servers, kafka.topics.location)
    newest = max(datetime.fromisoformat(json.loads(record.value)["event_timestamp"]) for record in records)
    assert 0 <= (datetime.now(UTC) - newest).total_seconds() < 5


async def test_the_groups_lag_is_followed(broker: Broker, topics: Topics, group_id: str) -> None:
    kafka = kafka_settings(broker.bootstrap, topics, group_id, max_lag=100)
    partitions = await create_topics(broker.bootstrap, topics.events().values())
    async with slow_group(kafka, partitions) as group:
        simulating = asyncio.create_task(run(WORLD, kafka))
        worst = 0
        async with asyncio.timeout(60):
            while not simulating.done():
                worst = max(worst, *await group.lags())
                if worst >= 50:  # it does not come near its limit where the group is as quick
                    await group.commit(80)
                await asyncio.sleep(0)
        assert ((await simulating).sent, 50 <= worst <= 100) == (len(told()), True)

"""Liveness and readiness: what is critical, what is not, and how quickly it is said."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from openride_analytics import settings as tree
from openride_analytics.api import Health
from openride_analytics.api.health import KEEP_SECONDS
from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.exports.directory import Directory
from openride_analytics.store.clickhouse import Block, ClickHouse
from openride_analytics.supervisor import ChildStatus, Restart, State
from tests.support.api import ApiResources, Served, leading_to, resources, serving
from tests.support.clickhouse import Database
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.clickhouse


@dataclass
class Owned:
    """A partition as ingestion has it."""

    tp: TopicPartition
    state: str
    problem: str | None = None


@pytest.fixture
async def given(shared_settings: tree.Settings) -> AsyncIterator[ApiResources]:
    """ClickHouse is there and migrated; everything else is away."""
    async with resources(leading_to(shared_settings)) as made:
        yield made


async def checks(served: Served) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in (await served.get("/health/ready")).json()["checks"]}


def child(name: str, state: State, restart: Restart = Restart.PERMANENT) -> ChildStatus:
    return ChildStatus(name, state, 0, "ValueError: hunter2", 0.0, restart)


async def status(given: ApiResources, *children: ChildStatus) -> tuple[int, str]:
    async with serving(given, children=lambda: children) as served:
        answer = await served.get("/health/ready")
        return answer.status_code, answer.json()["status"]


async def test_alive_whatever_is_away() -> None:
    async with resources({}) as nothing, serving(nothing) as served:
        assert (await served.get("/health/live")).status_code == 200


async def test_unready_without_clickhouse() -> None:
    async with resources({}) as nothing, serving(nothing) as served:
        answer = await served.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "critical")


async def test_unready_without_a_schema(clickhouse_database: Database) -> None:
    async with resources(clickhouse_database.env()) as empty, serving(empty) as served:
        answer = await served.get("/health/ready")
        assert answer.status_code == 503 and (await checks(served))["schema"]["state"] == "down"


class Slow(ClickHouse):
    """What is asked about the schema is answered after a while, once `held`."""

    held = False

    async def select(self, *args: Any, **more: Any) -> Block:
        if self.held and more.get("name") == "schema":
            await asyncio.sleep(60)
        return await super().select(*args, **more)


@pytest.mark.parametrize(("known", "expected"), [(True, (200, "degraded")), (False, (503, "critical"))])
async def test_a_schema_that_was_right_is_so_until_it_is_said_to_be_wrong(
    shared_settings: tree.Settings, *, known: bool, expected: tuple[int, str]
) -> None:
    async with resources(leading_to(shared_settings), clickhouse=Slow) as given, serving(given) as served:
        if known:
            await served.get("/health/ready")
        Slow.held, given.clock.skipped = True, KEEP_SECONDS
        try:
            answer = await served.get("/health/ready")
        finally:
            Slow.held = False
        assert (answer.status_code, answer.json()["status"]) == expected


async def test_ready_but_degraded_without_kafka_and_redis(given: ApiResources) -> None:
    assert await status(given) == (200, "degraded")


async def test_healthy_with_all_that_is_configured(
    shared_settings: tree.Settings, redis_url: str, embedded_kafka: EmbeddedKafka
) -> None:
    environ = leading_to(shared_settings) | embedded_kafka.env() | {"REDIS_URL": redis_url}
    async with resources(environ) as everything:
        assert await status(everything) == (200, "healthy")


async def test_each_check_is_named_with_its_state(given: ApiResources) -> None:
    async with serving(given) as served:
        assert {name: check["state"] for name, check in (await checks(served)).items()} == {
            "clickhouse": "ok",
            "schema": "ok",
            "kafka": "down",
            "redis": "down",
            "postgres": "not configured",
            "smtp": "not configured",
            "actor http": "ok",
            "partitions": "ok",
        }


async def test_degraded_where_exports_have_no_place(
    shared_settings: tree.Settings, redis_url: str, embedded_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    environ = leading_to(shared_settings) | embedded_kafka.env() | {"REDIS_URL": redis_url}
    (tmp_path / "file").touch()
    found = []
    async with resources(environ) as given:
        for place in (tmp_path, tmp_path / "file" / "exports"):
            async with serving(given, files=Directory(place)) as served:
                answer = await served.get("/health/ready")
            found.append((answer.status_code, answer.json()["status"]))
    assert found == [(200, "healthy"), (200, "degraded")]


async def test_what_was_asked_has_a_latency(given: ApiResources) -> None:
    async with serving(given) as served:
        assert (await checks(served))["clickhouse"]["latency_ms"] > 0


async def test_health_says_what_ready_says(given: ApiResources) -> None:
    async with serving(given) as served:
        assert (await served.get("/health")).json() == (await served.get("/health/ready")).json()


@pytest.mark.parametrize("state", [State.BACKOFF, State.FAILED, State.STOPPED, State.STOPPING])
async def test_unready_while_a_permanent_actor_is_down(given: ApiResources, state: State) -> None:
    assert await status(given, child("ingest", state)) == (503, "critical")


@pytest.mark.parametrize("state", [State.WAITING, State.STARTING])
async def test_ready_while_an_actor_waits_for_its_server(given: ApiResources, state: State) -> None:
    assert await status(given, child("ingest", state)) == (200, "degraded")


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
async def test_an_actor_that_may_end_is_not_critical(given: ApiResources, restart: Restart) -> None:
    assert await status(given, child("schema", State.FAILED, restart)) == (200, "degraded")


async def test_an_actor_that_is_done_is_well(given: ApiResources) -> None:
    done = child("schema", State.STOPPED, Restart.TRANSIENT)
    async with serving(given, children=lambda: [done]) as served:
        assert (await checks(served))["actor schema"]["state"] == "ok"


async def test_what_an_actor_raised_stays_in_the_log(given: ApiResources) -> None:
    async with serving(given, children=lambda: [child("ingest", State.BACKOFF)]) as served:
        assert "hunter2" not in (await served.get("/health/ready")).text


@pytest.mark.parametrize("state", ["recovering", "retrying", "halted", "lost"])
async def test_a_partition_that_is_not_stored_from_is_named(given: ApiResources, state: str) -> None:
    held = [Owned(TopicPartition("rides", 0), "running"), Owned(TopicPartition("rides", 1), state, "why")]
    async with serving(given, partitions=held) as served:
        check = (await checks(served))["partitions"]
        assert (check["state"], check["detail"].partition("; ")[2]) == ("degraded", f"rides/1 {state}: why")


async def test_many_partitions_make_no_long_answer(given: ApiResources) -> None:
    held = [Owned(TopicPartition("rides", n), "halted", "why" * 1000) for n in range(500)]
    async with serving(given, partitions=held) as served:
        assert len((await served.get("/health/ready")).content) < 10_000


async def test_a_silent_clickhouse_is_given_two_seconds(clickhouse_database: Database) -> None:
    async with Proxy(clickhouse_database.host, clickhouse_database.port) as proxy:
        proxy.arm(Fault.HANG, after=0)
        environ = clickhouse_database.env() | {"CLICKHOUSE_PORT": str(proxy.port)}
        async with resources(environ) as silent, serving(silent) as served:
            begun = time.monotonic()
            answer = await served.get("/health/ready")
            assert answer.status_code == 503 and time.monotonic() - begun < 4


async def test_a_storm_of_probes_asks_once(clickhouse_database: Database) -> None:
    async with Proxy(clickhouse_database.host, clickhouse_database.port) as proxy:
        proxy.arm(Fault.HANG, after=0)
        environ = clickhouse_database.env() | {"CLICKHOUSE_PORT": str(proxy.port)}
        async with resources(environ) as silent, serving(silent) as served:
            begun = time.monotonic()
            await asyncio.gather(*(served.get("/health/ready") for _ in range(50)))
            # Each on its own would wait for one of few connections, two seconds a turn.
            assert time.monotonic() - begun < 4


async def test_who_leaves_takes_the_answer_from_nobody_else(given: ApiResources) -> None:
    health = Health(given, children=list, partitions=list)
    leaving, staying = (asyncio.create_task(health.report()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving, staying])
    await health.close()
    assert (leaving.cancelled(), staying.cancelled()) == (True, False)

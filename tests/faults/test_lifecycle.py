"""How a service ends and begins when something is in its way."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.support import ledger
from tests.support.auditing import differences
from tests.support.eventually import eventually
from tests.support.ingestion import Rig
from tests.support.kafka import KafkaBroker
from tests.support.load import load, ride_messages
from tests.support.progress import looking
from tests.support.proxy import Fault, Proxy
from tests.support.service import Process, running
from tests.support.serving import ASK_SECONDS, START_SECONDS, Served, consuming, listening

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.kafka,
]

T = TypeVar("T")

RATE = 500
GRACE_SECONDS = 2.0
# What a stop may take: the grace, what cancelled actors have, and the interpreter's own end.
STOP_SECONDS = GRACE_SECONDS + 4
BOOKINGS = "/v1/metrics/bookings?include_time_series=true"


@pytest.fixture
def environ(ingestion_environ: dict[str, str], redis_url: str) -> dict[str, str]:
    """The settings of a whole service with a short grace period."""
    return {
        **ingestion_environ,
        "REDIS_URL": redis_url,
        "HOST": "127.0.0.1",
        "PORT": "0",
        "KAFKA_SESSION_TIMEOUT_MS": "2000",
        "SHUTDOWN_GRACE_SECONDS": f"{GRACE_SECONDS:g}",
    }


@asynccontextmanager
async def serving(rig: Rig, environ: dict[str, str], folder: Path) -> AsyncIterator[tuple[Process, Served]]:
    """A service that stores a steady load while the block runs; what is left when it ends, another one stores."""
    async with (
        load(rig.bootstrap, rig.topics.events(), ride_messages(RATE * 40), rate=RATE),
        running("serve", environ=environ, log=folder / "first.log") as process,
    ):
        served = await beside(consuming(process))
        await beside(eventually(lambda: served.events("stored") > RATE // 5, every=ASK_SECONDS))
        yield process, served


async def beside(waiting: Coroutine[Any, Any, T]) -> T:
    """Wait in a loop of another thread: proxies are in this one, and questions over HTTP would block them."""
    return await asyncio.to_thread(asyncio.run, waiting)


async def wrong(rig: Rig, environ: dict[str, str], folder: Path) -> list[object]:
    """What is not stored once after another service, with nothing in its way, has stored what was left."""
    environ = {**environ, "CLICKHOUSE_PORT": str(rig.database.port)}
    async with (
        running("serve", environ=environ, log=folder / "second.log"),
        looking(rig.settings.kafka) as looker,
    ):
        await looker.until_stored()
    known = await asyncio.to_thread(ledger.read, rig.bootstrap, rig.topics)
    stored = await asyncio.to_thread(ledger.stored, rig.database)
    return [*known.differences(stored), *await differences(rig.settings, rig.clickhouse)]


async def ask(served: Served, answers: set[int | str]) -> None:
    """Ask one question after the other, until nobody listens any more, and note how each was answered."""
    async with httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0)) as client:
        while True:
            try:
                answers.add((await client.get(served.url + BOOKINGS, timeout=10)).status_code)
            except (httpx.ConnectError, httpx.ReadError):
                return
            except httpx.TransportError as error:
                answers.add(repr(error))


async def stopped(
    process: Process, *signals: signal.Signals, within: float = STOP_SECONDS
) -> tuple[int, bool]:
    """Send the signals, a moment apart; the exit code, and whether it ended `within` so long of the last."""
    for number in signals:
        process.send(number)
        await asyncio.sleep(0.3)
    begun = time.monotonic()
    code = await process.ended(within=within + 20)
    return code, time.monotonic() - begun < within


async def test_asked_to_stop_under_load_it_fails_no_request_ends_its_inserts_and_leaves_the_group(
    rig: Rig, environ: dict[str, str], tmp_path: Path
) -> None:
    answers: set[int | str] = set()
    unhurried = {**environ, "SHUTDOWN_GRACE_SECONDS": "10"}
    async with (
        serving(rig, unhurried, tmp_path) as (process, served),
        looking(rig.settings.kafka) as looker,
    ):
        asking = [asyncio.create_task(ask(served, answers)) for _ in range(4)]
        await asyncio.sleep(0.5)
        ended = await stopped(process, signal.SIGTERM, within=14)
        await asyncio.gather(*asking)
        open_inserts = [place for place in (await looker.look()).values() if place.intent]
        members = await looker.members()
    assert (ended, answers, open_inserts, members) == ((0, True), {200}, [], set()), process.text()
    assert await wrong(rig, environ, tmp_path) == []


async def test_a_second_signal_ends_it_at_once_and_nothing_is_lost_or_doubled(
    rig: Rig, environ: dict[str, str], tmp_path: Path
) -> None:
    async with Proxy(rig.database.host, rig.database.port) as proxy:
        through = {**environ, "CLICKHOUSE_PORT": str(proxy.port)}
        async with serving(rig, through, tmp_path) as (process, _):
            proxy.arm(Fault.HANG, after=0)
            await asyncio.sleep(1)
            code, _ = await stopped(process, signal.SIGTERM, signal.SIGTERM)
    assert (code, await wrong(rig, environ, tmp_path)) == (128 + signal.SIGTERM, [])


async def test_a_clickhouse_that_hangs_cannot_keep_it_from_ending(
    rig: Rig, environ: dict[str, str], tmp_path: Path
) -> None:
    async with Proxy(rig.database.host, rig.database.port) as proxy:
        through = {**environ, "CLICKHOUSE_PORT": str(proxy.port)}
        async with serving(rig, through, tmp_path) as (process, _):
            proxy.arm(Fault.HANG, after=0)
            await asyncio.sleep(1)
            _, in_time = await stopped(process, signal.SIGTERM)
    assert (in_time, await wrong(rig, environ, tmp_path)) == (True, []), process.text()


async def test_a_broker_that_hangs_cannot_keep_it_from_ending(
    rig: Rig, environ: dict[str, str], kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    async with serving(rig, environ, tmp_path) as (process, _):
        kafka_broker.pause()
        try:
            await asyncio.sleep(1)
            _, in_time = await stopped(process, signal.SIGTERM)
        finally:
            kafka_broker.resume()
    assert (in_time, await wrong(rig, environ, tmp_path)) == (True, []), process.text()


@pytest.mark.parametrize(
    ("variable", "without"),
    [("CLICKHOUSE_PORT", 503), ("KAFKA_BOOTSTRAP_SERVERS", 200), ("REDIS_URL", 200), ("DATABASE_URL", 200)],
)
async def test_it_begins_without_any_one_of_its_servers_and_is_whole_when_that_comes(
    ingestion_environ: dict[str, str],
    redis_url: str,
    postgres_url: str,
    tmp_path: Path,
    variable: str,
    without: int,
) -> None:
    environ = {**ingestion_environ, "REDIS_URL": redis_url, "DATABASE_URL": postgres_url, "PORT": "0"}
    port = re.search(r"\d{4,}", environ[variable])
    assert port is not None
    async with Proxy("127.0.0.1", int(port[0])) as proxy:
        proxy.arm(Fault.RESET, after=0)
        away = {**environ, variable: environ[variable].replace(port[0], str(proxy.port))}
        async with running("serve", environ=away, log=tmp_path / "serve.log") as process:
            served = await listening(process)
            expected = "degraded" if without == 200 else "critical"
            await beside(eventually(lambda: state(served) == expected, every=ASK_SECONDS))
            found = [await asyncio.to_thread(served.status, f"/health/{what}") for what in ("live", "ready")]
            proxy.mend()
            await beside(eventually(lambda: state(served) == "healthy", within=START_SECONDS))
            restarts = served.metric("openride_actor_restarts_total")
    assert (found, restarts) == ([200, without], 0), process.text()


def state(served: Served) -> str:
    """What readiness says in a word."""
    return str(served.get("/health/ready").json()["status"])

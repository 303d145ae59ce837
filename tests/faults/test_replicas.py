"""Replicas that share a consumer group and come, go, die and hang under a steady load."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support import ledger
from tests.support.auditing import differences
from tests.support.durations import SCALE, lasting
from tests.support.fleet import Fleet, fleet
from tests.support.ingestion import Rig
from tests.support.load import load, ride_messages
from tests.support.progress import Looker, Progress, looking, watching

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.kafka,
    pytest.mark.timeout(lasting(1200, least=180)),
]

PARTITIONS = 18  # of the six topics together
RATE = 5_000 if SCALE == 1 else 800  # events a second
SESSION_SECONDS = lasting(10, least=2)
STALL_SECONDS = 30.0  # what is promised of a partition that loses its owner
SEED = 20


@pytest.fixture
def environ(ingestion_environ: dict[str, str]) -> dict[str, str]:
    """Members are missed after SESSION_SECONDS; nothing expires, however old the rides are."""
    return {
        **ingestion_environ,
        "INGEST_BATCH_SIZE": "10000",
        "KAFKA_SESSION_TIMEOUT_MS": f"{SESSION_SECONDS * 1000:.0f}",
        "METRICS_RETENTION_DAYS": "3650",
        "LOCATION_RETENTION_DAYS": "3650",
    }


class Scene:
    """Replicas under a steady load, and what is seen of them."""

    def __init__(self, rig: Rig, replicas: Fleet, looker: Looker, progress: Progress) -> None:
        self.rig = rig
        self.fleet = replicas
        self.looker = looker
        self.progress = progress

    async def wrong(self) -> list[object]:
        """What is not as if nothing had happened: stored not once, offsets gone back, a partition at a halt."""
        kafka = self.rig.settings.kafka
        known = await asyncio.to_thread(ledger.read, kafka.bootstrap_servers, kafka.topics)
        assert known.messages > 0
        return [
            *known.differences(await asyncio.to_thread(ledger.stored, self.rig.database)),
            *await differences(self.rig.settings, self.rig.clickhouse),
            *self.progress.rewinds,
            *(stall for stall in self.progress.stalls.items() if stall[1] > STALL_SECONDS),
        ]


@asynccontextmanager
async def scene(rig: Rig, environ: dict[str, str], folder: Path, replicas: int) -> AsyncIterator[Scene]:
    """So many replicas that share the partitions, and a load; in the end, all that was sent is stored."""
    kafka = rig.settings.kafka
    async with (
        fleet(environ, folder, replicas) as running,
        looking(kafka) as looker,
        watching(looker) as progress,
    ):
        await running.until_shared(PARTITIONS)
        messages = ride_messages(int(RATE * lasting(1200)))
        async with load(rig.bootstrap, kafka.topics.events(), messages, rate=RATE):
            yield Scene(rig, running, looker, progress)
        await looker.until_stored()


async def test_joining_leaving_dying_and_hanging_replicas_store_each_event_once_and_stall_no_partition(
    rig: Rig, environ: dict[str, str], tmp_path: Path
) -> None:
    """And after each of these, those that are there share all partitions evenly."""
    async with scene(rig, environ, tmp_path, replicas=3) as on:
        shares = [await on.fleet.until_shared(PARTITIONS)]
        shares += await churn(on.fleet, random.Random(SEED), lasting(300))
    uneven = [share for share in shares if max(share.values()) - min(share.values()) > 1]
    assert (uneven, await on.wrong()) == ([], [])


async def test_a_rebalance_storm_changes_nothing(rig: Rig, environ: dict[str, str], tmp_path: Path) -> None:
    # Shorter than the time between two kills: else the group waits for one dead member after the other.
    environ = {**environ, "KAFKA_SESSION_TIMEOUT_MS": "2000"}
    async with scene(rig, environ, tmp_path, replicas=2) as on:
        await storm(on.fleet, random.Random(SEED), lasting(300))
    assert await on.wrong() == []


async def churn(replicas: Fleet, rng: random.Random, seconds: float) -> list[dict[str, int]]:
    """One replica joins, one leaves, one dies and is replaced, one hangs for longer than its session: each in
    turn and seen through, in any order, again and again for so many seconds, and each at least once. How many
    partitions each replica had after each of them."""
    names = (f"joined-{n}" for n in itertools.count())
    shares: list[dict[str, int]] = []

    async def shared() -> None:
        # Until the group misses who is gone, until the others notice that, and while they finish what they have.
        shares.append(await replicas.until_shared(PARTITIONS, within=SESSION_SECONDS * 1.2 + 60))

    async def join() -> None:
        replicas.start(next(names))

    async def leave() -> None:
        assert await replicas.leave(rng.choice(sorted(replicas.replicas))) == 0

    async def die() -> None:
        replicas.kill(rng.choice(sorted(replicas.replicas)))
        await shared()  # the others take over
        await join()

    async def hang() -> None:
        name = rng.choice(sorted(replicas.replicas))
        replicas.pause(name)
        await asyncio.sleep(SESSION_SECONDS + 1)
        replicas.resume(name)

    until = time.monotonic() + seconds
    while True:
        for act in rng.sample([join, leave, die, hang], 4):
            await act()
            await shared()
            await asyncio.sleep(lasting(5, least=1))
        if time.monotonic() > until:
            return shares


async def storm(replicas: Fleet, rng: random.Random, seconds: float) -> None:
    """One to three replicas, another number of them at each tick: started, or killed."""
    until = time.monotonic() + seconds
    for n in itertools.count():
        wanted = rng.randint(1, 3)
        while len(replicas.replicas) > wanted:
            replicas.kill(rng.choice(sorted(replicas.replicas)))
        while len(replicas.replicas) < wanted:
            replicas.start(f"spawned-{n}-{len(replicas.replicas)}")
        if time.monotonic() > until:
            return
        await asyncio.sleep(lasting(5, least=2.5))

"""Random faults against replicas under load: `make chaos SEED=7 MINUTES=5`.

A seed gives a schedule: replicas are killed, terminated, hung and joined by another; ClickHouse and the broker are
killed, restarted and hung; connections to ClickHouse fail in every way that the proxy knows, while some messages are
sent twice and some are none. Then everything is mended, and when nothing is left to store: what Kafka has taken must be
what is stored, once, or dead-lettered, or repeated; and every table must agree with the others.
"""

import argparse
import asyncio
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from openride_analytics import kafka
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.settings import Settings, Topics, load
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate
from tests.faults.schedule import REPLICAS, Strike, schedule
from tests.support import ledger
from tests.support.auditing import differences
from tests.support.clickhouse import Database
from tests.support.fleet import Fleet, fleet
from tests.support.kafka_broker import KafkaBroker
from tests.support.load import hostile, ride_messages
from tests.support.load import load as under_load
from tests.support.progress import Looker, Progress, looking, watching
from tests.support.proxy import Fault, Proxy

KINDS = ("user", "booking", "payment", "trip", "route", "location")
DATABASE = "chaos"
RATE = 800.0  # messages a second
REPEATED, BAD = 0.02, 0.005  # shares of the messages
SESSION_MS = 6_000
SLOW_SECONDS = 0.3
CATCH_UP_SECONDS = 180.0
ORCHESTRATOR_SECONDS = 0.5


@dataclass
class Site:
    """All that a strike may hit; each replica has a proxy of its own before ClickHouse."""

    broker: KafkaBroker
    clickhouse: EmbeddedClickHouse
    proxies: dict[str, Proxy]
    fleet: Fleet
    begun: float = field(default_factory=time.monotonic)
    fell: int = 0
    _mending: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def say(self, text: str) -> None:
        """One line with the time since the beginning."""
        print(f"{time.monotonic() - self.begun:8.2f} s  {text}", flush=True)

    def start(self, replica: str) -> None:
        """Start a replica, behind its proxy."""
        proxy = self.proxies[replica.replace("replica", "network")]
        self.fleet.start(replica, CLICKHOUSE_PORT=str(proxy.port))

    async def orchestrate(self) -> None:
        """Start again whatever ends unasked."""
        while True:
            for name in self.fleet.fallen():
                self.fell += 1
                self.say(f"{name} ended by itself; started again")
                self.start(name)
            await asyncio.sleep(ORCHESTRATOR_SECONDS)

    async def strike(self, strike: Strike) -> None:
        """Let it happen, at its time and for as long as it lasts, and mend it."""
        await asyncio.sleep(self.begun + strike.at - time.monotonic())
        ways = {
            "replica": self._replica,
            "network": self._network,
            "clickhouse": self._clickhouse,
            "broker": self._broker,
        }
        way = ways[strike.target.partition("-")[0]]
        async with self._mending[strike.target]:  # a server may take longer to come back than was foreseen
            self.say(str(strike))
            async with way(strike):
                await asyncio.sleep(strike.seconds)
            self.say(f"{strike.target} mended")

    @asynccontextmanager
    async def _replica(self, strike: Strike) -> AsyncIterator[None]:
        name = strike.target
        if strike.what == "started":
            self.start(name)
            yield
            await self.fleet.leave(name)
        elif strike.what == "hung":
            self.fleet.pause(name)
            yield
            self.fleet.resume(name)
        else:
            await self.fleet.leave(name) if strike.what == "terminated" else self.fleet.kill(name)
            yield
            self.start(name)

    @asynccontextmanager
    async def _network(self, strike: Strike) -> AsyncIterator[None]:
        proxy = self.proxies[strike.target]
        if strike.what == "slow":
            proxy.delay = SLOW_SECONDS
        else:
            proxy.arm(Fault[strike.what.upper()], after=strike.after)
        yield
        proxy.delay = 0
        proxy.mend()
        proxy.reset_all()

    @asynccontextmanager
    async def _clickhouse(self, strike: Strike) -> AsyncIterator[None]:
        assert self.clickhouse.pid is not None
        server = psutil.Process(self.clickhouse.pid)
        if strike.what == "hung":
            server.send_signal(signal.SIGSTOP)
            yield
            server.send_signal(signal.SIGCONT)
        else:
            server.kill()
            await self.clickhouse.stop()
            yield
            await self.clickhouse.start()

    @asynccontextmanager
    async def _broker(self, strike: Strike) -> AsyncIterator[None]:
        if strike.what == "hung":
            self.broker.pause()
            yield
            self.broker.resume()
        else:
            down = self.broker.kill if strike.what == "killed" else self.broker.stop
            await asyncio.to_thread(down)
            yield
            await asyncio.to_thread(self.broker.start)


async def run(seed: int, seconds: float, folder: Path) -> list[str]:
    """One run; logs go to `folder`. What is wrong in the end, one line each. Raises Unavailable without Kafka."""
    async with AsyncExitStack() as stack:
        broker = KafkaBroker(folder / "kafka")
        stack.callback(broker.kill)
        await asyncio.to_thread(broker.start)
        clickhouse = await stack.enter_async_context(
            EmbeddedClickHouse(folder / "clickhouse", database=DATABASE)
        )
        environ = _environ(broker, clickhouse)
        settings = load(environ)
        await kafka.create_topics(settings)
        client = ClickHouse(settings.clickhouse)
        stack.push_async_callback(client.close)
        await client.open()
        await migrate(client, settings)
        proxies = {
            f"network-{n}": await stack.enter_async_context(Proxy("127.0.0.1", clickhouse.port))
            for n in range(REPLICAS + 1)
        }
        replicas = await stack.enter_async_context(fleet(environ, folder))
        site = Site(broker, clickhouse, proxies, replicas)
        looker = await stack.enter_async_context(looking(settings.kafka))
        async with watching(looker) as progress:
            sent = await _storm(site, settings, seed, seconds)
            wrong = await _settle(site, looker)
        return [*wrong, *await _account(site, settings, client, progress, sent)]


def _environ(broker: KafkaBroker, clickhouse: EmbeddedClickHouse) -> dict[str, str]:
    return {
        **clickhouse.env(),
        "APP_ENV": "test",
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "KAFKA_CONSUMER_GROUP_ID": "chaos",
        "KAFKA_TOPIC_EPOCH": "chaos",
        "KAFKA_SESSION_TIMEOUT_MS": str(SESSION_MS),
        "INGEST_FLUSH_INTERVAL_MS": "300",
        "METRICS_RETENTION_DAYS": "3650",
        "LOCATION_RETENTION_DAYS": "3650",
    }


async def _storm(site: Site, settings: Settings, seed: int, seconds: float) -> int:
    """Load and faults for so many seconds, and until all of them are mended; how many messages were sent."""
    strikes = schedule(seed, seconds)
    messages = hostile(
        ride_messages(int(RATE * seconds * 2)), random.Random(f"load {seed}"), repeated=REPEATED, bad=BAD
    )
    for n in range(REPLICAS):
        site.start(f"replica-{n}")
    topics = settings.kafka.topics.events()
    async with under_load(site.broker.bootstrap, topics, messages, rate=RATE) as sending:
        site.begun = time.monotonic()
        orchestrator = asyncio.create_task(site.orchestrate())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(seconds))
                for strike in strikes:
                    group.create_task(site.strike(strike))
        finally:
            orchestrator.cancel()
            await asyncio.gather(orchestrator, return_exceptions=True)
    return len(sending.sent)


async def _settle(site: Site, looker: Looker) -> list[str]:
    """Nothing fails any more: wait until all is stored."""
    site.say("all mended; waiting until nothing is left")
    orchestrator = asyncio.create_task(site.orchestrate())
    try:
        await looker.until_stored(within=CATCH_UP_SECONDS)
    except AssertionError as error:
        return [str(error)]
    finally:
        orchestrator.cancel()
        await asyncio.gather(orchestrator, return_exceptions=True)
    return []


async def _account(
    site: Site, settings: Settings, client: ClickHouse, progress: Progress, sent: int
) -> list[str]:
    topics: Topics = settings.kafka.topics
    known = await asyncio.to_thread(ledger.read, site.broker.bootstrap, topics)
    found = await asyncio.to_thread(ledger.stored, Database("127.0.0.1", site.clickhouse.port, DATABASE))
    counts = {
        "stored": sum(part.total() for part in found.values()),
        "dead-lettered": sum(len(part) for part in known.buried.values()),
        "repeated": sum(len(part) for part in known.repeated.values()),
    }
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    site.say(
        f"sent {sent:,}: {said}; longest stall {progress.longest_stall:.1f} s; {site.fell} ended unasked"
    )
    wrong = [*known.differences(found), *map(str, await differences(settings, client))]
    wrong += [f"{tp.topic}/{tp.partition}: offset went back, {a} to {b}" for tp, a, b in progress.rewinds]
    if not sent == known.messages == sum(counts.values()):
        wrong.append(f"sent {sent}, in Kafka {known.messages}, accounted for {sum(counts.values())}: {said}")
    return wrong


def main() -> int:
    """0 if nothing is wrong, else 1 and what it takes to see it again."""
    parser = argparse.ArgumentParser(description="Random faults against replicas under load.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--minutes", type=float, default=2)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="openride-chaos-"))
    repeat = f"make chaos SEED={arguments.seed} MINUTES={arguments.minutes:g}"
    logging.basicConfig(filename=folder / "clients.log", level=logging.INFO)
    print(repeat, f"(logs: {folder})", flush=True)
    wrong = asyncio.run(run(arguments.seed, arguments.minutes * 60, folder))
    if wrong:
        print(*wrong, f"{len(wrong)} differences; again: {repeat}", sep="\n")
        return 1
    shutil.rmtree(folder)
    print("nothing lost, nothing doubled")
    return 0


if __name__ == "__main__":
    sys.exit(main())

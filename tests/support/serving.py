"""A service that runs as a process, asked over HTTP; how many rows its tables have; a file of rides to send it."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from openride_analytics.simulate.rides import Rides
from tests.support.clickhouse import Database
from tests.support.eventually import eventually
from tests.support.service import Process

START_SECONDS = 30.0
ASK_SECONDS = 0.05  # between two questions: each costs the process that is waited for some of its time
TYPED = {kind: f"{kind}_events" for kind in ("user", "booking", "payment", "trip", "route", "location")}
# Of `serve` as JSON, of `dev` as people read it.
_LISTENING = re.compile(r"""listening(?:"[^\n]*"url":"|\s+url=)([^\s"]+)""")


@dataclass(frozen=True)
class Served:
    """The HTTP side of a process that runs `serve` or `dev`."""

    url: str

    def get(self, path: str) -> httpx.Response:
        return _client().get(f"{self.url}{path}")

    def status(self, path: str) -> int:
        return self.get(path).status_code

    def answer(self, path: str) -> dict[str, Any]:
        """The JSON answer to a question that must succeed, without the moment at which it was given."""
        response = self.get(path)
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        found.pop("generated_at", None)
        return found

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels."""
        lines = self.get("/metrics").text.splitlines(keepends=True)
        own = "".join(line for line in lines if line.startswith(name))  # to parse all takes long
        return sum(
            sample.value
            for family in text_string_to_metric_families(own)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def events(self, outcome: str) -> int:
        """Messages that this process has dealt with so."""
        return int(self.metric("openride_ingest_events_total", outcome=outcome))


@cache
def _client() -> httpx.Client:
    """One for all: to make one takes longer than to ask. Each question has a connection of its own."""
    return httpx.Client(timeout=10, limits=httpx.Limits(max_keepalive_connections=0))


async def listening(process: Process) -> Served:
    """As soon as it answers HTTP; where it does it says itself."""
    await eventually(
        lambda: not process.running or _LISTENING.search(process.text()) is not None, within=START_SECONDS
    )
    found = _LISTENING.search(process.text())
    assert found is not None, process.text()
    return Served(found[1])


async def ready(process: Process) -> Served:
    """As soon as it says that it can do its work."""
    served = await listening(process)
    await eventually(
        lambda: not process.running or served.status("/health/ready") == httpx.codes.OK,
        within=START_SECONDS,
        every=ASK_SECONDS,
    )
    assert process.running, process.text()
    return served


async def consuming(process: Process) -> Served:
    """As soon as it has partitions to store from."""
    served = await ready(process)
    await eventually(
        lambda: served.metric("openride_ingest_partitions", state="running") > 0,
        within=START_SECONDS,
        every=ASK_SECONDS,
    )
    return served


def rows(database: Database) -> dict[str, int]:
    """Rows of `events_raw` and of each typed table; none of a table that is not there yet."""
    with database.client() as client:
        there = {name for (name,) in client.execute("SHOW TABLES")}
        return {
            table: client.execute(f"SELECT count() FROM {table}")[0][0] if table in there else 0
            for table in ("events_raw", *TYPED.values())
        }


def once_each(kinds: Counter[str]) -> dict[str, int]:
    """What `rows` are when so many messages of each kind are stored once."""
    return {"events_raw": kinds.total()} | {table: kinds[kind] for kind, table in TYPED.items()}


async def until_rows(database: Database, check: Callable[[int], bool], *, within: float = 40) -> None:
    """Wait until `check` holds for the number of events stored."""
    await eventually(lambda: check(rows(database)["events_raw"]), within=within)


def write_rides(file: Path, count: int, *, seed: int = 1) -> Counter[str]:
    """Write so many events of the last days, one a line, a tenth of them registrations; how many of each kind."""
    now = datetime.fromtimestamp(time.time(), UTC)
    world = Rides(
        seed=seed, drivers=count // 100, riders=count // 10, first_day=now.date() - timedelta(days=6)
    )
    told = list(islice(chain(world.prelude(), world.until(now)), count))
    assert len(told) == count, f"the simulated days have only {len(told)} events"
    file.write_bytes(b"".join(one.encode() + b"\n" for one in told))
    return Counter(one.kind for one in told)

"""A backlog as fast as it goes: one service process from its start until the last row can be queried."""

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.figures import Figure, cpu_seconds, say
from tests.bench.servers import KINDS, Servers, warehouse
from tests.support.service import Process, running

LOOK_SECONDS = 0.1
LIMIT_SECONDS = 900
STAGES = ("decode", "build", "encode")

TYPED = "SELECT " + " + ".join(f"(SELECT count() FROM {kind}_events)" for kind in KINDS) + " AS n"


@dataclass
class Backlog:
    """One run: seconds from the start of the process to its first and its last row; CPU seconds; bytes."""

    first: float
    last: float
    early: int  # rows there when the first were seen
    cpu: dict[str, float]  # of service, clickhouse, kafka; and of the service's stages
    lag: float  # the loop was later than this in one of a hundred looks
    memory: int


async def store_backlog(
    site: Servers, total: int, run: int, more: Mapping[str, str] = MappingProxyType({})
) -> Backlog:
    """Have a new consumer group store all that the topics hold into a database of its own; with `more` settings."""
    environ = {**site.environ(f"bench_backlog_{run}", topics="backlog"), **more}
    async with warehouse(environ) as (_, client):
        before, begun, early, first, memory = site.cpu(), time.monotonic(), 0, 0.0, 0
        at_first: list[Any] = []
        async with running("serve", "--roles", "ingest", environ=environ, log=site.folder / "log") as service:
            while True:
                stored = int((await client.select("SELECT count() AS n FROM events_raw")).one()["n"])
                if stored >= total:
                    stored = int((await client.select(TYPED)).one()["n"])
                now = time.monotonic() - begun
                if stored and not early:
                    early, first, at_first = stored, now, await metrics(environ)
                memory = max(memory, psutil.Process(service.pid).memory_info().rss)
                if stored >= total:
                    break
                check(service, now)
                await asyncio.sleep(LOOK_SECONDS)
            after = site.cpu()
            said = await metrics(environ)
            cpu = {
                "service": cpu_seconds(service.pid),
                "clickhouse": after[0] - before[0],
                "kafka": after[1] - before[1],
                **{
                    stage: total_of(said, "openride_ingest_cpu_seconds_total", stage=stage)
                    for stage in STAGES
                },
            }
            service.send(signal.SIGTERM)
            await service.ended()
        say(f"ingest: backlog of {total:,} in {now:.1f} s")
        return Backlog(first, now, early, cpu, loop_lag(said, at_first), memory)


def figures_of(best: Backlog, total: int) -> list[Figure]:
    """What a run says, as figures."""
    steady = (total - best.early) / (best.last - best.first) if best.last > best.first else 0.0
    note = f"{total:,} events; start-up and {best.first:.1f} s to the first rows included"
    rest = best.cpu["service"] - sum(best.cpu[stage] for stage in STAGES)
    stages = {**{stage: best.cpu[stage] for stage in STAGES}, "fetch, send, commit and the rest": rest}
    return [
        Figure("ingest", "from start to last row", total / best.last, "events/s", note),
        Figure("ingest", "from first to last row", steady, "events/s"),
        *(
            Figure(
                "ingest",
                f"CPU of {name}",
                1e6 * best.cpu[name] / total,
                "us/event",
                f"{best.cpu[name] / best.last:.2f} cores",
            )
            for name in ("service", "clickhouse", "kafka")
        ),
        *(
            Figure("ingest", f"CPU of service: {name}", 1e6 * used / total, "us/event")
            for name, used in stages.items()
        ),
        Figure("ingest", "loop lag p99 at full speed", best.lag * 1000, "ms", "at most"),
        Figure("ingest", "most memory of the service", best.memory / 2**20, "MiB", "resident"),
    ]


async def metrics(environ: dict[str, str]) -> list[Any]:
    """Every sample of the service's /metrics."""
    async with httpx.AsyncClient() as client:
        said = await client.get(f"http://127.0.0.1:{environ['PORT']}/metrics", timeout=10)
    return [sample for family in text_string_to_metric_families(said.text) for sample in family.samples]


def total_of(samples: list[Any], name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return float(sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items()))


def loop_lag(samples: list[Any], before: list[Any] | None = None) -> float:
    """The least bound of the histogram (s) that 99 of 100 looks since `before` did not pass."""
    bucket = "openride_event_loop_lag_seconds_bucket"
    counts = {s.labels["le"]: s.value for s in samples if s.name == bucket}
    for sample in before or []:
        if sample.name == bucket:
            counts[sample.labels["le"]] -= sample.value
    return min(float(bound) for bound, count in counts.items() if count >= 0.99 * counts["+Inf"])


def check(service: Process, waited: float) -> None:
    """Raise RuntimeError, with what the service said last, if it has ended or takes too long."""
    if not service.running or waited > LIMIT_SECONDS:
        raise RuntimeError(f"the service has ended or hangs; its log ends:\n{service.text()[-3000:]}")

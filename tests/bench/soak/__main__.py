"""Hold the whole service under everything it does, and see whether anything grows.

Simulated rides go into a real Kafka while questions are asked, files exported and reports mailed. In the end all that
was sent must be stored once: 1 if the audit says otherwise, else 0, for how much grows is for the reader to judge.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from openride_analytics import kafka
from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.embedded.postgres import EmbeddedPostgres
from openride_analytics.embedded.redis import EmbeddedRedis
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.figures import say
from tests.bench.servers import Servers, servers, warehouse
from tests.bench.soak.samples import Sample, Sampler
from tests.bench.soak.times import Times
from tests.bench.soak.told import draw, table
from tests.bench.soak.work import Callers
from tests.bench.startup import until_ready
from tests.support.auditing import differences
from tests.support.progress import looking
from tests.support.service import Process, running
from tests.support.serving import Served

GRAPH = Path(__file__).parent.parent / "soak.svg"
PEOPLE = ("--days", "1", "--drivers", "2000", "--riders", "20000")
SETTLE_SECONDS = 300.0


async def soak(rate: float, times: Times) -> tuple[list[Sample], Callers, list[str]]:
    """One run: what was seen, what callers were answered, and what the audit found wrong."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(servers("kafka", "soak"))
        environ = await _environ(stack, site)
        settings, clickhouse = await stack.enter_async_context(warehouse(environ))
        await kafka.create_topics(settings)
        url = f"http://127.0.0.1:{environ['PORT']}"
        service = await stack.enter_async_context(
            running("serve", environ=environ, log=site.folder / "serve.log")
        )
        await until_ready(url, service)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
        callers = Callers(client, times)
        sampler = Sampler(service.pid, Served(url), clickhouse, lambda: callers.p95_ms)
        say(f"soak: {rate:,.0f} events/s for {times.whole / 60:g} minutes")
        async with _simulated(environ, site.folder, rate) as simulation:
            await _for(times, service, simulation, callers, sampler)
        return sampler.samples, callers, await _wrong(settings, clickhouse)


async def _environ(stack: AsyncExitStack, site: Servers) -> dict[str, str]:
    """The settings of a service with all roles, whose other servers run too now."""
    redis = await stack.enter_async_context(EmbeddedRedis(site.folder / "redis"))
    postgres = await stack.enter_async_context(EmbeddedPostgres(site.folder / "postgres"))
    mail = await stack.enter_async_context(EmbeddedMail(site.folder / "mail"))
    return {
        **site.environ("soak", topics="soak"),
        **redis.env(),
        **postgres.env(),
        **mail.env(),
        "EXPORT_TEMP_DIR": str(site.folder / "exports"),
        "RATE_LIMIT_PER_MINUTE": "0",
    }


@asynccontextmanager
async def _simulated(environ: dict[str, str], folder: Path, rate: float) -> AsyncIterator[Process]:
    """Today's rides until now as fast as they go, then `rate` events a second; told to end afterwards."""
    command = ("simulate", "--rate", f"{rate:g}", *PEOPLE)
    async with running(*command, environ=environ, log=folder / "simulate.log") as simulation:
        yield simulation
        simulation.send(signal.SIGTERM)
        await simulation.ended()


async def _for(
    times: Times, service: Process, simulation: Process, callers: Callers, sampler: Sampler
) -> None:
    """Let all go on. Raises RuntimeError, with what it said last, if a process ends before its time."""
    tasks = [asyncio.create_task(callers.run()), asyncio.create_task(sampler.run(times.sample))]
    try:
        await asyncio.wait(tasks, timeout=times.whole, return_when=asyncio.FIRST_EXCEPTION)
        for process in (service, simulation):
            if not process.running:
                raise RuntimeError(f"a process has ended; its log ends:\n{process.text()[-3000:]}")
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wrong(settings: Settings, clickhouse: ClickHouse) -> list[str]:
    """Wait until all that was sent is stored; then what the audit says."""
    say("soak: waiting until all is stored, then the audit")
    async with looking(settings.kafka) as looker:
        await looker.until_stored(within=SETTLE_SECONDS)
    return [str(check) for check in await differences(settings, clickhouse)]


def main() -> int:
    """0 if the audit is clean, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="[30]")
    parser.add_argument("--rate", type=float, default=2000, help="events a second [2000]")
    parser.add_argument("--graph", type=Path, default=GRAPH, help="where the SVG goes [tests/bench/soak.svg]")
    options = parser.parse_args()
    samples, callers, wrong = asyncio.run(soak(options.rate, Times(options.minutes * 60)))
    draw(samples, f"{options.rate:,.0f} events/s for {options.minutes:g} minutes", options.graph)
    print(table(samples))
    for what in sorted(callers.done | callers.failed):
        print(f"{callers.done[what]:,} {what}s answered, {callers.failed[what]:,} failed")
    print(*wrong, f"audit: {len(wrong)} differences" if wrong else "audit: clean", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

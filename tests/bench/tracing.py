"""What tracing costs ingestion: the same backlog without it and with it, in turn."""

import asyncio
from collections.abc import Callable

from openride_analytics import kafka
from openride_analytics.settings import load
from tests.bench.backlog import Backlog, store_backlog
from tests.bench.figures import Figure, quantile, say
from tests.bench.load import rides, send
from tests.bench.servers import servers
from tests.support.collector import collecting


async def measure(events: int, runs: int) -> list[Figure]:
    """The median of each, and by how much they differ; traces are sampled as by default."""
    without: list[Backlog] = []
    traced: list[Backlog] = []
    async with servers("kafka", "backlog") as site:
        settings = load(site.environ("bench", topics="backlog"))
        await kafka.create_topics(settings)
        say(f"tracing: sending {events:,} events, each of a trace of its own")
        topics = settings.kafka.topics.events()
        await asyncio.to_thread(send, site.bootstrap, topics, rides(events), traced=True)
        with collecting() as collector:
            for run in range(runs):
                without.append(await store_backlog(site, events, 2 * run))
                where = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
                traced.append(await store_backlog(site, events, 2 * run + 1, where))
            spans = len(collector.spans) / runs
    return [
        *_compared("events/s", without, traced, lambda run: events / run.last),
        *_compared("us/event", without, traced, lambda run: 1e6 * run.cpu["service"] / events),
        Figure("tracing", "spans that came, a run", spans, ""),
    ]


def _compared(
    unit: str, without: list[Backlog], traced: list[Backlog], of: Callable[[Backlog], float]
) -> list[Figure]:
    before, after = (quantile([of(run) for run in runs], 0.5) for runs in (without, traced))
    return [
        Figure("tracing", "without traces", before, unit),
        Figure("tracing", "with traces", after, unit, f"{100 * (after / before - 1):+.1f} %"),
    ]

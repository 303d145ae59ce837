"""Kafka to queryable rows: a backlog as fast as it goes, what its stages can do alone, and delays at steady rates.

The service is `serve --roles ingest`, a process of its own, against a broker and the embedded ClickHouse. Each
row counts once it can be read both from events_raw and from its typed table.
"""

import asyncio
from collections.abc import Sequence

from openride_analytics import kafka
from openride_analytics.settings import load
from tests.bench.backlog import figures_of, store_backlog
from tests.bench.figures import Figure, say
from tests.bench.first_try import first_try, floor
from tests.bench.load import rides, send
from tests.bench.servers import servers, warehouse
from tests.bench.stages import alone
from tests.bench.steady import at_rates

EMBEDDED_MOST = 40_000  # about what the embedded broker holds of this mix before it forgets the oldest
STAGES_MOST = 200_000


async def measure(
    events: int, broker: str, rates: Sequence[tuple[int, int]], runs: int, *, compare: bool
) -> list[Figure]:
    """All figures; `rates` are events a second, and for how many seconds each is kept."""
    total = min(events, EMBEDDED_MOST) if broker == "embedded" else events
    few = min(total, STAGES_MOST)
    async with servers(broker, "backlog", "steady") as site:
        settings = load(site.environ("bench", topics="backlog"))
        await kafka.create_topics(settings)
        say(f"ingest: sending {total:,} events to {broker}")
        await asyncio.to_thread(send, site.bootstrap, settings.kafka.topics.events(), rides(total))
        backlogs = [await store_backlog(site, total, run) for run in range(runs)]
        best = min(backlogs, key=lambda run: run.last)
        figures = [*figures_of(best, total), *await alone(site, settings, few)]
        share = total / best.last / figures[-1].value
        figures.append(Figure("ingest", "end to end, of its stages in turn", share, "", "at least 0.6"))
        if compare:
            async with warehouse(site.environ("bench_first", topics="backlog")) as (chosen, _):
                figures.append(await asyncio.to_thread(first_try, chosen, few))
            figures.append(await asyncio.to_thread(floor, few))
        figures += await at_rates(site, rates)
    return figures

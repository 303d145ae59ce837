"""Rows a second into each landing table, through all the views behind it; and the same without the wire.

The second way fills a table in ClickHouse's memory once and inserts from it, so that neither the client's
encoding nor the embedded server's decoding takes part: what is left is the engine with the views.
"""

import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.columns import columns_of
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.figures import Figure, cpu_seconds, say
from tests.bench.load import rides
from tests.bench.servers import KINDS, servers, warehouse

SIZES = (1_000, 10_000)
MESSAGES = 60_000  # the rows are taken from; a kind that has fewer than a batch repeats its own under new ids
ENGINE: dict[str, str | int] = {
    "async_insert": 0,
    "deduplicate_insert": "disable",
    "min_insert_block_size_rows": 1 << 20,
}


def columns(kind: str, values: Sequence[bytes], *, first: int) -> dict[str, Sequence[Any]]:
    """What ingestion would insert of these messages at the offsets from `first` on, each under a new id."""
    decode, now, n = Decoder(kind, 1 << 20, 730), time.time(), len(values)
    typed, order = columns_of(kind, [decode(value, now) for value in values])
    return {
        "event_id": [uuid4() for _ in order],
        "metadata": [values[i] for i in order],
        "kafka_epoch": ["bench"] * n,
        "kafka_topic": [f"openride.events.{kind}"] * n,
        "kafka_partition": [0] * n,
        "kafka_offset": [first + i for i in order],
        **typed,
    }


async def measure(runs: int) -> list[Figure]:
    """For each kind and size: rows/s of the whole insert, CPU of both sides, and rows/s of the engine."""
    messages = list(rides(MESSAGES))
    figures: list[Figure] = []
    async with servers(None) as site, warehouse(site.environ("bench_insert", topics="bench")) as (_, client):
        assert site.clickhouse.pid is not None
        for kind in KINDS:
            values = [message.value for message in messages if message.kind == kind]
            for size in SIZES:
                say(f"insert: {kind}, {size:,} rows")
                taken = list(islice(cycle(values), size))
                figures.append(await _wire(client, site.clickhouse.pid, kind, taken, runs))
                figures.append(await _engine(client, kind, taken, runs))
    return figures


async def _wire(client: ClickHouse, server: int, kind: str, values: Sequence[bytes], runs: int) -> Figure:
    best, ours, theirs, n = float("inf"), 0.0, 0.0, len(values)
    for run in range(runs + 1):  # the first one only warms up
        block = columns(kind, values, first=run * n)
        cpu, begun = (time.process_time(), cpu_seconds(server)), time.monotonic()
        await client.insert(f"landing_{kind}", block, token=f"{kind}-{n}-{run}", timeout=60)
        if run:
            best = min(best, time.monotonic() - begun)
            ours, theirs = ours + time.process_time() - cpu[0], theirs + cpu_seconds(server) - cpu[1]
    per_row = 1e6 / runs / n
    note = f"CPU a row: client {ours * per_row:.1f} us, server {theirs * per_row:.1f} us"
    return Figure("insert", f"{kind}, batches of {n:,}", n / best, "rows/s", note)


async def _engine(client: ClickHouse, kind: str, values: Sequence[bytes], runs: int) -> Figure:
    n, source, landing = len(values), f"bench_{kind}_{len(values)}", f"landing_{kind}"
    names = {source, landing}
    await client.execute(
        "CREATE TABLE {s:Identifier} ENGINE = Memory AS {l:Identifier}",
        {"s": source, "l": landing},
        identifiers=names,
    )
    await client.insert(source, columns(kind, values, first=0), token=None, timeout=60)
    best = float("inf")
    for _ in range(runs):
        begun = time.monotonic()
        await client.execute(
            "INSERT INTO {l:Identifier} SELECT * FROM {s:Identifier}",
            {"s": source, "l": landing},
            identifiers=names,
            settings=ENGINE,
        )
        best = min(best, time.monotonic() - begun)
    return Figure("insert", f"{kind}, batches of {n:,}, engine alone", n / best, "rows/s")

"""Exports as their callers have them: asked of a running service until the file is whole, beside what others make.

Twelve columns of payments: those of `population`, told again and again under other ids.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx

from openride_analytics.embedded.redis import EmbeddedRedis
from openride_analytics.store.clickhouse import ClickHouse
from tests.bench import rivals
from tests.bench.figures import Figure, quantile, say
from tests.bench.population import DAYS, populate
from tests.bench.servers import Servers, servers, warehouse
from tests.bench.startup import until_ready
from tests.bench.watching import Dashboard, Memory, memory_of
from tests.support.service import Process, running

DATABASE = "bench_exports"
COLUMNS = (
    "event_id event_type event_timestamp payment_id booking_id rider_id amount currency payment_method provider "
    "processing_time_ms error_code"
).split()
EVENTS = 1_000_000  # of the population: one in six is a payment
IDLE_SECONDS = 15.0
LOOK_SECONDS = 0.05
LIMIT_SECONDS = 1800.0
QUICK_TRIES = 10
MEMORY_MIB, LATENCY_TIMES, FIRST_BYTE_MS = 300, 2, 200


class Form(NamedTuple):
    """One kind of file: how it is asked for, of how many rows, and how many a second it should be at least."""

    name: str
    asked: dict[str, str]
    rows: int
    goal: int | None = None


def forms(rows: int) -> list[Form]:
    """Fewer rows where nobody asks for so many, or where it would only take longer."""
    return [
        Form("CSV", {"format": "csv"}, rows, 200_000),
        Form("CSV, gzip", {"format": "csv", "compression": "gzip"}, rows),
        Form("JSONL", {"format": "jsonl"}, min(rows, 2_000_000)),
        Form("Parquet", {"format": "parquet"}, rows, 500_000),
        Form("Excel", {"format": "excel"}, min(rows, 100_000), 10_000),
    ]


async def measure(rows: int) -> list[Figure]:
    """One run of everything."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(servers(None))
        redis = await stack.enter_async_context(EmbeddedRedis(site.folder / "redis"))
        environ = {
            **site.environ(DATABASE, topics="none"),
            **redis.env(),
            "EXPORT_TEMP_DIR": str(site.folder / "exports"),
            "EXPORT_MAX_ROWS": "1000000000",
            "RATE_LIMIT_PER_MINUTE": "0",
        }
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        async with warehouse(environ) as (_, client):
            await populate(client, EVENTS, now)
            await _multiply(client, rows)
            figures = await _of_service(site, environ, rows, now)
            await site.clickhouse.stop()  # its data are one process's at a time
            try:
                figures += await rivals.measure(site, DATABASE, COLUMNS, rows)
            finally:
                await site.clickhouse.start()
        return figures


async def _multiply(client: ClickHouse, rows: int) -> None:
    """As many payments, and a few more, some milliseconds apart."""
    there = int((await client.select("SELECT count() AS n FROM payment_events")).one()["n"])
    again = rows // there
    say(f"exports: {there * (again + 1):,} payments")
    await client.execute(
        "INSERT INTO payment_events SELECT * REPLACE ("
        "reinterpretAsUUID(sipHash128(event_id, copy)) AS event_id, "
        "reinterpretAsUUID(sipHash128(payment_id, copy)) AS payment_id, '' AS metadata, "
        "event_timestamp - toIntervalMillisecond(copy) AS event_timestamp) "
        f"EXCEPT copy FROM (SELECT *, arrayJoin(range(1, {again} + 1)) AS copy FROM payment_events)",
        settings={"max_insert_threads": 1, "max_block_size": 100_000, "max_partitions_per_insert_block": 0},
        timeout=1800,
    )


async def _of_service(site: Servers, environ: dict[str, str], rows: int, now: datetime) -> list[Figure]:
    base = f"http://127.0.0.1:{environ['PORT']}"
    async with (
        running("serve", "--roles", "api,exports", environ=environ, log=site.folder / "log") as service,
        httpx.AsyncClient(base_url=base, timeout=60) as client,
    ):
        await until_ready(base, service)
        figures = await _quick(client, now)
        for form in forms(rows):
            async with memory_of(service.pid) as memory:
                told = await _made(client, service, form, now)
            figures += _figures(form, told, memory)
        figures += await _latencies(client, service, forms(rows), now)
    return figures


async def _quick(client: httpx.AsyncClient, now: datetime) -> list[Figure]:
    """Ten thousand rows at once: the first time, and as often as it takes to know the others."""
    first, whole = [], []
    query = {"dataset": "payment_events", "columns": ",".join(COLUMNS), **_range(now)}
    for _ in range(1 + QUICK_TRIES):
        begun = time.perf_counter()
        async with client.stream("GET", "/v1/exports/quick/csv", params=query) as answer:
            pieces = answer.aiter_raw()
            await anext(pieces)
            first.append(1000 * (time.perf_counter() - begun))
            async for _ in pieces:
                pass
            answer.raise_for_status()
        whole.append(1000 * (time.perf_counter() - begun))
    return [
        Figure("exports", f"quick, 10,000 rows, {name}: {what}", value, "ms", note)
        for what, times, note in (("first byte", first, f"goal: < {FIRST_BYTE_MS}"), ("all of it", whole, ""))
        for name, value in (("cold", times[0]), ("warm, p95", quantile(times[1:], 0.95)))
    ]


async def _made(client: httpx.AsyncClient, service: Process, form: Form, now: datetime) -> dict[str, Any]:
    """Have it made and removed; what its status was in the end. Raises RuntimeError if that is not `completed`."""
    asked = {
        "dataset": "payment_events",
        "columns": COLUMNS,
        "row_limit": form.rows,
        **form.asked,
        **_range(now),
    }
    begun = time.monotonic()
    answer = await client.post("/v1/exports/request", json=asked)
    told: dict[str, Any] = answer.raise_for_status().json()
    path = f"/v1/exports/{told['export_id']}"
    while told["status"] in ("pending", "processing"):
        if not service.running or time.monotonic() - begun > LIMIT_SECONDS:
            raise RuntimeError(f"the service has ended or hangs; its log ends:\n{service.text()[-3000:]}")
        await asyncio.sleep(LOOK_SECONDS)
        told = (await client.get(f"{path}/status")).raise_for_status().json()
    if told["status"] != "completed" or told["row_count"] != form.rows:
        raise RuntimeError(f"{form.name}: {told['status']}, {told['row_count']:,} rows, {told['error']}")
    (await client.delete(path)).raise_for_status()
    say(f"exports: {form.rows:,} rows of {form.name} in {_seconds(told):.1f} s")
    return told


def _figures(form: Form, told: dict[str, Any], memory: Memory) -> list[Figure]:
    goal = f"; goal: >= {form.goal:,}" if form.goal else ""
    note = f"{form.rows:,} rows, {told['file_size'] / 2**20:,.0f} MiB, {_seconds(told):.1f} s{goal}"
    return [
        Figure("exports", form.name, form.rows / _seconds(told), "rows/s", note),
        Figure(
            "exports",
            f"{form.name}: most memory more",
            memory.service + memory.writer,
            "MiB",
            f"service {memory.service:.0f}, writer {memory.writer:.0f} (own {memory.own:.0f}); goal: < {MEMORY_MIB}",
        ),
    ]


async def _latencies(
    client: httpx.AsyncClient, service: Process, made: Sequence[Form], now: datetime
) -> list[Figure]:
    """The 95th percentile of questions, while nothing else is done and while files are made."""
    dashboard = Dashboard(client, now)
    async with dashboard.asking() as idle:
        await asyncio.sleep(IDLE_SECONDS)
    figures = [
        Figure(
            "exports", f"{kind} question alone, p95", 1000 * quantile(found, 0.95), "ms", f"of {len(found)}"
        )
        for kind, found in idle.items()
    ]
    for form in made:
        if form.goal is None:
            continue
        async with dashboard.asking() as busy:
            await _made(client, service, form, now)
        for kind, found in busy.items():
            times = quantile(found, 0.95) / quantile(idle[kind], 0.95)
            note = f"{times:.1f} times as long, of {len(found)}; goal: < {LATENCY_TIMES}"
            name = f"{kind} question beside {form.name}, p95"
            figures.append(Figure("exports", name, 1000 * quantile(found, 0.95), "ms", note))
    return figures


def _seconds(told: dict[str, Any]) -> float:
    """From the request until the file was there."""
    created, updated = (datetime.fromisoformat(told[name]) for name in ("created_at", "updated_at"))
    return (updated - created).total_seconds()


def _range(now: datetime) -> dict[str, str]:
    """All days of the population."""
    return {
        "start_date": (now - timedelta(days=DAYS + 1)).date().isoformat(),
        "end_date": now.date().isoformat(),
        "timezone": "UTC",
    }

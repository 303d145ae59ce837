"""Show every setting and the state of every dependency, one line each.

Settings: name, effective value (secrets masked) and where it came from: environment, .env, a file, default.
Dependencies: state and latency of ClickHouse, its schema, Kafka, Redis, PostgreSQL, the mail server and the
place for exported files, all asked at once, 3 s at most. Exits with 1 unless ClickHouse, the schema and Kafka
are ok: without the others the service still runs.
"""

import argparse
import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from openride_analytics.exports.places import file_store
from openride_analytics.settings import Settings, describe, warnings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.probes import (
    Probe,
    probe_clickhouse,
    probe_files,
    probe_kafka,
    probe_postgres,
    probe_redis,
    probe_schema,
    probe_smtp,
)
from openride_analytics.store.redis import connect

NEEDED = ("clickhouse", "schema", "kafka")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print it all; 1 if something the service cannot do without is not ok."""
    # What the client libraries log of a server that is away is said once, in its line.
    logging.basicConfig(handlers=[logging.NullHandler()])
    found = asyncio.run(ask(settings))
    usable = all(one.state == "ok" for one in found if one.name in NEEDED)
    if args.json:
        report = msgspec.json.encode(_report(settings, found, usable=usable))
        print(msgspec.json.format(report, indent=2).decode())
    else:
        _print(settings, found)
    return 0 if usable else 1


async def ask(settings: Settings) -> Sequence[Probe]:
    """Ask every dependency at the same time."""
    async with AsyncExitStack() as stack:
        clickhouse, postgres, redis = (
            ClickHouse(settings.clickhouse),
            Postgres(settings.postgres),
            connect(settings.redis),
        )
        for close in (clickhouse.close, postgres.close, redis.aclose):
            stack.push_async_callback(close)
        await clickhouse.open()
        await postgres.open()
        found: Sequence[Probe] = await asyncio.gather(
            probe_clickhouse(clickhouse),
            probe_schema(clickhouse, settings),
            probe_kafka(settings.kafka),
            probe_redis(redis),
            probe_postgres(postgres),
            probe_smtp(settings.smtp),
            probe_files(file_store(settings.exports)),
        )
    return found


def _print(settings: Settings, found: Sequence[Probe]) -> None:
    described = describe(settings)
    name_width = max(len(name) for name, _, _ in described)
    value_width = min(48, max(len(value) for _, value, _ in described))
    print("Settings")
    for name, value, source in described:
        print(f"  {name:{name_width}}  {value or '-':{value_width}}  {source}")
    print("Dependencies")
    for one in found:
        took = "" if one.state == "not configured" else f"{one.latency_ms:.0f} ms"
        print(f"  {one.name:<10}  {one.state:<14}  {took:>7}  {one.detail}")


def _report(settings: Settings, found: Sequence[Probe], *, usable: bool) -> dict[str, Any]:
    return {
        "usable": usable,
        "dependencies": found,
        "settings": [dict(zip(("name", "value", "source"), row, strict=True)) for row in describe(settings)],
        "warnings": warnings(),
    }

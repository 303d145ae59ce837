"""Count what ClickHouse holds in two ways each, and print what differs.

Nothing differs where every message was stored once, in every table. Best asked while ingestion is idle.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime

from openride_analytics.ingest.audit import Check, audit
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From when on."""
    parser.add_argument(
        "--since",
        type=_instant,
        metavar="T",
        help="only events at or after this RFC 3339 instant or date (UTC)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 if all agrees, 1 if anything differs. Raises Retryable when ClickHouse is away."""
    checks = asyncio.run(_audit(args, settings))
    wrong = [check for check in checks if not check.passed]
    for check in wrong:
        print(f"DIFFERS  {check.name}: {check.group}: expected {check.expected}, found {check.found}")
    print(f"{len(checks)} checks, {len(wrong)} differ")
    return 1 if wrong else 0


async def _audit(args: argparse.Namespace, settings: Settings) -> list[Check]:
    clickhouse = ClickHouse(settings.clickhouse)
    await clickhouse.open()
    try:
        return await audit(clickhouse, settings.retention, time.time(), args.since)
    finally:
        await clickhouse.close()


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no RFC 3339 instant, such as 2026-11-01T00:00:00Z"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

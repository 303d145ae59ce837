"""Compare what Kafka was given with what ClickHouse holds, and print what differs.

Every offset that the consumer group has committed must be stored once, or be dead-lettered, a producer's duplicate,
or one that holds no message in Kafka either; and every table must be what its views make of the events in
events_raw. Best asked while ingestion is idle; while messages flow, with --settle 60.
"""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from openride_analytics.clock import SystemClock
from openride_analytics.commands.arguments import nonnegative
from openride_analytics.ingest.accounting import Account
from openride_analytics.ingest.audit import Report, audit
from openride_analytics.ingest.check import Check
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse

FATES = ("stored", "dead_lettered", "duplicates", "gaps", "lost")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From when on, and what is too new."""
    parser.add_argument(
        "--since",
        type=_instant,
        metavar="T",
        help="only messages and events at or after this RFC 3339 instant or date (UTC)",
    )
    parser.add_argument(
        "--settle",
        type=nonnegative(int),
        metavar="SECONDS",
        default=0,
        help="leave out hours and entities of which something was stored in the last seconds [0]",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 if all agrees, 1 if anything differs. Raises Retryable when ClickHouse or Kafka is away."""
    report = asyncio.run(_audit(args, settings))
    wrong = report.differences
    for check in wrong:
        print(f"DIFFERS  {_told(check)}")
    _print_accounts(report.accounts)
    print(f"{len(report.checks)} checks, {len(wrong)} differ")
    return 1 if wrong else 0


async def _audit(args: argparse.Namespace, settings: Settings) -> Report:
    clickhouse = ClickHouse(settings.clickhouse)
    await clickhouse.open()
    try:
        return await audit(settings, clickhouse, SystemClock(), since=args.since, settle=args.settle)
    finally:
        await clickhouse.close()


def _told(check: Check) -> str:
    what = f"{check.name}: {check.group}" if check.group else check.name
    differing = f", {check.differing} rows differ" if check.differing else ""
    return f"{what}: expected {check.expected}, found {check.found}{differing}"


def _print_accounts(accounts: Sequence[Account]) -> None:
    """What became of the messages, a line a topic."""
    topics: dict[str, list[int]] = {}
    for account in accounts:
        sums = topics.setdefault(account.tp.topic, [0] * len(FATES))
        topics[account.tp.topic] = [n + getattr(account, fate) for n, fate in zip(sums, FATES, strict=True)]
    width = max(map(len, topics), default=0)
    for topic, sums in topics.items():
        told = ", ".join(f"{n} {fate.replace('_', '-')}" for n, fate in zip(sums, FATES, strict=True))
        print(f"{topic:{width}}  {told}")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no RFC 3339 instant, such as 2026-11-01T00:00:00Z"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

"""Everything on this machine: embedded servers, the service, and rides that are simulated while it runs.

Data lies under --data-dir and is found again by the next run. Ctrl-C stops all of it.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from openride_analytics import app
from openride_analytics.commands.arguments import nonnegative
from openride_analytics.embedded.process import ServerFailed, ServerProcess
from openride_analytics.embedded.stack import Stack, topics_of
from openride_analytics.settings import Settings, load
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.supervisor import Child, Restart, Spec, until_stopping
from openride_analytics.telemetry import configure_logging

HISTORY_DAYS = 7
KEPT_SECONDS = "2"  # whoever simulates rides wants to see them in the numbers
PATHS = ("/v1/metrics/bookings", "/v1/metrics/realtime", "/health/ready", "/metrics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, on which port, with rides or without."""
    parser.add_argument("--data-dir", type=Path, default=Path(".data"), metavar="D", help="[.data]")
    parser.add_argument("--port", type=int, metavar="N", help="of the HTTP server [PORT, else 8000]")
    parser.add_argument("--no-simulate", action="store_true", help="send no rides")
    parser.add_argument("--rate", type=nonnegative(float), default=50, help="simulated events a second [50]")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 after a signal; 1 if a server dies or the service cannot be kept alive."""
    configure_logging(settings.app.log_level, settings.app.name, json=False)
    return asyncio.run(_run(args, topics_of(settings)))


async def _run(args: argparse.Namespace, topics: dict[str, int]) -> int:
    async with Stack(args.data_dir, topics=topics) as stack:
        overrides = stack.env() | {"CACHE_TTL_METRICS": KEPT_SECONDS}
        overrides |= {"PORT": str(args.port)} if args.port is not None else {}
        settings = load(overrides=overrides)
        extra = [Spec(_Watch(stack), Restart.TEMPORARY)]
        if not args.no_simulate:
            extra.append(Spec(_Simulation(args, settings, overrides), Restart.TEMPORARY, after=("schema",)))
        _say_where(stack, settings)
        return await app.serve(settings, extra=extra)


class _Watch:
    """Actor: ends everything, saying which and why, when an embedded server dies."""

    name = "embedded-servers"

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def run(self, child: Child) -> None:
        child.ready()
        try:
            await until_stopping(child, self._stack.wait())
        except ServerFailed as error:
            print(f"error: {error}", file=sys.stderr, flush=True)  # whole: a log line holds little of its log
            raise


class _Simulation:
    """Actor: `openride-analytics simulate` in a process of its own, so that it takes no time from the service."""

    name = "simulate"

    def __init__(self, args: argparse.Namespace, settings: Settings, environ: dict[str, str]) -> None:
        self._args = args
        self._settings = settings
        self._environ = environ

    async def run(self, child: Child) -> None:
        days = 0 if await self._has_history() else HISTORY_DAYS
        command = [sys.executable, "-m", "openride_analytics", "simulate"]
        flags = ["--days", str(days), "--rate", str(self._args.rate)]
        process = ServerProcess(
            "simulate",
            [*command, *flags],
            data_dir=self._args.data_dir / "simulate",
            log_file=self._args.data_dir / "simulate" / "simulate.log",
            environ=self._environ,
        )
        await process.start(_at_once, within=10)
        child.ready()
        try:
            await until_stopping(child, process.wait())
        finally:
            await process.stop(within=2)

    async def _has_history(self) -> bool:
        clickhouse = ClickHouse(self._settings.clickhouse)
        await clickhouse.open()
        try:
            found = await clickhouse.select("SELECT count() AS events FROM events_raw", name="dev/history")
        finally:
            await clickhouse.close()
        return bool(found.one()["events"])


async def _at_once() -> bool:
    return True


def _say_where(stack: Stack, settings: Settings) -> None:
    for name, server in stack.servers.items():
        print(f"{name:<11}{server.url}")
    base = f"http://{settings.app.host}:{settings.app.port}"
    print("".join(f"\n  {base}{path}" for path in PATHS), end="\n\n", flush=True)

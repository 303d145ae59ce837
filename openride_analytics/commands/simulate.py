"""Send plausible rides to Kafka: first days that have passed, then life as it goes on, until Ctrl-C.

The same --seed makes the same riders, drivers and days, so sending a day again changes no answer.
"""

import argparse
import asyncio
import sys
from datetime import datetime
from importlib.metadata import version

import msgspec

from openride_analytics.commands.arguments import nonnegative, positive
from openride_analytics.kafka import create_topics
from openride_analytics.settings import Settings
from openride_analytics.signals import until_signal
from openride_analytics.simulate.simulation import Options, Simulation
from openride_analytics.telemetry import Metrics, configure_logging, open_traces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much of what, from when, until when."""
    parser.add_argument(
        "--days", type=nonnegative(int), default=7, help="past days to send first, today is one [7]"
    )
    parser.add_argument(
        "--rate",
        type=nonnegative(float),
        default=20,
        help="events a second after that; 0: only planned rides [20]",
    )
    parser.add_argument("--drivers", type=positive(int), default=200, help="[200]")
    parser.add_argument("--riders", type=positive(int), default=2000, help="[2000]")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another world [1]")
    parser.add_argument("--count", type=positive(int), metavar="N", help="stop after so many events in all")
    parser.add_argument(
        "--duration", type=nonnegative(float), metavar="S", help="stop so many seconds after the past days"
    )
    parser.add_argument(
        "--now", type=_moment, metavar="T", help="pretend that it is this moment (ISO 8601, with its offset)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 at its end and when interrupted, which is how it is meant to end. Raises Retryable."""
    configure_logging("WARNING", settings.app.name, json=False)
    return asyncio.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    options = Options(
        now=args.now,
        days=args.days,
        rate=args.rate,
        drivers=args.drivers,
        riders=args.riders,
        seed=args.seed,
        count=args.count,
        duration=args.duration,
    )
    otel = msgspec.structs.replace(settings.otel, service_name=f"{settings.otel.service_name}-simulate")
    traces = open_traces(otel, Metrics(), version=version("openride-analytics"), env=settings.app.env)
    simulation = Simulation(options, settings.kafka, traces=traces)
    await create_topics(settings)
    try:
        await until_signal(simulation.run())
    finally:
        await traces.close()
        sys.stderr.write(f"simulate: {simulation.sent:,} events sent\n")
    return 0


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no ISO 8601 datetime, such as 2026-11-01T08:00:00+01:00"
        ) from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no offset")
    return moment

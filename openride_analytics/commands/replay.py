"""Send events from files to Kafka, each to the topic of its event_type, under the id of its entity.

A file holds one JSON object a line; it may be gzipped (.gz), and - is standard input. Without --rebase-to the
bytes are sent as they are. Replaying a file again changes no answer: the service counts an event_id once.
"""

import argparse
import asyncio
import sys
import time

from openride_analytics.commands.arguments import nonnegative
from openride_analytics.kafka import create_topics
from openride_analytics.settings import Settings
from openride_analytics.signals import until_signal
from openride_analytics.simulate.replay import Options, Replay
from openride_analytics.telemetry import configure_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, how fast, when, and what of lines that are no events."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="events, one a line; .gz or - too")
    parser.add_argument("--rate", type=nonnegative(float), default=0, help="events a second [0: no limit]")
    parser.add_argument(
        "--rebase-to",
        choices=["now"],
        help="move all instants of the events by one span, so that the newest event_timestamp is now",
    )
    parser.add_argument("--lenient", action="store_true", help="skip and count lines that are no events")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 when everything is sent, 1 when interrupted. Raises Invalid for a bad file or line, and Retryable."""
    configure_logging("WARNING", settings.app.name, json=False)
    return asyncio.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    rebase = args.rebase_to is not None
    replay = Replay(Options(args.files, args.rate, rebase, args.lenient), settings.kafka)
    await create_topics(settings)
    begun = time.monotonic()
    ended: bool | None = None
    try:
        ended = await until_signal(replay.run())
    finally:
        if ended is not None or replay.sent:
            skipped = f"; {replay.skipped:,} lines skipped" if replay.skipped else ""
            state = "" if ended else ", which is not all"
            seconds = time.monotonic() - begun
            sys.stderr.write(f"replay: {replay.sent:,} events sent in {seconds:.1f} s{state}{skipped}\n")
    return 0 if ended else 1

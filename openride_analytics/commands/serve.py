"""Run the service: pending migrations first, then ingestion and HTTP, until SIGTERM or Ctrl-C.

A server that is away is waited for. A second signal ends the process at once.
"""

import argparse
import asyncio
import sys

from openride_analytics import app
from openride_analytics.settings import Settings
from openride_analytics.telemetry import configure_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts of the service run in this process."""
    parser.add_argument(
        "--roles",
        type=_roles,
        default=app.ROLES,
        metavar="R[,R]",
        help=f"run only these, of {', '.join(app.ROLES)} [all]; health and metrics are always served",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 after a signal, 1 if a part of the service cannot be kept alive."""
    people = sys.stdout.isatty() or settings.app.env in ("development", "test")
    configure_logging(settings.app.log_level, settings.app.name, json=not people, stream=sys.stdout)
    return asyncio.run(app.serve(settings, args.roles))


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in text.split(","))
    for role in roles:
        if role not in app.ROLES:
            raise argparse.ArgumentTypeError(f"{role!r} is no role; allowed: {', '.join(app.ROLES)}")
    return roles

"""Mint an access token and print it, alone on its line.

It is signed with JWT_SECRET_KEY and has the issuer, audience and role claim of these settings, so that a service
with the same settings accepts it. With another algorithm than HS* tokens come from whoever has the private key.
"""

import argparse
import re
import time

from openride_analytics.access import Role, mint
from openride_analytics.access.roles import GRANTED
from openride_analytics.settings import Settings

LONGEST_SECONDS = 3650 * 86_400
UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who it is for, what it allows, how long."""
    roles = [role.label for role in GRANTED]
    parser.add_argument("--role", choices=roles, default=Role.VIEWER.label, help="what it allows [viewer]")
    parser.add_argument("--subject", required=True, metavar="S", help="whose it is; rate limits go by it")
    parser.add_argument(
        "--expires",
        type=seconds,
        default=3_600,
        metavar="T",
        help="valid for so long: 900, 15m, 1h, 30d [1h]",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Raises Invalid where these settings cannot sign."""
    role = Role.of(args.role)
    print(mint(settings.auth, subject=args.subject, role=role, seconds=args.expires, now=time.time()))
    return 0


def seconds(text: str) -> int:
    """An argparse type: a duration in seconds."""
    match = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text)
    found = int(match[1]) * UNITS[match[2]] if match else 0
    if not 1 <= found <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be used; allowed: seconds, or 15m, 1h, 30d (at most 3650d)"
        )
    return found

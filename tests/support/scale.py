"""How long the fault tests go on: a twentieth of what is promised, all of it with OPENRIDE_FAULTS=full."""

import os

FULL = os.environ.get("OPENRIDE_FAULTS") == "full"
SHARE = 20


def scaled(seconds: float, *, least: float = 0) -> float:
    """`seconds` in full, else a twentieth of it, but never less than `least`. Good for numbers of things too."""
    return seconds if FULL else max(seconds / SHARE, least)

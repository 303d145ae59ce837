"""How long faults last: as long as the catalogue says with OPENRIDE_FAULTS=full, else a twentieth of that."""

import os

SCALE = 1.0 if os.environ.get("OPENRIDE_FAULTS") == "full" else 0.05


def lasting(seconds: float, *, least: float = 0.0) -> float:
    """The seconds that something takes which would take `seconds`; `least` where less would prove nothing."""
    return max(seconds * SCALE, least)

"""Which faults happen when: the same ones for the same seed."""

import random
from dataclasses import dataclass

from tests.support.proxy import Fault

REPLICAS = 3
# One that is only there from time to time.
EXTRA = f"replica-{REPLICAS}"

# A fault every so many seconds; so long until it is mended, at most; and so long it is left alone after that.
GAP_SECONDS = 1.5
MOST_SECONDS = 15.0
REST_SECONDS = 4.0
# Of what a client sends, so much passes before its connection fails.
MOST_BYTES = 50_000


@dataclass(frozen=True)
class Strike:
    """From `at` on, `target` is `what`, for so many seconds. `after`: bytes that still pass, of a connection."""

    at: float
    target: str
    what: str
    seconds: float
    after: int

    def __str__(self) -> str:
        return f"{self.target} {self.what} for {self.seconds:.1f} s"


def targets() -> dict[str, list[str]]:
    """Everything that faults may happen to, and which."""
    replicas = {f"replica-{n}": ["killed", "terminated", "hung"] for n in range(REPLICAS)}
    networks = {f"network-{n}": [*(fault.name.lower() for fault in Fault), "slow"] for n in range(REPLICAS)}
    return {
        **replicas,
        **networks,
        EXTRA: ["started"],
        "clickhouse": ["killed", "hung"],
        "broker": ["killed", "restarted", "hung"],
    }


def schedule(seed: int, seconds: float) -> list[Strike]:
    """Strikes within so many seconds, in order; a target is struck again only when it has recovered."""
    rng = random.Random(f"schedule {seed}")
    known = targets()
    free_at = dict.fromkeys(known, 0.0)
    strikes = []
    at = rng.uniform(0, GAP_SECONDS)
    while at < seconds:
        free = [target for target, when in free_at.items() if when <= at]
        if free:
            target = rng.choice(free)
            # Mostly short, sometimes long enough to be thrown out of the group.
            lasts = min(MOST_SECONDS, 0.3 + rng.expovariate(1 / 3))
            strikes.append(Strike(at, target, rng.choice(known[target]), lasts, rng.randrange(MOST_BYTES)))
            free_at[target] = at + lasts + REST_SECONDS
        at += rng.expovariate(1 / GAP_SECONDS)
    return strikes

"""How soon a crashed actor is started again, and when that is given up."""

import random
from collections import deque
from dataclasses import dataclass

from openride_analytics.errors import Fatal


class Escalated(Fatal):
    """`actor` cannot be kept alive: `why`, and the error it ended with. The process should exit non-zero."""

    def __init__(self, actor: str, why: str, last_error: str) -> None:
        super().__init__(f"{actor}: {why}; last error: {last_error}")
        self.actor = actor
        self.why = why
        self.last_error = last_error


@dataclass(frozen=True)
class Backoff:
    """Seconds between a crash and the next start: `initial`, times `factor` for each further crash in a row,
    never more than `maximum`. A run that stayed ready for `reset_after` seconds ends the row.

    Half of each delay is random ("equal jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
    so that replicas that crashed together do not come back together, and none comes back at once.
    """

    initial: float = 0.5
    factor: float = 2.0
    maximum: float = 30.0
    reset_after: float = 60.0

    def ceiling(self, crashes: int) -> float:
        """The longest delay after so many crashes in a row (1 = the first)."""
        doublings = min(crashes - 1, 64)  # far beyond any maximum, short of overflow
        return min(self.maximum, self.initial * self.factor**doublings)

    def delay(self, crashes: int, rng: random.Random) -> float:
        """Between half the ceiling and the ceiling."""
        return self.ceiling(crashes) * rng.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Limit:
    """At most `restarts` of one actor within any `within` seconds; a crash that asks for one more escalates.

    It means something only if `restarts` delays of the `Backoff` fit into `within`.
    """

    restarts: int = 5
    within: float = 60.0


class Window:
    """Counts one actor's restarts against a `Limit`."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._granted: deque[float] = deque()

    def grant(self, now: float) -> bool:
        """Take one restart at `now` (monotonic seconds); False if the limit is reached."""
        while self._granted and now - self._granted[0] >= self._limit.within:
            self._granted.popleft()
        if len(self._granted) >= self._limit.restarts:
            return False
        self._granted.append(now)
        return True

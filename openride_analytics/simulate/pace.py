"""So many events a second, and no more."""

from openride_analytics.clock import Clock

TICK = 0.02  # seconds: shorter waits are not worth a timer
CATCH_UP = 1.0  # seconds: what was missed by more is not made up for


class Pace:
    """`rate` events a second, 0 for as many as can be. Time begins with the first event."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._due: float | None = None

    def ahead(self) -> float:
        """Counts one event; the seconds to wait before it is sent, 0.0 when it is about time."""
        if self._rate <= 0:
            return 0.0
        now = self._clock.monotonic()
        if self._due is None or now - self._due > CATCH_UP:
            self._due = now
        early = self._due - now
        self._due += 1 / self._rate
        return early if early > TICK else 0.0

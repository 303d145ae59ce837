"""Named points where a test may have the process killed (`CRASH_AT=point` or `point:n` for the n-th time)."""

import os
import signal
from collections import Counter
from enum import StrEnum

from openride_analytics.errors import Invalid


class Point(StrEnum):
    """Between two steps of storing a batch."""

    DECODED = "decoded"
    DEAD_LETTERED = "dead_lettered"
    INTENT_COMMITTED = "intent_committed"
    INSERTED = "inserted"
    COMMITTED = "committed"


class CrashPoints:
    """Kills this process, as a power cut would, when the point named by `spec` is reached."""

    def __init__(self, spec: str | None) -> None:
        name, _, count = (spec or "").partition(":")
        if name and name not in list(Point):
            raise Invalid("CRASH_AT", f"{name!r} is not a crash point", ", ".join(Point))
        self._point = name
        self._count = int(count or 1)
        self._reached: Counter[Point] = Counter()

    def reach(self, point: Point) -> None:
        """Die here if this is the place."""
        if point == self._point:
            self._reached[point] += 1
            if self._reached[point] == self._count:
                os.kill(os.getpid(), signal.SIGKILL)

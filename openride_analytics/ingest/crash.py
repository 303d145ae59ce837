"""Named points where a test may have the process killed, or stopped as by a machine that hangs.

`CRASH_AT=point`, `point:n` for the n-th time, `point:n:stop` to be stopped until somebody sends SIGCONT.
"""

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
    """Kills this process, as a power cut would, or stops it, when the point named by `spec` is reached."""

    def __init__(self, spec: str | None) -> None:
        name, count, how = (*(spec or "").split(":"), "", "")[:3]
        if name and name not in list(Point):
            raise Invalid("CRASH_AT", f"{name!r} is not a crash point", ", ".join(Point))
        self._point = name
        self._count = int(count or 1)
        self._signal = signal.SIGSTOP if how == "stop" else signal.SIGKILL
        self._reached: Counter[Point] = Counter()

    def reach(self, point: Point) -> None:
        """Die, or stop, here if this is the place."""
        if point == self._point:
            self._reached[point] += 1
            if self._reached[point] == self._count:
                os.kill(os.getpid(), self._signal)

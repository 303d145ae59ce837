"""What one question may cost in ClickHouse, and how to tell from its refusal that it was more.

A question beyond its budget would be so the next time, too: that is not a server that is away. So the server is told
to stop it (whatever the profile of its user says should happen then: never a result cut short), and the error says
which limit it was.
"""

import re
from dataclasses import dataclass
from typing import Final

from openride_analytics.errors import TooMuch
from openride_analytics.store.codes import ServerFailure
from openride_analytics.store.wire import Settings

PRIORITY: Final = 1  # lower numbers are served first; what says nothing, as inserts, has no part in this
RESULT_ROWS: Final = 1_000_000  # more than any answer has; each of them is a few objects in this process

_MEMORY_LIMIT_EXCEEDED: Final = 241
_LIMITS: Final = {
    158: "rows to read",
    159: "time",
    160: "time",
    307: "bytes to read",
    396: "rows or bytes of a result",
}
# Servers have put it in both ways. That of the user or of all queries together is overload: it passes.
_OF_THE_QUERY: Final = re.compile(r"query\)? memory limit|memory limit \(for query\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one question: `seconds` at the server, `memory` in bytes there, `rows` read from tables."""

    seconds: float
    memory: int
    rows: int

    def settings(self) -> Settings:
        """The same, as the server takes it, and how it should read."""
        return {
            "priority": PRIORITY,
            "max_execution_time": f"{self.seconds:g}",
            "timeout_overflow_mode": "throw",
            "max_memory_usage": self.memory,
            "max_rows_to_read": self.rows,
            "read_overflow_mode": "throw",
            "max_result_rows": RESULT_ROWS,
            "result_overflow_mode": "throw",
            # Dashboards ask the same columns again and again: where the server has room (uncompressed_cache_size),
            # they are read from the page cache and decompressed once.
            "use_uncompressed_cache": 1,
        }


def exceeded(error: ServerFailure) -> TooMuch | None:
    """What a question asked too much of; None if the server failed for another reason."""
    if error.code == _MEMORY_LIMIT_EXCEEDED:
        return TooMuch("memory") if _OF_THE_QUERY.search(error.server_text) else None
    limit = _LIMITS.get(error.code)
    return TooMuch(limit) if limit is not None else None

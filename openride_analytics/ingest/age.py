"""How long the first message of a partition that is not yet stored has been waiting."""

from collections import deque
from collections.abc import Sequence

from aiokafka import ConsumerRecord


class Age:
    """Knows when the first message of each fetch came to Kafka, until all of that fetch is stored."""

    def __init__(self) -> None:
        self._fetches: deque[tuple[int, float]] = deque()  # last offset, and when the first came (epoch s)
        self._unseen_since: float | None = None
        self._waits = False

    def fetched(self, records: Sequence[ConsumerRecord]) -> None:
        """Records in offset order, the next ones."""
        self._fetches.append((int(records[-1].offset), records[0].timestamp / 1000))

    def stored(self, last: int) -> None:
        """Everything up to offset `last` is stored."""
        while self._fetches and self._fetches[0][0] <= last:
            self._fetches.popleft()

    def seconds(self, now: float, *, waiting: bool | None) -> float:
        """At `now` (epoch s); `waiting`: whether Kafka has what is not stored, None if it does not say: then what has
        waited waits on. Of what was not fetched yet it is known only since when it has been seen to wait; of a fetch,
        when its first message came."""
        self._waits = self._waits or bool(self._fetches) if waiting is None else waiting
        if not self._waits:
            self._unseen_since = None
            return 0.0
        if self._fetches:
            self._unseen_since = None
            return max(0.0, now - self._fetches[0][1])
        if self._unseen_since is None:
            self._unseen_since = now
        return max(0.0, now - self._unseen_since)

"""The bound on what is in memory between Kafka and ClickHouse."""


class Inflight:
    """Bytes fetched and not yet stored, of all partitions together."""

    def __init__(self) -> None:
        self.bytes = 0
        self._most = 0

    def limit(self, most: int) -> None:
        """From now on at most so many bytes; one batch may always be filled."""
        self._most = max(most, 1)

    def room(self) -> bool:
        """Whether another fetch may be taken in."""
        return self.bytes < self._most

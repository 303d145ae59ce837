"""The bound on what is in memory between Kafka and ClickHouse."""


class Inflight:
    """Bytes fetched and not yet stored, of all topics together. Half of what may be is for whoever needs it. Of the
    rest each topic has a part of its own, lest one that cannot be stored leaves the others nothing."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._own = self._common = 0

    def limit(self, most: int, topics: int) -> None:
        """From now on at most so many bytes, of so many topics; one batch may always be filled."""
        self._own = max(most, 1) // (2 * topics)
        self._common = max(most, 1) - topics * self._own

    def of(self, topic: str) -> "Held":
        """What that topic holds."""
        return self._held.setdefault(topic, Held(self))

    @property
    def bytes(self) -> int:
        """Of all."""
        return sum(held.bytes for held in self._held.values())

    def room(self, held: "Held") -> bool:
        """Whether a topic that holds so much may take more."""
        beyond = sum(max(0, each.bytes - self._own) for each in self._held.values())
        return held.bytes < self._own or beyond < self._common


class Held:
    """Bytes of one topic."""

    def __init__(self, inflight: Inflight) -> None:
        self.bytes = 0
        self._inflight = inflight

    def room(self) -> bool:
        """Whether another fetch may be taken in."""
        return self._inflight.room(self)

"""Notices a consumer that has stopped delivering, though Kafka has what it should deliver."""

from collections.abc import Collection, Iterable

from aiokafka import TopicPartition

from openride_analytics.clock import Clock
from openride_analytics.errors import Fatal
from openride_analytics.ingest.partition import Partition, State

# New consumers that are tried before the process gives up, if none of them moves anything.
REBUILDS = 2


class Stalled(Exception):  # noqa: N818 - a state; the supervisor builds a new consumer
    """Nothing moves, and no outage says why."""


class Watchdog:
    """Looks at the partitions now and then. One that waits for ClickHouse or for an operator is not stalled."""

    def __init__(self, clock: Clock, patience: float, rebalance: float) -> None:
        """`patience`: seconds that a partition with lag may stand still; `rebalance`: seconds until there must be an
        answer about new ones after partitions were taken away."""
        self._clock = clock
        self._patience = patience
        self._rebalance = rebalance
        self._seen: dict[TopicPartition, tuple[tuple[int, int], float]] = {}
        self._unassigned_since: float | None = None
        self._stalls = 0

    def revoked(self) -> None:
        """Partitions are taken away; the group is to say what comes instead."""
        self._seen.clear()
        self._unassigned_since = self._clock.monotonic()

    def assigned(self) -> None:
        """The group has answered, if only that there are none."""
        self._unassigned_since = None

    def look(self, partitions: Iterable[Partition], behind: Collection[TopicPartition]) -> None:
        """Compare with the last look; `behind`: where Kafka has more than the consumer has given.

        Raises Stalled, and Fatal when several consumers in a row stalled.
        """
        now = self._clock.monotonic()
        if self._unassigned_since is not None:
            self._bound(now - self._unassigned_since, self._rebalance, "no partitions were assigned")
        for partition in partitions:
            place = (partition.stored_to, partition.next)
            before, since = self._seen.get(partition.tp, (place, now))
            waited_for = partition.draft is not None or (partition.wants and partition.tp in behind)
            if place != before:
                self._stalls = 0
            if place != before or partition.state is not State.RUNNING or not waited_for:
                since = now
            self._seen[partition.tp] = (place, since)
            self._bound(
                now - since, self._patience, f"{partition.tp.topic}/{partition.number} stands at {place[0]}"
            )

    def _bound(self, seconds: float, most: float, what: str) -> None:
        if seconds < most:
            return
        self._seen.clear()
        self._stalls += 1
        problem = f"{what} for {seconds:.0f} s"
        if self._stalls > REBUILDS:
            raise Fatal(f"the consumer stalls again and again: {problem}")
        raise Stalled(problem)

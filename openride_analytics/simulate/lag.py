"""How far the consumer group is behind, so that a producer never runs away from it.

A broker that keeps little, as the embedded one does, loses what is not read in time. KAFKA_MAX_LAG says how
many messages of a partition may wait unread; MAX_BYTES bounds what they weigh.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from openride_analytics.clock import Clock

MAX_BYTES = 2 * 1024 * 1024  # of a partition; the embedded broker keeps about 5 MB
LOOK_AGAIN = 0.1  # seconds
PATIENCE = 10.0  # seconds without any progress, after which it is said

Partition = tuple[str, int]  # topic, number
Committed = Callable[[], Awaitable[Mapping[Partition, int]]]


class Backlog:
    """What waits unread in one partition: `end` is the offset after the last message sent."""

    def __init__(self, end: int, committed: int) -> None:
        self.end = end
        self.committed = committed
        self._unread: deque[tuple[int, int]] = deque()  # offset after a batch, bytes of the batch
        self._bytes = 0

    def has_room(self, messages: int, size: int, max_lag: int) -> bool:
        """Whether a batch may follow. Alone it always may, or one above the limits would never be sent."""
        lag = self.end - self.committed
        return lag <= 0 or (lag + messages <= max_lag and self._bytes + size <= MAX_BYTES)

    def add(self, messages: int, size: int) -> None:
        self.end += messages
        self._bytes += size
        self._unread.append((self.end, size))

    def commit(self, offset: int) -> bool:
        """Whether the group has moved."""
        moved = offset > self.committed
        self.committed = max(self.committed, offset)
        while self._unread and self._unread[0][0] <= self.committed:
            self._bytes -= self._unread.popleft()[1]
        return moved


class LagGate:
    """Lets batches pass while every partition's lag stays within `max_lag` messages.

    `committed` asks for the group's offsets; `say` is called once when nobody consumes for PATIENCE seconds.
    """

    def __init__(
        self,
        max_lag: int,
        backlogs: Mapping[Partition, Backlog],
        committed: Committed,
        *,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._max_lag = max_lag
        self._backlogs = backlogs
        self._committed = committed
        self._clock = clock
        self._say = say
        self._said = False

    @property
    def largest_batch(self) -> int:
        """Messages: small enough that the group can be working on some while others are sent."""
        return max(1, self._max_lag // 4)

    async def admit(self, partition: Partition, messages: int, size: int) -> None:
        """Returns when a batch may be sent, and counts it as sent."""
        backlog = self._backlogs[partition]
        moved = self._clock.monotonic()
        while not backlog.has_room(messages, size, self._max_lag):
            if await self._look():
                moved = self._clock.monotonic()
                continue
            if self._clock.monotonic() - moved >= PATIENCE and not self._said:
                self._said = True
                self._say(
                    f"nobody has consumed anything for {PATIENCE:.0f} s: is the service running? Waiting."
                )
            await self._clock.sleep(LOOK_AGAIN)
        backlog.add(messages, size)

    def sent(self, partition: Partition, end: int) -> None:
        """The broker's word on where a batch ended: others may have sent to the partition too."""
        backlog = self._backlogs[partition]
        backlog.end = max(backlog.end, end)

    async def _look(self) -> bool:
        """Ask for the group's offsets; whether any has moved."""
        offsets = await self._committed()
        moves = [self._backlogs[each].commit(offset) for each, offset in offsets.items()]
        return any(moves)

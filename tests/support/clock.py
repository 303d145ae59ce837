"""A clock that moves only when told to."""

import asyncio
import heapq
from itertools import count

EPOCH = 1_760_000_000.0
MAX_ROUNDS = 10_000


class FakeClock:
    """Satisfies `Clock`. `time()` is `EPOCH` plus what was advanced, `monotonic()` just what was advanced."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        return EPOCH + self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    def pending(self) -> list[float]:
        """Seconds until each sleeper wakes, the next one first."""
        return [wake - self._now for wake, _, woken in sorted(self._sleepers) if not woken.done()]

    async def advance(self, seconds: float = 0.0) -> None:
        """Let `seconds` pass: each sleeper wakes at its moment, in order, and what it causes happens then."""
        until = self._now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            wake, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # cancelled meanwhile
                continue
            self._now = wake
            woken.set_result(None)
            await settle()
        self._now = until


async def settle() -> None:
    """Run the loop until nothing is left to run at once (timers, sockets and threads are not waited for)."""
    # The queue of callbacks is private to asyncio; the alternative is to guess how many rounds are enough.
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(MAX_ROUNDS):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("the loop never came to rest: something is spinning")

"""Time, as something that can be handed in: the tests' clock moves only when told to."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest of the package may ask about time."""

    def time(self) -> float:
        """Seconds since the epoch; may jump when the system's clock is set."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back. For durations and deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Come back after `seconds`; zero or less only lets others run."""


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


def utc_now(clock: Clock) -> datetime:
    """The clock's time, in UTC."""
    return datetime.fromtimestamp(clock.time(), UTC)


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`, at most `seconds` of real time; whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True

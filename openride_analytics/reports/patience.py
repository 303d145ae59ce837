"""Asking the database again while it cannot answer: only what changes nothing more when it is asked again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from openride_analytics.clock import Clock
from openride_analytics.errors import Retryable

log = logging.getLogger("openride.reports")

AGAIN_SECONDS: Final = 0.5

T = TypeVar("T")


async def answered(clock: Clock, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
    """What it answers within about so many seconds. Raises Retryable."""
    until = clock.monotonic() + seconds
    while True:
        try:
            return await ask()
        except Retryable as error:
            if clock.monotonic() > until:
                raise
            log.warning("the database is asked again", extra={"problem": str(error)})
            await asyncio.sleep(AGAIN_SECONDS)

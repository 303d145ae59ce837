"""Waiting for what another process or task does, never longer than told."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LIMIT_SECONDS = 40.0  # a busy machine is no fault


async def eventually(
    check: Callable[[], bool], *, within: float = LIMIT_SECONDS, every: float = 0.02
) -> None:
    """Return as soon as `check()` is true; fail after `within` seconds. `every`: longer where asking costs much."""

    async def checked() -> bool:
        return check()

    await poll(checked, within=within, every=every)


async def poll(
    check: Callable[[], Awaitable[bool]], *, within: float = LIMIT_SECONDS, every: float = 0.02
) -> None:
    """The same for a question that has to be awaited."""
    deadline = time.monotonic() + within
    while not await check():
        assert time.monotonic() < deadline, f"still not so after {within:g} s"
        await asyncio.sleep(every)

"""Work that computes for more than a few milliseconds, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")


class Thread:
    """One thread for one kind of work: more would only take turns with it, and with the loop, at the interpreter."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, name)

    async def __call__(self, work: Callable[[], T]) -> T:
        """What `work` returns, or raises. Once begun it goes on to its end, whether or not anybody still waits."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


# What takes some hundredths of a second. What takes longer has a thread of its own: ingestion would wait for it here.
compute: Final = Thread("compute")

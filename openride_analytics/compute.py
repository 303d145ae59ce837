"""Work that computes for more than a few milliseconds, off the event loop.

One thread, for all of it: more would only take turns with it, and with the loop, at the interpreter.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_THREAD: Final = ThreadPoolExecutor(1, "compute")


async def compute(work: Callable[[], T]) -> T:
    """What `work` returns, or raises. Once begun it goes on to its end, whether or not anybody still waits."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)

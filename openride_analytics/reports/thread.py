"""A thread for what reports compute: charts, messages with large files. Not that of `compute`: ingestion would wait."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_THREAD: Final = ThreadPoolExecutor(1, "reports")


async def apart(work: Callable[[], T]) -> T:
    """What `work` returns, or raises. Once begun it goes on to its end, whether or not anybody still waits."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)

"""Ctrl-C and SIGTERM end a sending command in order: nothing half sent, and its count told."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any


async def until_signal(work: Coroutine[Any, Any, None]) -> bool:
    """Run `work` to its end, or cancel it at the first SIGINT or SIGTERM; whether it came to its end."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, interrupt)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if task.cancelled() and not interrupted:
            raise asyncio.CancelledError
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
    return not interrupted

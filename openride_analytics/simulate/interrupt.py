"""Ctrl-C and SIGTERM end a sending command in order: nothing half sent, and its count told."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from openride_analytics.signals import handle_signals


async def until_signal(work: Coroutine[Any, Any, None]) -> bool:
    """Run `work` to its end, or cancel it at the first SIGINT or SIGTERM; whether it came to its end."""
    task = asyncio.ensure_future(work)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        task.cancel()

    with handle_signals(interrupt):
        try:
            await task
        except asyncio.CancelledError:
            if not interrupted:
                raise
    return not interrupted

"""The shape of most actors: work that goes on until the actor is asked to finish."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from openride_analytics.supervisor.actor import Child


async def until_stopping(child: Child, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends or `child` is asked to stop, and cancel it then. Raises what `work` raises."""
    task = asyncio.create_task(work)
    stopping = asyncio.create_task(child.stopping.wait())
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        for left in (task, stopping):
            left.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)

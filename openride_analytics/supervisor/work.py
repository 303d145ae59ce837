"""The shape of most actors: work that goes on until the actor is asked to finish."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from openride_analytics.supervisor.actor import Child

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - no defect
    """The actor was asked to finish before its work had come to its end."""


async def unless(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises. Raises Stopped, and cancels it, if the actor is asked to finish before."""
    task = asyncio.create_task(work)
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Stopped
        return task.result()
    finally:
        for left in (task, stop):
            left.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)


async def until_stopping(child: Child, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends or `child` is asked to stop, and cancel it then. Raises what `work` raises."""
    with suppress(Stopped):
        await unless(child.stopping, work)

"""Questions of one answer, asked at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def together(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """What both return. The first error is raised as it is, once the other one has been cancelled and is over."""
    tasks = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        of_first, of_second = await asyncio.gather(*tasks)
        return of_first, of_second
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

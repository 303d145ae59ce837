"""Questions of one answer, asked at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, overload

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@overload
async def together(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B], /) -> tuple[A, B]: ...
@overload
async def together(
    first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B], third: Coroutine[Any, Any, C], /
) -> tuple[A, B, C]: ...
async def together(*questions: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """What all return. The first error is raised as it is, once the others have been cancelled and are over.

    None of them may be a `together` itself: cancelled before it begins, it would leave its own questions unasked."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

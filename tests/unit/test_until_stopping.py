"""Work that goes on until its actor is asked to finish."""

import asyncio

import pytest

from openride_analytics.supervisor import until_stopping


class Asked:
    """A child that a test asks to stop."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()

    def ready(self) -> None: ...

    def unready(self) -> None: ...


async def test_work_is_cancelled_when_the_actor_is_asked_to_finish() -> None:
    child, cancelled = Asked(), asyncio.Event()

    async def work() -> None:
        child.stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await until_stopping(child, work())
    assert cancelled.is_set()


async def test_work_that_ends_by_itself_ends_the_wait() -> None:
    child = Asked()
    await until_stopping(child, asyncio.sleep(0))
    assert not child.stopping.is_set()


async def test_what_the_work_raises_comes_out() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await until_stopping(Asked(), work())


async def test_cancelling_the_wait_cancels_the_work() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(until_stopping(Asked(), work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert cancelled.is_set()

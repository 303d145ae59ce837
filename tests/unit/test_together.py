"""Two questions at once, of which one fails."""

import asyncio

import pytest

from openride_analytics.stats.together import together


async def fails() -> int:
    await asyncio.sleep(0)
    raise ValueError("it failed")


async def value(found: int) -> int:
    await asyncio.sleep(0)
    return found


async def test_all_are_returned_in_their_order() -> None:
    assert await together(value(1), value(2), value(3)) == (1, 2, 3)


async def test_the_other_one_is_over_when_one_has_failed() -> None:
    ended = asyncio.Event()

    async def lasts() -> int:
        try:
            return await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ValueError, match="it failed"):
        await together(lasts(), fails())
    assert ended.is_set()

"""What a service's exports cost others: memory, and the time that questions take meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import psutil

LOOK_SECONDS = 0.1
PAUSE_SECONDS = 0.2
MIB = 2**20


@dataclass
class Memory:
    """MiB at most so far: what the service has more than before; what its writers have together, resident, and of that
    what no other process has too (its libraries are on disk, and shared by all that use them).
    """

    service: float = 0.0
    writer: float = 0.0
    own: float = 0.0


class Dashboard:
    """Asks again what it asked before, and then something new, some times a second."""

    def __init__(self, client: httpx.AsyncClient, now: datetime) -> None:
        self._client = client
        self._now = now
        self._asked = 0

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[dict[str, list[float]]]:
        """Meanwhile, and once at least: the seconds that each answer took, of both kinds of questions."""
        await self._ask(again=True)  # now the cache has it
        found = {"cached": [await self._ask(again=True)], "uncached": [await self._ask(again=False)]}
        task = asyncio.create_task(self._go_on(found))
        try:
            yield found
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _go_on(self, found: dict[str, list[float]]) -> None:
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            found["cached"].append(await self._ask(again=True))
            found["uncached"].append(await self._ask(again=False))

    async def _ask(self, *, again: bool) -> float:
        self._asked += not again
        until = self._now + timedelta(seconds=0 if again else self._asked)
        query = {
            "start_date": (until - timedelta(days=30)).isoformat(),
            "end_date": until.isoformat(),
            "timezone": "UTC",
        }
        begun = time.perf_counter()
        (await self._client.get("/v1/metrics/payments", params=query)).raise_for_status()
        return time.perf_counter() - begun


@asynccontextmanager
async def memory_of(pid: int) -> AsyncIterator[Memory]:
    """Look meanwhile at a process and its children."""
    memory = Memory()
    task = asyncio.create_task(_look(psutil.Process(pid), memory))
    try:
        yield memory
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _look(service: psutil.Process, memory: Memory) -> None:
    before = service.memory_info().rss
    while True:
        memory.service = max(memory.service, (service.memory_info().rss - before) / MIB)
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # one that has just ended
            writers = [child.memory_full_info() for child in service.children()]
            memory.writer = max(memory.writer, sum(writer.rss for writer in writers) / MIB)
            memory.own = max(memory.own, sum(writer.uss for writer in writers) / MIB)
        await asyncio.sleep(LOOK_SECONDS)

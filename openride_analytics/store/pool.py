"""A few connections shared by readers and inserters, neither of whom can take all of them.

No lock is held while something is awaited, and giving a connection back never waits: a cancellation can
arrive anywhere and no place is lost. A connection goes back only if it is certainly between two queries.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal

from openride_analytics.errors import Retryable
from openride_analytics.store.wire import Wire

Lane = Literal["read", "insert"]

_IDLE_SECONDS: Final = 60.0  # routers forget quiet connections silently: use a new one sooner than that


class Pool:
    """At most `size` connections; each lane may hold all but a quarter of them (at least one) at a time."""

    def __init__(self, connect: Callable[[], Awaitable[Wire]], *, size: int, connect_timeout: float) -> None:
        self._connect = connect
        self._connect_timeout = connect_timeout
        lane_size = max(1, size - max(1, size // 4))
        self._places = asyncio.Semaphore(size)
        self._lanes = {"read": asyncio.Semaphore(lane_size), "insert": asyncio.Semaphore(lane_size)}
        self._idle: list[tuple[float, Wire]] = []  # the last one back is the first one out
        self._lent: set[Wire] = set()
        self._closed = False
        self.waiting = 0  # for a place; who has one may still be connecting

    @property
    def idle(self) -> int:
        """Connections that wait for a user."""
        return len(self._idle)

    @property
    def lent(self) -> int:
        """Connections in use."""
        return len(self._lent)

    @asynccontextmanager
    async def connection(self, lane: Lane) -> AsyncIterator[Wire]:
        """A connection for the length of the block. Raises Retryable; waits as long as the caller allows."""
        async with self._place(lane):
            if self._closed:
                raise Retryable("clickhouse", "the connection pool is closed")
            wire = self._take() or await self._open()
            self._lent.add(wire)
            try:
                yield wire
            finally:
                self._lent.discard(wire)
                if wire.usable:  # `close` has aborted those in use
                    self._idle.append((time.monotonic(), wire))
                else:
                    wire.abort()

    async def close(self) -> None:
        """Abort every connection, the ones in use too. Never waits for the server."""
        self._closed = True
        for wire in [wire for _, wire in self._idle] + list(self._lent):
            wire.abort()
        self._idle.clear()
        for _ in range(3):  # a transport closes its socket one step of the loop after it was aborted
            await asyncio.sleep(0)

    @asynccontextmanager
    async def _place(self, lane: Lane) -> AsyncIterator[None]:
        self.waiting += 1
        entered = False
        try:
            async with self._lanes[lane], self._places:
                self.waiting -= 1
                entered = True
                yield
        finally:
            self.waiting -= not entered

    def _take(self) -> Wire | None:
        while self._idle:
            since, wire = self._idle.pop()
            if wire.usable and time.monotonic() - since < _IDLE_SECONDS:
                return wire
            wire.abort()
        return None

    async def _open(self) -> Wire:
        try:
            async with asyncio.timeout(self._connect_timeout):
                wire = await self._connect()
        except TimeoutError:
            raise Retryable("clickhouse", f"no connection within {self._connect_timeout:g} s") from None
        if self._closed:
            wire.abort()
            raise Retryable("clickhouse", "the connection pool is closed")
        return wire

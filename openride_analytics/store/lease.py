"""One at a time, by a table of ClickHouse, which has neither locks nor transactions.

A lease has a generation. Whoever finds the last one released or expired inserts the next, its number being
the insert's de-duplication token: of any number of such inserts exactly one is stored, and reading it tells
whose. Times are the server's. A holder that is paused for longer than its lease may overlap with the next
one: what is done under a lease must bear that.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from openride_analytics.errors import Ambiguous, Retryable
from openride_analytics.store.clickhouse import ClickHouse

TABLE: Final = "schema_lease"
SECONDS: Final = 60
WAIT_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.25

logger = logging.getLogger("openride.store.lease")

_LAST = f"""
SELECT generation, any(holder) AS holder,
    max(released) OR max(written_at) + INTERVAL {SECONDS} SECOND < now64(3, 'UTC') AS free
FROM {TABLE} WHERE generation = (SELECT max(generation) FROM {TABLE}) GROUP BY generation
"""  # noqa: S608 - constants


class Lease:
    """A lease that is held; `renew` it before each step, `keep` it during one that takes long."""

    def __init__(self, clickhouse: ClickHouse, generation: int, holder: str) -> None:
        self._clickhouse = clickhouse
        self._generation = generation
        self._holder = holder
        self._renewed = asyncio.get_running_loop().time()

    async def renew(self) -> None:
        """Hold it for another SECONDS; costs nothing if that was done lately."""
        now = asyncio.get_running_loop().time()
        if now - self._renewed > SECONDS / 6:
            await _write(self._clickhouse, self._generation, self._holder)
            self._renewed = now

    async def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Hold it as long as `work` takes, which ends where it can be held no longer. Raises what `work` raises; else
        Retryable."""
        working = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([working], timeout=SECONDS / 6))[0]:
                await self._try_to_renew()
            await working
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _try_to_renew(self) -> None:
        try:
            await self.renew()
        except Retryable:
            if asyncio.get_running_loop().time() - self._renewed > SECONDS:
                raise

    async def release(self) -> None:
        """Let the next one begin at once."""
        await _write(self._clickhouse, self._generation, self._holder, released=True)


@asynccontextmanager
async def lease(clickhouse: ClickHouse) -> AsyncIterator[Lease]:
    """Wait for the lease and hold it. Raises Retryable if that takes longer than WAIT_SECONDS."""
    held = await _acquire(clickhouse)
    try:
        yield held
    finally:
        try:
            await held.release()
        except Retryable as error:
            logger.warning(
                "the schema lease was not released and will expire", extra={"problem": error.problem}
            )


async def _acquire(clickhouse: ClickHouse) -> Lease:
    holder = str(uuid.uuid4())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                generation, _, free = await _last(clickhouse)
                if free:
                    await _claim(clickhouse, generation + 1, holder)
                    generation, last_holder, _ = await _last(clickhouse)
                    if last_holder == holder:
                        return Lease(clickhouse, generation, holder)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise Retryable("clickhouse", "another process has been migrating the schema for too long") from None


async def _last(clickhouse: ClickHouse) -> tuple[int, str, bool]:
    block = await clickhouse.select(_LAST, name="lease")
    if not block.rows:
        return 0, "", True
    row = block.one()
    return row["generation"], row["holder"], bool(row["free"])


async def _claim(clickhouse: ClickHouse, generation: int, holder: str) -> None:
    try:
        await _write(clickhouse, generation, holder, token=f"lease:{generation}")
    except Ambiguous:
        return  # reading the table tells


async def _write(
    clickhouse: ClickHouse, generation: int, holder: str, *, released: bool = False, token: str | None = None
) -> None:
    row: dict[str, list[object]] = {
        "generation": [generation],
        "holder": [holder],
        "released": [int(released)],
    }
    await clickhouse.insert(TABLE, row, token=token, timeout=10)

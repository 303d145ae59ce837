"""PostgreSQL: a small pool whose every wait has an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from openride_analytics import settings as tree
from openride_analytics.errors import Ambiguous, Retryable
from openride_analytics.telemetry import Metrics

CONNECT_SECONDS: Final = 3.0
_CLOSE_SECONDS: Final = 2.0
_RELEASE_SECONDS: Final = 0.5  # on top of the deadline, if a connection must be dropped
_MAX_CONNECTIONS: Final = 4

_FAILURES: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # said of a connection whose server died at a bad moment
)
# Of the server's own errors, these classes say that it is away, full, shutting down or broken.
_PASSING_CLASSES: Final = ("08", "40", "53", "55", "57", "58")
# A password, a database or rights that are not as they should be, or a server that only reads, as one that stands by or
# has a full disk: whoever sees to that does it there.
_REFUSALS: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
)


class Postgres:
    """Connections are made when they are needed: the server may be away when the service starts."""

    def __init__(self, settings: tree.Postgres, *, metrics: Metrics | None = None) -> None:
        self._url = settings.url
        self._pool: Any = None
        self.lent = 0
        self.waiting = 0
        if metrics is not None and self.configured:
            metrics.watch_pool("postgres", _MAX_CONNECTIONS, self)

    @property
    def idle(self) -> int:
        """Connections that wait for a user."""
        return 0 if self._pool is None else int(self._pool.get_idle_size())

    @property
    def configured(self) -> bool:
        """Whether there is a database to speak of at all."""
        return self._url is not None

    async def open(self) -> None:
        """Prepare the pool, without connecting."""
        if self._url is not None and self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url.reveal(),
                min_size=0,
                max_size=_MAX_CONNECTIONS,
                timeout=CONNECT_SECONDS,
                # One that is kept no longer fits a table that a newer version has added a column to.
                statement_cache_size=0,
                server_settings={"timezone": "UTC", "application_name": "openride-analytics"},
            )

    async def close(self) -> None:
        """Let running statements end for a moment, then drop all connections."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await pool.close()
        except _FAILURES:
            pool.terminate()

    async def execute(self, sql: str, *args: object, timeout: float = 10.0) -> str:
        """Run a statement and return its status, as "UPDATE 1". Raises Retryable, Ambiguous.

        Errors that the statement itself deserves (a violated constraint, bad SQL) pass as asyncpg raises
        them.
        """
        async with self.connection(timeout=timeout) as connection:
            return str(await connection.execute(sql, *args))

    async def fetch(
        self,
        sql: str,
        *args: object,
        timeout: float = 10.0,
    ) -> list[dict[str, Any]]:
        """All rows of a result. Raises as `execute`."""
        async with self.connection(timeout=timeout) as connection:
            return [dict(row) for row in await connection.fetch(sql, *args)]

    @asynccontextmanager
    async def connection(self, *, timeout: float) -> AsyncIterator[Any]:
        """An asyncpg connection for the block. Getting it and using it have `timeout` seconds together.

        Raises Retryable while there is no connection, and where the server refuses us; Ambiguous once there was one.
        """
        if self._pool is None:
            raise Retryable("postgres", "not open" if self.configured else "not configured")
        pool, connection = self._pool, None
        try:
            async with asyncio.timeout(timeout):
                connection = await self._acquire(pool)
                yield connection
        except _REFUSALS as error:
            raise Retryable("postgres", f"it refuses us ({error.sqlstate})") from None
        except _FAILURES as error:
            if isinstance(error, asyncpg.PostgresError) and not _passing(error):
                raise
            kind = Retryable if connection is None else Ambiguous
            raise kind("postgres", _describe(error, timeout)) from None
        finally:
            if connection is not None:
                self.lent -= 1
                await _give_back(pool, connection)

    async def _acquire(self, pool: Any) -> Any:
        self.waiting += 1
        try:
            found = await pool.acquire()
        finally:
            self.waiting -= 1
        self.lent += 1
        return found


async def _give_back(pool: Any, connection: Any) -> None:
    """asyncpg has the server reset what comes back, and itself drops a connection that does not answer."""
    with suppress(*_FAILURES):
        await pool.release(connection, timeout=_RELEASE_SECONDS)


def _passing(error: Any) -> bool:
    return str(error.sqlstate or "08")[:2] in _PASSING_CLASSES


def _describe(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, OSError):
        return f"no connection ({error.strerror or type(error).__name__})"
    return type(error).__name__

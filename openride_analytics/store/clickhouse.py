"""ClickHouse: ask, order, insert; every call with one deadline for everything it does.

A question past its deadline, or whose caller was cancelled, is killed at the server by closing its
connection (servers watch for that while they work); `max_execution_time` is the second rope, for a peer
that cannot notice.

Questions of callers have a `Budget`, see `within`: there the server's own limit comes first, because it tells a
question that is too much from a server that hangs.
"""

import asyncio
import copy
import logging
import math
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from openride_analytics import settings as tree
from openride_analytics.errors import Ambiguous, Fatal, Retryable, TooMuch
from openride_analytics.store.binding import bind
from openride_analytics.store.budget import Budget, exceeded
from openride_analytics.store.codes import DataRefused, SchemaDrift, ServerFailure
from openride_analytics.store.inserts import check_names, insert_settings, length
from openride_analytics.store.pool import Pool
from openride_analytics.store.raw import RawBlock
from openride_analytics.store.rows import Rows
from openride_analytics.store.wire import Settings, Wire
from openride_analytics.telemetry import Metrics, spans

__all__ = ["Block", "Budget", "ClickHouse", "DataRefused", "Rows", "SchemaDrift", "ServerFailure"]

CONNECT_SECONDS: Final = 2.0
LATE_SECONDS: Final = 1.0  # that a server may take to say that a question's time is over

# Values are in a statement's text: a range's hours, several times, are more than the 256 KiB that servers read.
_READ: Final[Settings] = {"readonly": 2, "max_query_size": 16 << 20}


@dataclass(frozen=True, slots=True)
class Block:
    """A whole result, by column: `columns[i]` has `rows` values of ClickHouse type `types[i]`."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    columns: list[list[Any]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> list[Any]:
        """One of the columns, empty if there are no rows."""
        return self.columns[self.names.index(name)] if self.rows else []

    def dicts(self) -> list[dict[str, Any]]:
        """The same by row, for short results."""
        return [dict(zip(self.names, row, strict=True)) for row in zip(*self.columns, strict=True)]

    def one(self) -> dict[str, Any]:
        """The only row. Raises ValueError if there is another number of them."""
        (row,) = self.dicts()
        return row


class _Unfinished(Retryable):
    """The deadline passed while the server was seen to work."""


class ClickHouse:
    """The service's one way to ClickHouse; shared by everything that uses it."""

    def __init__(self, settings: tree.ClickHouse, *, metrics: Metrics | None = None) -> None:
        self._settings = settings
        self._metrics = metrics
        self._budget: Budget | None = None
        self._tls: ssl.SSLContext | None = None
        self._pool = Pool(self._connect, size=settings.pool_size, connect_timeout=CONNECT_SECONDS)
        if metrics is not None:
            metrics.watch_pool("clickhouse", settings.pool_size, self._pool)
        # asynch logs each query at DEBUG, values and all, and what a server says at INFO.
        logging.getLogger("asynch").setLevel(logging.ERROR)

    @property
    def database(self) -> str:
        """The database in which unqualified names are looked up."""
        return self._settings.database

    @property
    def lent(self) -> int:
        """How many connections are in use."""
        return self._pool.lent

    async def open(self) -> None:
        """Prepare; connections are made when they are needed, so the server may be away."""
        if self._settings.secure:
            self._tls = await asyncio.to_thread(ssl.create_default_context)

    async def close(self) -> None:
        """Drop every connection, also those in use. Does not wait for the server."""
        await self._pool.close()

    def within(self, budget: Budget) -> "ClickHouse":
        """The same client, with the same connections, for what callers ask: each `select` and `stream` has this
        budget, whatever its `timeout`, and raises TooMuch where that does not suffice."""
        bounded = copy.copy(self)
        bounded._budget = budget
        return bounded

    async def select(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        timeout: float = 10.0,
        name: str = "",
        identifiers: Collection[str] = (),
    ) -> Block:
        """The whole result of a read. `name`, of a closed set, goes to the metrics and, with the trace, the query log.

        `identifiers`: the names that `{x:Identifier}` may take. Raises Retryable; TypeError, ValueError for
        values that do not fit their placeholders; Fatal if placeholders and values do not match.
        """
        statement = bind(sql, params or {}, identifiers=identifiers)
        timeout, limits = self._bounds(timeout)
        with _judged(self._budget):
            return Block(*await self._query(statement, timeout=timeout, name=name, limits=limits))

    async def stream(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        timeout: float,
        block_rows: int,
        most_bytes: int = 0,
        name: str = "",
        identifiers: Collection[str] = (),
    ) -> AsyncGenerator[RawBlock, None]:
        """The result of a read by blocks of at most about `block_rows`, each as it came, when it is asked for.

        Close it (`contextlib.aclosing`) to stop the query early. `timeout` is for all of it, and so is `most_bytes`,
        of values as the server holds them (0: as many as there are). Raises as `select`.
        """
        bound = bind(sql, params or {}, identifiers=identifiers)
        timeout, limits = self._bounds(timeout)
        settings: Settings = {
            "log_comment": spans.comment(name),
            "max_execution_time": math.ceil(timeout),
            **limits,
            **({"max_result_bytes": most_bytes, "result_overflow_mode": "throw"} if most_bytes else {}),
            "max_block_size": block_rows,
        }
        until = asyncio.get_running_loop().time() + timeout
        with self._timed(name), _judged(self._budget):
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout_at(until):
                        wire = await stack.enter_async_context(self._pool.connection("read"))
                except TimeoutError:
                    raise _late(None, timeout) from None
                async for block in _until(wire, wire.stream(bound, settings), until, timeout):
                    yield block

    async def execute(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        timeout: float = 30.0,
        name: str = "",
        identifiers: Collection[str] = (),
        settings: Settings | None = None,
    ) -> None:
        """Run a statement that has no result worth having: DDL, ALTER, INSERT … SELECT. Raises as `select`.

        After a Retryable it may have been done: repeat it only where that is harmless.
        """
        statement = bind(sql, params or {}, identifiers=identifiers)
        await self._query(statement, timeout=timeout, name=name, limits=settings or {})

    async def insert(
        self,
        table: str,
        rows: Rows | Mapping[str, Sequence[Any]],
        *,
        token: str | None,
        timeout: float,
    ) -> None:
        """Insert the rows as one block, and return only when the server has confirmed the end of it.

        Columns of Python values are encoded for whatever types the table has; `Rows` are encoded already, and
        the table must have their types.

        `token` makes repetition harmless: the same rows under the same token are stored once, in the table
        and in everything its views feed. None: the rows are stored whether or not they were before.

        Raises Retryable (nothing was sent), Ambiguous (repeat it with the same token), SchemaDrift (the
        same, once the tables are right), DataRefused (the rows will never be taken as they are; some views
        may have them).
        """
        names = list(rows.types if isinstance(rows, Rows) else rows)
        check_names(table, *names)
        if not length(rows):
            return
        sql = f"INSERT INTO `{table}` ({', '.join(f'`{name}`' for name in names)}) VALUES"
        wire: Wire | None = None
        with self._timed(f"insert {table}"):
            try:
                async with asyncio.timeout(timeout), self._pool.connection("insert") as wire:
                    await wire.insert(sql, rows, insert_settings(wire, table, token, timeout))
            except TimeoutError:
                kind = Ambiguous if wire is not None and wire.rows_sent else Retryable
                raise kind("clickhouse", f"insert not confirmed within {timeout:g} s") from None

    def _bounds(self, timeout: float) -> tuple[float, Settings]:
        """How long to wait for a read, and what the server is told of its limits."""
        if self._budget is None:
            return timeout, _READ
        return self._budget.seconds + LATE_SECONDS, {**_READ, **self._budget.settings()}

    async def _query(
        self,
        sql: str,
        *,
        timeout: float,
        name: str,
        limits: Settings,
    ) -> tuple[tuple[str, ...], tuple[str, ...], list[list[Any]]]:
        settings: dict[str, str | int] = {
            "log_comment": spans.comment(name),
            "max_execution_time": math.ceil(timeout),
            **limits,
        }
        wire: Wire | None = None
        with self._timed(name):
            try:
                async with asyncio.timeout(timeout), self._pool.connection("read") as wire:
                    return await wire.query(sql, settings)
            except TimeoutError:
                raise _late(wire, timeout) from None

    async def _connect(self) -> Wire:
        chosen = self._settings
        if chosen.secure and self._tls is None:
            raise Fatal("clickhouse: used before it was opened")
        return await Wire.connect(
            host=chosen.host,
            port=chosen.port,
            user=chosen.user,
            password=chosen.password.reveal(),
            database=chosen.database,
            tls=self._tls,
        )

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begun, name = time.monotonic(), name or "other"
        about = {spans.DB_SYSTEM: "clickhouse", spans.DB_STATEMENT: name}
        try:
            # Not the current one: a stream is taken by whoever asks, between whatever else it does.
            with spans.span(f"{spans.CLICKHOUSE} {name}", spans.SpanKind.CLIENT, about, current=False):
                yield
        finally:
            if self._metrics is not None:
                seconds = self._metrics.clickhouse_query_seconds.labels(query=name)
                seconds.observe(time.monotonic() - begun)


async def _until(
    wire: Wire, blocks: AsyncIterator[RawBlock], until: float, timeout: float
) -> AsyncGenerator[RawBlock, None]:
    """The same, with a deadline for each step: between them whoever asks may take his time."""
    while True:
        try:
            async with asyncio.timeout_at(until):
                block = await anext(blocks, None)
        except TimeoutError:
            raise _late(wire, timeout) from None
        if block is None:
            return
        yield block


def _late(wire: Wire | None, timeout: float) -> Retryable:
    """The deadline has passed on a connection; None if there was none yet."""
    if wire is not None and wire.heard:
        return _Unfinished("clickhouse", f"not all of the answer within {timeout:g} s")
    return Retryable("clickhouse", f"no answer within {timeout:g} s")


@contextmanager
def _judged(budget: Budget | None) -> Iterator[None]:
    """Tells what a question asked too much of from what failed otherwise; without a budget nothing is too much."""
    try:
        yield
    except _Unfinished as error:
        raise error if budget is None else TooMuch("time") from None
    except ServerFailure as error:
        raise (budget and exceeded(error)) or error from None

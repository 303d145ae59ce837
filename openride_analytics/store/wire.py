"""One native connection to ClickHouse: a query, or an insert of one block, at a time.

asynch supplies the handshake, the packets and the column decoders. Ours are the parts where it can lose data
or a slot: the end of an insert (asynch takes the first packet for the answer, whatever it is), closing (ours
never waits), and timers (none inside: Python 3.11's `wait_for` may swallow a cancellation, so the caller's
deadline is the only one).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from asynch.errors import OperationalError, ServerException
from asynch.proto import constants
from asynch.proto.connection import Connection as Protocol
from asynch.proto.protocol import ServerPacket

from openride_analytics.compute import compute
from openride_analytics.errors import Ambiguous, OpenRideError, Retryable
from openride_analytics.store import native
from openride_analytics.store.codes import DataRefused, SchemaDrift, failure
from openride_analytics.store.raw import RawBlock, read_block
from openride_analytics.store.rows import Rows

_DATA_PACKET: Final = b"\x02\x00"  # a block for no temporary table
_MIN_REVISION: Final = 54429  # below, asynch silently drops the settings it does not know
_WRITE_BYTES: Final = 1 << 18
_THREAD_ROWS: Final = 500  # up to here a block is encoded in a few milliseconds

Settings = Mapping[str, str | int]


class _Protocol(Protocol):
    """asynch's connection, which closes without waiting for the peer and shares one TLS context."""

    tls: ssl.SSLContext | None = None
    writer: Any

    async def disconnect(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.writer.transport.abort()
        self.reset_state()  # type: ignore[no-untyped-call] # asynch's stubs have no annotations here

    def _get_ssl_context(self) -> ssl.SSLContext | None:
        return self.tls


class Wire:
    """One connection. Its owner asks `usable` before using it again, and aborts it otherwise."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._busy = False
        self.heard = (
            False  # anything of the answer to the last query: the server is at work, and does not hang
        )
        self.rows_sent = (
            False  # by the last insert: from then on only its end of stream tells what became of them
        )

    @classmethod
    async def connect(
        cls, *, host: str, port: int, user: str, password: str, database: str, tls: ssl.SSLContext | None
    ) -> "Wire":
        """Raises Retryable. Bounded by the caller's deadline only."""
        make: Any = _Protocol
        protocol = make(
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            secure=tls is not None,
            client_name="openride-analytics",
            connect_timeout=None,
            send_receive_timeout=None,
            settings_is_important=True,  # a server must refuse a setting it does not know, not ignore it
        )
        protocol.tls = tls
        try:
            await protocol.connect()
        except ServerException as error:
            raise failure(error.code or 0, error.message or "", rows_sent=False) from None
        except Exception as error:  # noqa: BLE001 - a broken handshake makes asynch raise anything
            raise Retryable("clickhouse", f"no connection: {_describe(error)}") from None
        if protocol.server_info.revision < _MIN_REVISION:
            protocol.abort()
            raise Retryable("clickhouse", f"protocol revision below {_MIN_REVISION}: the server is too old")
        return cls(protocol)

    @property
    def usable(self) -> bool:
        """Between two queries, with nothing unread and, as far as is known, a peer at the other end."""
        reader = self._protocol.reader
        return (
            not self._busy
            and reader is not None
            and reader.position == reader.current_buffer_size
            and not reader.reader.at_eof()
            and reader.reader.exception() is None
            and not self._protocol.writer.writer.is_closing()
        )

    @property
    def server_version(self) -> tuple[int, int]:
        """Year and month: (26, 9)."""
        info = self._protocol.server_info
        return info.version_major, info.version_minor

    def abort(self) -> None:
        """Close now. The server notices and kills what was running. Never waits, never raises; repeatable."""
        self._protocol.abort()

    async def query(
        self, sql: str, settings: Settings
    ) -> tuple[tuple[str, ...], tuple[str, ...], list[list[Any]]]:
        """Column names, types and values of the whole result. Raises Retryable."""
        names: tuple[str, ...] = ()
        types: tuple[str, ...] = ()
        columns: list[list[Any]] = []
        self._busy = True
        self.heard = False
        with _translated():
            await self._send_query(sql, settings)
            while (packet := await self._protocol._receive_packet()).type != ServerPacket.END_OF_STREAM:
                self.heard = True
                if packet.type == ServerPacket.EXCEPTION:
                    self._busy = bool(names)  # an error in mid-answer: do not trust what follows
                    raise packet.exception
                if packet.type != ServerPacket.DATA or not packet.block.columns_with_types:
                    continue
                if not names:
                    names, types = zip(*packet.block.columns_with_types, strict=True)
                    columns = [[] for _ in names]
                for column, values in zip(columns, packet.block.data, strict=False):  # no data: a header
                    column.extend(values)
        self._busy = False
        return names, types, columns

    async def stream(self, sql: str, settings: Settings) -> AsyncIterator[RawBlock]:
        """The blocks of a result as they come, none before it is asked for: the server waits meanwhile.

        Raises Retryable. Whoever does not take all of them leaves the connection unusable.
        """
        self._busy = True
        self.heard = False
        with _translated():
            await self._send_query(sql, settings)
        while True:
            with _translated():
                block = await self._next_block()
            if block is None:
                break
            if block.rows:
                yield block
        self._busy = False

    async def _next_block(self) -> RawBlock | None:
        reader = self._protocol.reader
        while True:
            kind = await reader.read_varint()
            self.heard = True
            if kind == ServerPacket.DATA:
                return await read_block(reader)
            reader.position -= 1  # one byte, which asynch reads again
            packet = await self._protocol._receive_packet()
            if packet.type == ServerPacket.EXCEPTION:
                raise packet.exception
            if packet.type == ServerPacket.END_OF_STREAM:
                return None

    async def insert(
        self,
        sql: str,
        offered: Rows | Mapping[str, Sequence[Any]],
        settings: Settings,
    ) -> None:
        """Send the rows, or columns, as one block, and return once the server has said that it is done with it.

        Raises Retryable (no row was sent), Ambiguous (rows were sent, no end was read), SchemaDrift,
        DataRefused. Whatever it raises, the connection is not usable afterwards.
        """
        self._busy = True
        self.rows_sent = False
        with _translated():
            await self._send_query(sql, settings)
            sample = await self._sample()
        if list(sample) != list(offered.types if isinstance(offered, Rows) else offered):
            raise SchemaDrift("schema: the table asks for other columns than were offered")
        rows = offered if isinstance(offered, Rows) else await _encode(offered, sample)
        for name, type_ in sample.items():
            if rows.types[name] != type_:
                raise SchemaDrift(f"schema: column {name} is a {type_}, not a {rows.types[name]}")
        revision = min(constants.CLIENT_REVISION, self._protocol.server_info.revision)
        self.rows_sent = True
        with _translated(rows_sent=True):
            await self._exchange([_DATA_PACKET, *rows.block(revision), _DATA_PACKET + native.header(0, 0)])
        self._busy = False

    async def _send_query(self, sql: str, settings: Settings) -> None:
        self._protocol.make_query_settings(settings)
        await self._protocol.send_query(sql)
        await self._protocol.send_external_tables(None)

    async def _sample(self) -> dict[str, str]:
        """Names and types of the columns that the server expects, from the empty block with which it asks."""
        while (packet := await self._protocol._receive_packet()).type != ServerPacket.DATA:
            if packet.type == ServerPacket.EXCEPTION:
                raise packet.exception
            if packet.type == ServerPacket.END_OF_STREAM:
                raise Retryable("clickhouse", "the server ended an insert before it began")
        return dict(packet.block.columns_with_types)

    async def _exchange(self, block: list[bytes]) -> None:
        """Send the block while already reading: a server that refuses it midway says so and closes."""
        sending = asyncio.create_task(self._send(block))
        try:
            while (packet := await self._protocol._receive_packet()).type != ServerPacket.END_OF_STREAM:
                if packet.type == ServerPacket.EXCEPTION:
                    raise packet.exception
            if not sending.done():
                raise Ambiguous("clickhouse", "the server ended an insert before it had all rows")
        finally:
            sending.cancel()
            # A lost connection fails both directions; the reading side has told it already.
            sending.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _send(self, block: list[bytes]) -> None:
        stream = self._protocol.writer.writer
        for piece in _gathered(block):
            stream.write(piece)
            await stream.drain()
            await asyncio.sleep(0)  # a drained stream does not wait, and others want their turn


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces worth a system call: for each the loop gives up the interpreter's lock, and gets it
    back a millisecond later if a thread has work."""
    some: list[bytes] = []
    size = 0
    for piece in pieces:
        some.append(piece)
        size += len(piece)
        if size >= _WRITE_BYTES:
            yield b"".join(some)
            some, size = [], 0
    if some:
        yield b"".join(some)


async def _encode(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> Rows:
    """As the table wants them; in a thread if it is much, so that the loop turns meanwhile."""
    few = len(next(iter(columns.values()))) < _THREAD_ROWS
    try:
        return Rows.of(columns, types) if few else await compute(lambda: Rows.of(columns, types))
    except TypeError as error:
        raise SchemaDrift(f"schema: {error}") from None
    except ValueError as error:
        raise DataRefused(str(error)) from None


@contextmanager
def _translated(*, rows_sent: bool = False) -> Iterator[None]:
    """Whatever goes wrong on a connection as one of our errors, without SQL or values in its text."""
    try:
        yield
    except ServerException as error:
        known = failure(error.code or 0, error.message or "", rows_sent=rows_sent)
        if rows_sent and type(known) is not SchemaDrift and isinstance(known, Retryable):
            raise Ambiguous("clickhouse", known.problem) from known
        raise known from None
    except OpenRideError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken stream makes the decoder raise anything
        kind = Ambiguous if rows_sent else Retryable
        raise kind("clickhouse", _describe(error)) from None


def _describe(error: BaseException) -> str:
    """What happened, in words that cannot quote a row."""
    cause = error.__cause__ or error
    if isinstance(cause, OperationalError | EOFError):
        return "connection closed by the server"
    if isinstance(cause, OSError):
        return f"connection lost ({cause.strerror or type(cause).__name__})"
    return f"the answer could not be read ({type(cause).__name__})"

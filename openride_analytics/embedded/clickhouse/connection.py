"""One client's conversation, in a thread of its own: hello, then queries one after another until it goes."""

import logging
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain

from openride_analytics.embedded.clickhouse import protocol
from openride_analytics.embedded.clickhouse.blocks import measure
from openride_analytics.embedded.clickhouse.compression import decompressing, frames
from openride_analytics.embedded.clickhouse.engine import Engine
from openride_analytics.embedded.clickhouse.protocol import FromClient, Query, ServerError
from openride_analytics.embedded.clickhouse.results import headed, split
from openride_analytics.embedded.clickhouse.session import Session
from openride_analytics.embedded.clickhouse.spool import Spool
from openride_analytics.embedded.clickhouse.statement import (
    Insert,
    client_insert,
    first_word,
    several,
    used_database,
    without_format,
)
from openride_analytics.embedded.clickhouse.type_names import UnknownType
from openride_analytics.embedded.clickhouse.watcher import Interruption, Watcher
from openride_analytics.embedded.clickhouse.wire import Malformed, PeerClosed, Reader

logger = logging.getLogger("openride.embedded.clickhouse")

BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
SYNTAX_ERROR = 62
QUERY_WAS_CANCELLED = 394
COMPLETE = 2
"""The processing stage of a finished result; others are for the shards of a cluster."""
JOIN_BYTES = 1 << 16


class Connection:
    """From hello to good-bye."""

    def __init__(self, client: socket.socket, engine: Engine, watcher: Watcher) -> None:
        self._client = client
        self._engine = engine
        self._watcher = watcher
        self._reader = Reader(client.recv)
        self._revision = 0
        self._compressed = False
        self._interruption: Interruption | None = None

    def serve(self) -> None:
        """Returns when the client is gone."""
        try:
            with self._client:
                self._converse()
        except (PeerClosed, ConnectionError):
            pass
        except (Malformed, OSError) as error:
            logger.warning("connection closed: %s", error)

    def _converse(self) -> None:
        session = self._greet()
        if session is None:
            return
        with closing(session):
            while True:
                self._reader.compact()
                packet = self._reader.varint()
                if packet == FromClient.PING:
                    self._client.sendall(protocol.PONG)
                elif packet == FromClient.QUERY:
                    types = self._engine.setting_types
                    self._answer(session, protocol.read_query(self._reader, self._revision, types))
                elif packet == FromClient.TABLES_STATUS:
                    self._client.sendall(protocol.tables_status(protocol.read_tables_status(self._reader)))
                elif packet not in (FromClient.CANCEL, FromClient.KEEP_ALIVE):  # a late Cancel ends nothing
                    raise Malformed(f"packet {packet} where a query may begin")

    def _greet(self) -> Session | None:
        if self._reader.varint() != FromClient.HELLO:
            raise Malformed("the first packet is not a hello")
        hello = protocol.read_hello(self._reader)
        self._revision = min(hello.revision, protocol.REVISION)
        try:
            if hello.revision < protocol.OLDEST_REVISION:
                raise ServerError(NOT_IMPLEMENTED, f"Clients of revision {hello.revision} are too old")
            session = Session(self._engine, hello.database)
        except ServerError as error:
            self._client.sendall(protocol.exception(error))
            return None
        self._client.sendall(protocol.hello(self._revision, self._engine.version, self._engine.time_zone))
        return session

    def _answer(self, session: Session, query: Query) -> None:
        self._interruption = None
        try:
            self._compressed = query.compressed
            self._skip_external_tables()
            self._refuse_unsupported(query)
            self._run(session, query)
        except ServerError as error:
            if self._interruption is Interruption.GONE:
                raise PeerClosed from error
            cancelled = self._interruption is Interruption.CANCELLED
            self._client.sendall(protocol.END_OF_STREAM if cancelled else protocol.exception(error))
        except UnknownType as error:  # the end of the client's block cannot be found: nor can its next packet
            self._client.sendall(protocol.exception(ServerError(NOT_IMPLEMENTED, str(error))))
            raise PeerClosed from error
        else:
            self._client.sendall(protocol.END_OF_STREAM)

    @staticmethod
    def _refuse_unsupported(query: Query) -> None:
        if query.stage != COMPLETE:
            raise ServerError(NOT_IMPLEMENTED, f"Query stage {query.stage} is not supported")

    def _skip_external_tables(self) -> None:
        """After each query the client sends temporary tables to go with it, then an empty block."""
        if sum(1 for _ in self._client_blocks()):
            raise ServerError(NOT_IMPLEMENTED, "External tables are not supported")

    def _client_blocks(self) -> Iterator[tuple[int, memoryview]]:
        """(rows, bytes) of each block until the empty one; the bytes hold until the next is asked for."""
        reader = self._reader
        blocks = Reader(decompressing(reader)) if self._compressed else reader
        while True:
            reader.compact()
            blocks.compact()
            packet = reader.varint()
            if packet == FromClient.CANCEL:
                raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled before its data had ended")
            if packet not in (FromClient.DATA, FromClient.SCALAR):
                raise Malformed(f"packet {packet} where data were expected")
            reader.string()  # the temporary table's name
            protocol.skip_block_info(blocks)
            block = measure(blocks)
            if packet == FromClient.SCALAR:
                continue
            if not block.columns:
                return
            with memoryview(blocks.buffer) as view, view[block.start : block.end] as data:
                yield block.rows, data

    def _run(self, session: Session, query: Query) -> None:
        if several(query.text):
            raise ServerError(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
        insert = client_insert(query.text)
        if insert is not None:
            session.apply(query.settings)
            self._insert(session, insert)
            return
        keyword = first_word(query.text)
        session.apply(() if keyword == "SET" else query.settings)
        if (
            self._reader.ahead() == FromClient.CANCEL
        ):  # came with the query: the watcher looks only at the socket
            return
        with self._watcher.watch(self._client, lambda interruption: self._interrupt(session, interruption)):
            self._send_result(session, query.text)
        if keyword == "SET":
            session.settings_changed()
        elif keyword == "USE" and (database := used_database(query.text)):
            session.database_changed(database)

    def _interrupt(self, session: Session, interruption: Interruption) -> None:
        self._interruption = interruption
        session.kill()

    def _insert(self, session: Session, insert: Insert) -> None:
        """All blocks of the client in one INSERT of the engine: one de-duplication token, and nothing is
        stored of an insert that did not come to its end.
        """
        self._send_block(protocol.empty_block(session.sample(insert)))
        with Spool(self._engine.data_dir) as spool:
            for rows, data in self._client_blocks():
                if rows:
                    spool.write(data)
            if spool.size:
                session.insert(insert, spool.path)

    def _send_result(self, session: Session, sql: str) -> None:
        statement = without_format(sql, self._engine.formats) if first_word(sql) != "INSERT" else sql
        stream = session.stream(statement)
        try:
            first = next(stream, None)
        except ServerError as error:
            if error.code != BAD_ARGUMENTS or "Streaming query is not supported" not in error.message:
                raise
            self._send_blocks(session, statement, split(session.run(statement)))
            return
        if first is not None:
            self._send_blocks(session, statement, chain((first,), stream))
        elif columns := session.columns(statement, while_streaming=False):
            self._send_block(protocol.empty_block(columns))

    def _send_blocks(self, session: Session, statement: str, blocks: Iterable[bytes]) -> None:
        for block in headed(blocks, lambda: session.columns(statement, while_streaming=True)):
            if self._interruption is None:
                self._send_block(block)

    def _send_block(self, block: bytes) -> None:
        if self._compressed:
            content = protocol.EMPTY_BLOCK_INFO + block
            self._client.sendall(protocol.DATA_PREFIX + b"".join(frames(content)))
        elif len(block) < JOIN_BYTES:
            self._client.sendall(protocol.DATA_PREFIX + protocol.EMPTY_BLOCK_INFO + block)
        else:
            self._client.sendall(protocol.DATA_PREFIX + protocol.EMPTY_BLOCK_INFO)
            self._client.sendall(block)

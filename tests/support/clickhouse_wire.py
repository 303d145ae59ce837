"""ClickHouse's native protocol by hand, for tests that cut it anywhere."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from openride_analytics.embedded.clickhouse.wire import string, varint
from tests.support.clickhouse import Database

BLOCK_HEAD = b"\x02\x00\x01\x00\x02\xff\xff\xff\xff\x00"
"""A Data packet up to the number of columns."""
EMPTY_BLOCK = BLOCK_HEAD + b"\x00\x00"
CANCEL = b"\x03"
EXCEPTION = b"\x02"
END_OF_STREAM = b"\x05"


@contextmanager
def connected(database: Database) -> Iterator[socket.socket]:
    """A connection that has said hello, as a client of revision 54429."""
    with socket.create_connection((database.host, database.port), timeout=10) as client:
        hello = b"\0" + string("by hand") + varint(1) + varint(0) + varint(54429)
        client.sendall(hello + string(database.name) + string("default") + string(""))
        assert client.recv(4096)[:1] == b"\0"
        yield client


def query_packet(sql: str) -> bytes:
    """A query without client information and settings, and the empty block that ends its external tables."""
    return b"\x01" + string("") + b"\0" + string("") + b"\x02\0" + string(sql) + EMPTY_BLOCK


def strings_block(values: Sequence[bytes]) -> bytes:
    """A Data packet with one String column, `v`."""
    rows = b"".join(varint(len(value)) + value for value in values)
    return BLOCK_HEAD + varint(1) + varint(len(values)) + string("v") + string("String") + rows

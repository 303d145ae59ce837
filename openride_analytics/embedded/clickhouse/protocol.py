"""The packets of ClickHouse's native protocol, as far as a server needs them. Pure: bytes in, bytes out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from openride_analytics.embedded.clickhouse.wire import Malformed, Reader, int32, string, varint

REVISION = 54440
"""Below 54429 settings are not strings (and asynch drops those it does not know,
insert_deduplication_token among them); from 54441 on a query carries an interserver secret, tracing and
more.
"""

OLDEST_REVISION = 54032
SETTINGS_AS_STRINGS = 54429
NATIVE_NAME = "openride embedded ClickHouse"

EMPTY_BLOCK_INFO = bytes((1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0))
"""Not an overflow row, no bucket number; the engine's Native format leaves it out."""


DATA_PREFIX = bytes((1, 0))
"""The packet's number and the table's name; the rest, BlockInfo included, is inside the compression if
any.
"""


class FromClient(IntEnum):
    HELLO = 0
    QUERY = 1
    DATA = 2
    CANCEL = 3
    PING = 4
    TABLES_STATUS = 5
    KEEP_ALIVE = 6
    SCALAR = 7


class FromServer(IntEnum):
    HELLO = 0
    DATA = 1
    EXCEPTION = 2
    PONG = 4
    END_OF_STREAM = 5
    TABLES_STATUS = 9


@dataclass(frozen=True)
class Hello:
    client: str
    revision: int
    database: str
    user: str


@dataclass(frozen=True)
class Setting:
    """`important`: a server that does not know it must refuse the query."""

    name: str
    value: str
    important: bool


@dataclass(frozen=True)
class Query:
    text: str
    settings: tuple[Setting, ...]
    stage: int
    compressed: bool


class ServerError(Exception):
    """What an Exception packet says: ClickHouse's error code and message."""

    _FORM = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(.*)", re.S)

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"Code: {code}. {message}")
        self.code = code
        self.message = message

    @classmethod
    def from_engine(cls, error: Exception) -> "ServerError":
        """From the engine's `Code: 47. DB::Exception: ...`; code 1002 (unknown) for anything else."""
        match = cls._FORM.search(str(error))
        return cls(int(match[1]), match[2]) if match else cls(1002, f"{type(error).__name__}: {error}")


def read_hello(reader: Reader) -> Hello:
    """After the packet's number."""
    name = reader.string()
    reader.varint()
    reader.varint()
    revision = reader.varint()
    database, user, _password = reader.string(), reader.string(), reader.string()
    return Hello(name, revision, database, user)


def hello(revision: int, version: tuple[int, int, int], time_zone: str) -> bytes:
    answer = bytes((FromServer.HELLO,)) + string("ClickHouse")
    answer += varint(version[0]) + varint(version[1]) + varint(REVISION)
    if revision >= 54058:
        answer += string(time_zone)
    if revision >= 54372:
        answer += string(NATIVE_NAME)
    if revision >= 54401:
        answer += varint(version[2])
    return answer


def read_query(reader: Reader, revision: int, types: Mapping[str, str]) -> Query:
    """After the packet's number. `types` of the engine's settings are needed for clients older than
    54429, which send settings in binary.
    """
    reader.string()  # the query's id: the engine chooses its own
    _skip_client_info(reader, revision)
    settings = tuple(_settings(reader, revision, types))
    stage = reader.varint()
    compressed = bool(reader.varint())
    return Query(reader.string(), settings, stage, compressed)


def _skip_client_info(reader: Reader, revision: int) -> None:
    if reader.byte() == 0:
        return
    for _ in ("initial user", "initial query id", "initial address"):
        reader.string()
    interface = reader.byte()
    if interface == 1:  # TCP; others leave these out
        for _ in ("system user", "host name", "client name"):
            reader.string()
        for _ in ("major", "minor", "revision"):
            reader.varint()
    elif interface == 2:  # HTTP
        reader.byte()
        reader.string()
    if revision >= 54060:
        reader.string()  # quota key
    if revision >= 54401 and interface == 1:
        reader.varint()  # patch


def _settings(reader: Reader, revision: int, types: Mapping[str, str]) -> list[Setting]:
    settings = []
    while name := reader.string():
        if revision >= SETTINGS_AS_STRINGS:
            important = bool(reader.varint() & 1)
            settings.append(Setting(name, reader.string(), important))
        else:
            settings.append(Setting(name, _binary_setting(reader, name, types), False))
    return settings


_UNSIGNED = ("UInt64", "Bool", "MaxThreads", "Seconds", "Milliseconds", "NonZeroUInt64")


def _binary_setting(reader: Reader, name: str, types: Mapping[str, str]) -> str:
    kind = types.get(name)
    if kind is None:
        raise Malformed(f"setting {name} is not known, so its end cannot be found")
    kind = kind.removesuffix("Auto")
    if kind in _UNSIGNED:
        return str(reader.varint())
    if kind in ("Int32", "Int64"):
        zigzag = reader.varint()
        return str(zigzag >> 1 ^ -(zigzag & 1))
    return reader.string()


def read_tables_status(reader: Reader) -> list[tuple[str, str]]:
    """The (database, table) pairs asked for."""
    return [(reader.string(), reader.string()) for _ in range(reader.varint())]


def tables_status(tables: Sequence[tuple[str, str]]) -> bytes:
    """Says of each table that it is there and not replicated."""
    answer = bytes((FromServer.TABLES_STATUS,)) + varint(len(tables))
    for database, table in tables:
        answer += string(database) + string(table) + b"\0"
    return answer


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """A block without rows, which tells names and types."""
    block = varint(len(columns)) + b"\0"
    for name, type_name in columns:
        block += string(name) + string(type_name)
    return block


def exception(error: ServerError) -> bytes:
    message = f"DB::Exception: {error.message}"
    return (
        bytes((FromServer.EXCEPTION,))
        + int32(error.code)
        + string("DB::Exception")
        + string(message)
        + string("")
        + b"\0"
    )


PONG = bytes((FromServer.PONG,))
END_OF_STREAM = bytes((FromServer.END_OF_STREAM,))


def skip_block_info(reader: Reader) -> None:
    while field := reader.varint():
        if field == 1:
            reader.byte()
        elif field == 2:
            reader.raw(4)
        else:
            raise Malformed(f"field {field} of a block's information is not known")

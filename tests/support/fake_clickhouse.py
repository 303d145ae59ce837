"""A ClickHouse that speaks just enough of the protocol to take inserts, and then says what it is told to."""

import asyncio
import struct
from types import TracebackType
from typing import Final, Self

from openride_analytics.store import native

_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_END_OF_BLOCKS: Final = b"\x02\x00" + _INFO + b"\x00\x00"

END_OF_STREAM: Final = b"\x05"
PROGRESS: Final = b"\x03" + bytes(5)  # nothing read, nothing written yet


def exception(code: int, message: str) -> bytes:
    """An Exception packet."""
    return (
        b"\x02"
        + struct.pack("<i", code)
        + b"".join(map(native.text, ("DB::Exception", message, "")))
        + b"\x00"
    )


def sample(**types: str) -> bytes:
    """The empty block that asks for the rows of an insert."""
    columns = b"".join(native.text(name) + native.text(type_) for name, type_ in types.items())
    return b"\x01\x00" + _INFO + native.varint(len(types)) + b"\x00" + columns


class FakeClickHouse:
    """`async with`; answers a query with `asked` and, once the rows have come, `done`; empty is silence."""

    def __init__(
        self,
        *,
        asked: bytes = b"",
        done: bytes = b"",
        greets: bool = True,
        version: tuple[int, int] = (26, 9),
        revision: int = 54440,
    ) -> None:
        self._asked = asked
        self._done = done
        self._greets = greets
        self._version = version
        self._revision = revision
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.received = b""
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._greets:
            await asyncio.Event().wait()
        await reader.read(1 << 16)  # the client's hello
        name, zone = native.text("Fake"), native.text("UTC")
        version = b"".join(map(native.varint, (*self._version, self._revision)))
        writer.write(b"\x00" + name + version + zone + name + native.varint(1))
        while True:
            self.received += await reader.readuntil(_END_OF_BLOCKS)  # the query, then no temporary tables
            writer.write(self._asked)
            self.received += await reader.readuntil(_END_OF_BLOCKS)  # the rows
            writer.write(self._done)

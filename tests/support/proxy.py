"""A TCP proxy that can misbehave: in front of a real server it makes the faults that networks make."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self


class Fault(Enum):
    """What happens once the client has sent the number of bytes for which the fault was armed."""

    CUT = auto()  # both sides are closed; not a byte more has reached the server
    RESET = auto()  # the same, but the client gets a reset instead of an end
    HALF_CLOSE = auto()  # the server is told that the client has no more to say; what it says still arrives
    LOSE_ANSWER = auto()  # everything still reaches the server; its next answer is lost, then both are closed
    HANG = auto()  # nothing passes any more, and nothing is closed


@dataclass(eq=False)
class _Connection:
    """`meant`: it has sent what the armed fault waits for."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter
    meant: bool = False


class Proxy:
    """Listens on the loopback interface and passes everything on to `host:port`; `async with`.

    `delay`: seconds that everything takes longer, each way. `rewrite`: what becomes of the server's answers.
    `struck`: how often a fault has happened. `heard`: what clients have said, where it is made a bytearray.
    """

    def __init__(self, host: str, port: int, *, listen: int = 0) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: Fault | None = None
        self._bytes_left = 0
        self._on = b""
        self.port = listen
        self.delay = 0.0
        self.rewrite: Callable[[bytes], bytes] = bytes
        self.struck = 0
        self.heard: bytearray | None = None

    def arm(self, fault: Fault, *, after: int = 0, on: bytes = b"") -> None:
        """Let `after` more bytes of the clients pass, all together; then the fault, until `mend`.

        With `on` it happens only to connections that send these bytes, and counting begins with them.
        """
        self._fault, self._bytes_left, self._on = fault, after, on

    def lead_to(self, host: str, port: int) -> None:
        """New connections go there, as where a name has got another address; those that there are go on."""
        self._target = (host, port)

    def mend(self) -> None:
        """Pass everything on again, on new connections."""
        self._fault = None
        for connection in self._connections:
            connection.meant = False

    def reset_all(self) -> None:
        """Reset every connection, as a server that is killed does."""
        for connection in list(self._connections):
            _reset(connection.client)
            connection.upstream.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
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

    def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, client)))

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, upstream = await asyncio.open_connection(*self._target)
            connection = _Connection(client, upstream)
            self._connections.add(connection)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._up(reader, connection))
                    group.create_task(self._down(answers, connection))
            finally:
                self._connections.discard(connection)
                upstream.transport.abort()
        except* OSError:
            pass
        finally:
            client.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        upstream = connection.upstream
        while data := await reader.read(1 << 16):
            await asyncio.sleep(self.delay)
            if self.heard is not None:
                self.heard += data
            if self._on and self._on in data:
                connection.meant = True
            if self._meant(connection):
                if self._fault is not Fault.LOSE_ANSWER and len(data) > self._bytes_left:
                    upstream.write(data[: self._bytes_left])
                    await upstream.drain()
                    await self._strike(connection)
                self._bytes_left = max(0, self._bytes_left - len(data))
            upstream.write(data)
            await upstream.drain()
        raise ConnectionAbortedError  # an end on one side is an end on both

    async def _down(self, answers: asyncio.StreamReader, connection: _Connection) -> None:
        client = connection.client
        while data := await answers.read(1 << 16):
            await asyncio.sleep(self.delay)
            lost = self._fault is Fault.LOSE_ANSWER and self._bytes_left == 0
            if lost and self._meant(connection):
                self.struck += 1
                raise ConnectionAbortedError
            client.write(self.rewrite(data))
            await client.drain()
        raise ConnectionAbortedError

    def _meant(self, connection: _Connection) -> bool:
        return self._fault is not None and (connection.meant or not self._on)

    async def _strike(self, connection: _Connection) -> None:
        """The bytes before it have passed; never returns."""
        fault, self._bytes_left = self._fault, 0
        self.struck += 1
        if fault is Fault.HALF_CLOSE:
            connection.upstream.write_eof()
        if fault is Fault.RESET:
            _reset(connection.client)
        if fault in (Fault.HANG, Fault.HALF_CLOSE):
            await asyncio.Event().wait()
        raise ConnectionAbortedError


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

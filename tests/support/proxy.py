"""A TCP proxy that can misbehave: in front of a real server it makes the faults that networks make."""

import asyncio
import socket
import struct
from enum import Enum, auto
from types import TracebackType
from typing import Self


class Fault(Enum):
    """What happens once the client has sent the number of bytes for which the fault was armed."""

    CUT = auto()  # both sides are closed; not a byte more has reached the server
    RESET = auto()  # the same, but the client gets a reset instead of an end
    LOSE_ANSWER = auto()  # everything still reaches the server; its next answer is lost, then both are closed
    HANG = auto()  # nothing passes any more, and nothing is closed


class Proxy:
    """Listens on the loopback interface and passes everything on to `host:port`; `async with`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: Fault | None = None
        self._bytes_left = 0
        self.port = 0

    def arm(self, fault: Fault, *, after: int) -> None:
        """Let `after` more bytes of the clients pass, all together; then the fault, until `mend`."""
        self._fault, self._bytes_left = fault, after

    def mend(self) -> None:
        """Pass everything on again, on new connections."""
        self._fault = None

    def reset_all(self) -> None:
        """Reset every connection, as a server that is killed does."""
        for client, upstream in list(self._pairs):
            _reset(client)
            upstream.transport.abort()

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

    def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, client)))

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, upstream = await asyncio.open_connection(*self._target)
            pair = (client, upstream)
            self._pairs.add(pair)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._up(reader, pair))
                    group.create_task(self._down(answers, pair))
            finally:
                self._pairs.discard(pair)
                upstream.transport.abort()
        except* OSError:
            pass
        finally:
            client.transport.abort()

    async def _up(
        self, reader: asyncio.StreamReader, pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    ) -> None:
        client, upstream = pair
        while data := await reader.read(1 << 16):
            if self._fault in (Fault.CUT, Fault.RESET, Fault.HANG) and len(data) > self._bytes_left:
                upstream.write(data[: self._bytes_left])
                await upstream.drain()
                if self._fault is Fault.HANG:
                    await asyncio.Event().wait()
                if self._fault is Fault.RESET:
                    _reset(client)
                raise ConnectionAbortedError
            self._bytes_left = max(0, self._bytes_left - len(data))
            upstream.write(data)
            await upstream.drain()
        raise ConnectionAbortedError  # an end on one side is an end on both

    async def _down(
        self, answers: asyncio.StreamReader, pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    ) -> None:
        client, _ = pair
        while data := await answers.read(1 << 16):
            if self._fault is Fault.LOSE_ANSWER and self._bytes_left == 0:
                raise ConnectionAbortedError
            client.write(data)
            await client.drain()
        raise ConnectionAbortedError


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

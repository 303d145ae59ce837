"""A plain TCP balancer, as stands before replicas: it knows nothing of HTTP, nor who is about to end."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

PIECE_BYTES = 1 << 16


class Balancer:
    """Listens on the loopback interface, passes each connection on to one of `ports` there, in turn; `async with`.

    Where nobody listens it tries the next; where nobody listens anywhere, the client's connection is closed.
    `delay`: seconds that every piece is on its way, in each direction.
    """

    def __init__(self, ports: Sequence[int], *, delay: float = 0.0) -> None:
        self._ports = ports
        self._delay = delay
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
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
        task = asyncio.create_task(self._serve(reader, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        writers = [client]
        try:
            answers, replica = await self._connect()
            writers.append(replica)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, replica))
                group.create_task(self._copy(answers, client))
        except* OSError:  # what broke on one side breaks on the other
            pass
        finally:
            for writer in writers:
                writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To whose turn it is. Raises ConnectionRefusedError once all have refused."""
        for _ in self._ports:
            port = self._ports[self._turn % len(self._ports)]
            self._turn += 1
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                continue
        raise ConnectionRefusedError("by all replicas")

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All bytes, and then the end: what comes back may go on."""
        while data := await reader.read(PIECE_BYTES):
            await asyncio.sleep(self._delay)
            writer.write(data)
            await writer.drain()
        writer.write_eof()

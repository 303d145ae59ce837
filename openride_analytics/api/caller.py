"""Whoever asked: when they leave, what is being done for them is stopped.

A question goes on in ClickHouse as long as somebody here waits for it, so nobody must wait for those who have left.
"""

import asyncio

from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Receive, Send


async def answered_while_listening(app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Run the application on a request without a body, and cancel it when the caller disconnects.

    A body that comes nevertheless is thrown away piece by piece: behind it nobody could be seen to leave.
    """
    caller = _Caller(receive)
    answering = asyncio.ensure_future(app(scope, caller.receive, send))
    listening = asyncio.create_task(caller.listen())
    try:
        await asyncio.wait([answering, listening], return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        left = answering.cancel()
        await asyncio.wait([answering])
        if not left or not answering.cancelled():
            answering.result()


class _Caller:
    """The one reader of the connection: the application is told what it would have read itself."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = asyncio.Event()
        self._begun = False

    async def listen(self) -> None:
        """Until they have left."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left.set()

    async def receive(self) -> HTTPReceiveMessage:
        """An empty body; then nothing, until they leave."""
        if not self._begun:
            self._begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

"""The HTTP server, as an actor: uvicorn inside our loop, under our supervisor, without signals of its own."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from openride_analytics.api.application import create_api, enveloped
from openride_analytics.api.dependencies import Api
from openride_analytics.api.envelope import unasked
from openride_analytics.api.problems import problem
from openride_analytics.errors import Fatal
from openride_analytics.supervisor import Child

log = logging.getLogger("openride.api")

MAX_HEAD_BYTES: Final = 16 * 1024  # request line and headers
HEAD_SECONDS: Final = 10.0  # from connecting, or from a request's first byte, to the end of its head
KEEP_ALIVE_SECONDS: Final = 75  # longer than load balancers keep theirs
STALL_SECONDS: Final = 30.0  # in which whoever takes an answer takes STALL_BYTES of what waits for them
STALL_BYTES: Final = 16 * 1024
# Kept ones, too. Requests have a limit of their own, well below, with an answer for who comes then; some file
# descriptors are left for ClickHouse and Kafka: 1024 are common.
MAX_CONNECTIONS: Final = 900
BACKLOG: Final = 512

_LINGER_SECONDS: Final = 1.0  # for who has just connected, or is about to send on a kept connection
_LOOK_SECONDS: Final = 0.02
_DRAIN_SECONDS: Final = 5
_AFTER_DRAIN: Final = 2  # seconds of the grace period kept for what comes after
_CLOSE: Final = (b"connection", b"close")
_END_SECONDS: Final = 1.0  # for requests that were cancelled


class HttpServer:
    """Actor `http`. Ready once it listens. Raises Fatal if it cannot listen where it is told to."""

    name = "http"

    def __init__(self, api: Api) -> None:
        self._api = api
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at its end: with the real port if the settings say 0."""
        if self._url is None:
            raise Fatal("http: not started")
        return self._url

    async def run(self, child: Child) -> None:
        """Serve until told to stop; then finish the requests that are under way, for some seconds."""
        app = self._api.resources.settings.app
        application = create_api(self._api, child.stopping)
        listener = await _listen(app.host, app.port)

        def ready() -> None:
            self._url = _url(listener)
            log.info("listening", extra={"url": self._url})
            child.ready()

        server = _Server(
            _config(enveloped(application, self._api), app.shutdown_grace_seconds), ready, child.stopping
        )
        try:
            async with application.lifespan():
                await server.serve(sockets=[listener])
        finally:
            await server.abort()
            listener.close()
            await self._api.health.close()


class _Server(uvicorn.Server):
    """uvicorn's server, begun and ended by us."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._linger = min(_LINGER_SECONDS, (config.timeout_graceful_shutdown or 0) / 4)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are the process's, not ours."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second: whether to begin the end."""
        return await super().on_tick(counter) or self._stopping.is_set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, which closes every connection that has no request under way; but first those are answered
        whose request is on its way: on a connection that is not yet accepted, just accepted, or kept."""
        late = [connection for listener in sockets or () for connection in _not_yet_accepted(listener)]
        for server in self.servers:
            server.close()
        for connection in late:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger):
                while True:
                    for protocol in list(self.server_state.connections):
                        if isinstance(protocol, _Protocol):
                            protocol.answer_and_close()
                    await asyncio.sleep(_LOOK_SECONDS)  # those just accepted are known then
                    if not self.server_state.connections:
                        break
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return _Protocol(self.config, self.server_state, self.lifespan.state)

    async def abort(self) -> None:
        """Whatever is left, without waiting for the other side. After an orderly end there is nothing."""
        for server in getattr(self, "servers", ()):
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if tasks := list(self.server_state.tasks):
            log.warning("requests cut off", extra={"requests": len(tasks)})
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_END_SECONDS)


class _Protocol(H11Protocol):
    """uvicorn's, with a limit for how many connections there are and for how long the head of a request may take to
    come and an answer to be taken, answers sent at once, and problems for what is no request."""

    _silent_since = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _stalling: asyncio.TimerHandle | None = None
    _last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        # An answer is a head and a body: without this the body waits, up to 40 ms, until the other side has
        # acknowledged the head. asyncio does it only for sockets that were made with the protocol's number.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._silent_since = self.loop.time()
        self._watch()
        if len(self.connections) > MAX_CONNECTIONS:
            self._let_one_go()

    def on_response_complete(self) -> None:
        self._silent_since = self.loop.time()
        super().on_response_complete()

    def _let_one_go(self) -> None:
        """That which has asked nothing for longest. uvicorn's own limit would refuse whoever asks, probes too, as long
        as others keep connections that they do not use."""
        others = (other for other in self.connections if isinstance(other, _Protocol) and not other._asking)
        longest = min(others, key=lambda other: other._silent_since)
        self.connections.discard(longest)  # it is lost only in the loop's next turn
        longest.transport.abort()

    @property
    def _asking(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def handle_events(self) -> None:
        super().handle_events()
        if self._last:
            self.answer_and_close()

    def answer_and_close(self) -> None:
        """The request under way, else the next one, is the last here, and its answer says so."""
        self._last = True
        if (
            self.cycle is not None
            and not self.cycle.response_started
            and _CLOSE not in self.cycle.default_headers
        ):
            self.cycle.keep_alive = False
            self.cycle.default_headers = [*self.cycle.default_headers, _CLOSE]

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as in uvicorn
        """The rest cannot be read, so the connection ends. An answer that has begun is cut short: a second one would
        be taken for that of another request."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # nothing more is said to whom the application answers
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(*unasked(problem(400, detail="this is no HTTP/1.1 request")))
        self.transport.close()

    def _send(self, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        headers = [*self.server_state.default_headers, *headers, _CLOSE]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._stall_no_longer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits to be taken than should. Whoever takes none of it keeps a place that others want, and the file or
        the query that the answer is made of."""
        super().pause_writing()
        self._stall(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._stall_no_longer()
        super().resume_writing()

    def _stall(self, waiting: int) -> None:
        def look() -> None:
            left = self.transport.get_write_buffer_size()
            if waiting - left < STALL_BYTES:
                self.transport.abort()
            else:
                self._stall(left)

        self._stalling = self.loop.call_later(STALL_SECONDS, look)

    def _stall_no_longer(self) -> None:
        if self._stalling is not None:
            self._stalling.cancel()
            self._stalling = None

    def _watch(self) -> None:
        if self._asking:
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _config(app: Any, grace: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",  # the application's is entered around the server
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, min(_DRAIN_SECONDS, int(grace) - _AFTER_DRAIN)),
    )


async def _listen(host: str, port: int) -> socket.socket:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, address = found[0]
        return socket.create_server(
            address,
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise Fatal(
            f"cannot listen on {host}:{port} (HOST, PORT): {error.strerror or 'no such address'}"
        ) from error


def _not_yet_accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Connections that the system has accepted and we have not: closing the listener would reset them."""
    with suppress(OSError):  # BlockingIOError: there are no more
        while True:
            yield listener.accept()[0]


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""The listener: a thread per client, and an end within seconds whatever runs."""

import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path

from openride_analytics.embedded.clickhouse.connection import Connection
from openride_analytics.embedded.clickhouse.engine import Engine
from openride_analytics.embedded.clickhouse.protocol import ServerError
from openride_analytics.embedded.clickhouse.watcher import Watcher
from openride_analytics.embedded.process import HOST

logger = logging.getLogger("openride.embedded.clickhouse")

STOP_SECONDS = 3.0
CLOSE_SECONDS = 2.0
ACCEPT_RETRY_SECONDS = 0.1


class Server:
    """Listens on the loopback interface (`port` 0: any that is free) as soon as it exists."""

    def __init__(self, engine: Engine, port: int) -> None:
        self._engine = engine
        self._watcher = Watcher()
        self._listener = socket.create_server((HOST, port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._clients: dict[threading.Thread, socket.socket] = {}

    def accept(self) -> None:
        """Serve until `close`."""
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError as error:
                if not self._closing.wait(ACCEPT_RETRY_SECONDS):
                    logger.warning("cannot accept a connection: %s", error)
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(client,), name="client", daemon=True)
            with self._lock:
                self._clients[thread] = client
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            Connection(client, self._engine, self._watcher).serve()
        finally:
            with self._lock:
                del self._clients[threading.current_thread()]

    def close(self) -> bool:
        """Refuse new clients, end queries and connections. False if some did not end within STOP_SECONDS."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            clients = dict(self._clients)
        for client in clients.values():
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for _ in range(int(STOP_SECONDS / 0.1)):
            clients = {thread: client for thread, client in clients.items() if thread.is_alive()}
            if not clients:
                return True
            with suppress(ServerError):
                self._engine.kill()
            next(iter(clients)).join(0.1)
        return False


def run(data_dir: Path, port: int, database: str) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status."""
    data_dir.mkdir(parents=True, exist_ok=True)
    os.environ["TZ"] = "UTC"
    try:
        engine = Engine(data_dir, database)
        server = Server(engine, port)
    except (ServerError, OSError) as error:
        hint = "; is another server using it?" if "EmbeddedServer" in str(error) else ""
        logger.error("cannot start on %s: %s%s", data_dir, error, hint)  # noqa: TRY400 - the message says all
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # after the engine, which installs handlers of its own
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.accept, name="listener", daemon=True).start()
    logger.info(
        "ClickHouse %s on %s:%d, data in %s", ".".join(map(str, engine.version)), HOST, server.port, data_dir
    )
    stop.wait()
    logger.info("stopping")
    if server.close():
        closing = threading.Thread(target=engine.close, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
    os._exit(0)  # whatever the engine's threads still do: what was acknowledged is on disk

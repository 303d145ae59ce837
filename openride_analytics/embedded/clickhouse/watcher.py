"""Watches the sockets of clients whose queries run, for what may come then: Cancel, or the end."""

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from openride_analytics.embedded.clickhouse.protocol import FromClient

REPEAT_SECONDS = 0.1
"""A query may not have begun when its end is asked for: ask again until it has ended."""


class Interruption(Enum):
    CANCELLED = auto()
    GONE = auto()


Notify = Callable[[Interruption], None]


class Watcher:
    """One thread for all connections; asleep unless a client speaks during its query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notifying = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._watched: dict[socket.socket, Notify] = {}
        self._interrupted: dict[socket.socket, tuple[Notify, Interruption]] = {}
        threading.Thread(target=self._run, name="watcher", daemon=True).start()

    @contextmanager
    def watch(self, client: socket.socket, notify: Notify) -> Iterator[None]:
        """`notify` is called (from the watcher's thread, perhaps repeatedly) if the client interrupts the
        body, and never after it: it would strike the next query.
        """
        with self._lock:
            self._watched[client] = notify
            self._selector.register(client, selectors.EVENT_READ)
        try:
            yield
        finally:
            with self._lock:
                if self._watched.pop(client, None):
                    self._selector.unregister(client)
                interrupted = self._interrupted.pop(client, None)
            if interrupted:
                with self._notifying:  # a call may be under way
                    pass

    def _run(self) -> None:
        while True:
            with self._lock:
                timeout = REPEAT_SECONDS if self._interrupted else None
            for key, _ in self._selector.select(timeout):
                if isinstance(key.fileobj, socket.socket):
                    self._look(key.fileobj)
            with self._lock:
                interrupted = list(self._interrupted)
            for client in interrupted:
                self._notify(client)

    def _notify(self, client: socket.socket) -> None:
        with self._notifying:
            with self._lock:
                notify, interruption = self._interrupted.get(client, (None, None))
            if notify and interruption:
                notify(interruption)

    def _look(self, client: socket.socket) -> None:
        """Anything but Cancel and an end is left for later, when the query is done."""
        with self._lock:
            notify = self._watched.get(client)
            if notify is None:
                return
            try:
                ahead = client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:  # this readiness was seen, and read, before the present query
                return
            except OSError:
                ahead = b""
            del self._watched[client]
            self._selector.unregister(client)
            if not ahead:
                self._interrupted[client] = (notify, Interruption.GONE)
            elif ahead[0] == FromClient.CANCEL:
                self._interrupted[client] = (notify, Interruption.CANCELLED)

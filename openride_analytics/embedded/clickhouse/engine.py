"""The ClickHouse engine (chdb) inside this process: opened once, then one session per client connection."""

import itertools
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from openride_analytics.embedded.clickhouse.protocol import ServerError
from openride_analytics.embedded.clickhouse.statement import literal, quote

SERVER_SETTINGS = {
    "max_server_memory_usage": 5 << 30,  # the caches, and enough for the largest test; and a laptop lives
    "mark_cache_size": 256 << 20,
    "uncompressed_cache_size": 1 << 30,  # what questions have read: 10 million events are 0.6 GB
    "background_pool_size": 2,
    "os_threads_nice_value_merge_mutate": 10,  # as inserts: questions first
    "background_schedule_pool_size": 8,
    "log-level": "error",
}

TAG = "send_logs_source_regexp"
"""A setting without effect here, which marks a session's queries so that they can be found and killed."""

ENGINE_ERRORS = (RuntimeError, UnicodeError)
"""What chdb raises; UnicodeError when its message quotes bytes that are not UTF-8."""


class Engine:
    """The engine of this process, on `data_dir`. Raises ServerError if another process has the directory."""

    def __init__(self, data_dir: Path, database: str) -> None:
        from chdb import _chdb  # noqa: PLC0415 - half a gigabyte: for the server's process only

        self._connect: Any = vars(_chdb)["connect"]  # compiled: its types are not known
        self._address = f"file:{data_dir}?{urlencode(SERVER_SETTINGS)}"
        self._control_lock = threading.Lock()
        self._numbers = itertools.count(1)
        self.data_dir = data_dir
        self.default_database = database
        try:
            self._control = self.connect()
        except RuntimeError as error:
            raise ServerError.from_engine(error) from error
        self.ask(f"CREATE DATABASE IF NOT EXISTS {quote(database)}")
        [[version, self.time_zone]] = self.ask("SELECT version(), timezone()")
        major, minor, patch, *_ = map(int, version.split("."))
        self.version = (major, minor, patch)
        self.formats = frozenset(name.lower() for [name] in self.ask("SELECT name FROM system.formats"))
        self.setting_types = {row[0]: row[1] for row in self.ask("SELECT name, type FROM system.settings")}

    def close(self) -> None:
        """After the sessions."""
        with self._control_lock:
            self._control.close()

    def connect(self) -> Any:
        """A connection of the engine's own kind: one query at a time, settings and current database of
        its own.
        """
        return self._connect(self._address)

    def next_tag(self) -> str:
        return f"connection-{next(self._numbers)}."

    def ask(self, sql: str) -> list[list[str]]:
        """A small question on the control connection."""
        with self._control_lock:
            return rows(self._control, sql)

    def kill(self, tag: str = "connection-") -> None:
        """Ask the running query of one session (by default of all) to end."""
        self.ask(f"KILL QUERY WHERE startsWith(Settings[{literal(TAG)}], {literal(tag)}) ASYNC")


def rows(connection: Any, sql: str) -> list[list[str]]:
    """The rows of a small result, values as text. Raises ServerError."""
    try:
        answer = connection.query(encoded(sql), "JSONCompactStringsEachRow").bytes()
    except ENGINE_ERRORS as error:
        raise ServerError.from_engine(error) from error
    return [json.loads(line) for line in answer.splitlines()]


def encoded(sql: str) -> bytes:
    """The statement as the client sent it, bytes that are not UTF-8 included."""
    return sql.encode("utf-8", "surrogateescape")

"""The ClickHouse engine (chdb) inside this process, and sessions on it: one per client connection."""

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from openride_analytics.embedded.clickhouse.protocol import ServerError, Setting
from openride_analytics.embedded.clickhouse.statement import Insert, literal, quote

SERVER_SETTINGS = {
    "max_server_memory_usage": 6 << 30,
    "mark_cache_size": 256 << 20,
    "log-level": "error",
}

SESSION_SETTINGS = {
    "async_insert": "0",  # acknowledged means stored
    "implicit_select": "0",  # `x` alone is a syntax error, as on a server
    "min_insert_block_size_bytes": "0",
}

TAG = "send_logs_source_regexp"
"""A setting without effect here, which marks a session's queries so that they can be found and killed."""

IGNORED_SETTINGS = frozenset({TAG, "database", "storage_file_read_method", "implicit_select"})
"""What another embedded engine (as remote()) sends of its own peculiarities, and what this one needs."""

UNKNOWN_SETTING = 115
NO_SUCH_COLUMN = 16


class Engine:
    """The one engine of this process on `data_dir`. Raises ServerError if another process has it."""

    def __init__(self, data_dir: Path, database: str) -> None:
        from chdb import _chdb  # noqa: PLC0415 - half a gigabyte: loaded by the server process only

        self._connect = _chdb.connect
        self._address = f"file:{data_dir}?{urlencode(SERVER_SETTINGS)}"
        self._control_lock = threading.Lock()
        self._tags = itertools.count(1)
        self.data_dir = data_dir
        self.default_database = database
        try:
            self._control = self._connect(self._address)
        except RuntimeError as error:
            raise ServerError.from_engine(error) from error
        self.ask(f"CREATE DATABASE IF NOT EXISTS {quote(database)}")
        [[version, self.time_zone]] = self.ask("SELECT version(), timezone()")
        self.version: tuple[int, int, int] = tuple(int(part) for part in version.split(".")[:3])  # type: ignore[assignment]  # three of them
        self.formats = frozenset(name.lower() for [name] in self.ask("SELECT name FROM system.formats"))
        self.setting_types: dict[str, str] = dict(self.ask("SELECT name, type FROM system.settings"))  # type: ignore[arg-type]  # pairs

    def connect(self) -> Any:
        return self._connect(self._address)

    def ask(self, sql: str) -> list[list[str]]:
        """A small question on the control connection."""
        with self._control_lock:
            return rows(self._control, sql)

    def close(self) -> None:
        """After the sessions."""
        with self._control_lock:
            self._control.close()

    def session(self, database: str) -> "Session":
        return Session(self, database or self.default_database, f"connection-{next(self._tags)}.")

    def kill(self, tag: str) -> None:
        """Ask the running query of one session (all of them if the tag is empty) to end."""
        self.ask(
            f"KILL QUERY WHERE startsWith(Settings[{literal(TAG)}], {literal(tag or 'connection-')}) ASYNC"
        )


def rows(connection: Any, sql: str) -> list[list[str]]:
    """The rows of a small result, values as text. Raises ServerError."""
    try:
        answer = connection.query(sql, "JSONCompactStringsEachRow").bytes()
    except RuntimeError as error:
        raise ServerError.from_engine(error) from error
    return [json.loads(line) for line in answer.splitlines()]


class Session:
    """One client's state: database, temporary tables, settings. Not for several threads at once, except `kill`."""

    def __init__(self, engine: Engine, database: str, tag: str) -> None:
        self.engine = engine
        self.database = database
        self.tag = tag
        self._connection: Any = None
        self._own: dict[str, str] = {}
        """Settings that the client has changed by SET statements."""
        self._applied: dict[str, str | None] = {}
        """Settings that came with the last query and are still in force; None: not known to which value."""
        self.open()

    def open(self) -> None:
        self.close()
        self._connection = self.engine.connect()
        rows(self._connection, f"CREATE DATABASE IF NOT EXISTS {quote(self.database)}")
        self.use(self.database)
        self._applied = {}
        self._set({**SESSION_SETTINGS, **self._own, TAG: self.tag})

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def use(self, database: str) -> None:
        rows(self._connection, f"USE {quote(database)}")
        self.database = database

    def kill(self) -> None:
        self.engine.kill(self.tag)

    def run(self, sql: str) -> bytes:
        """Execute to the end: the result as Native blocks one after another, empty for statements without one."""
        try:
            return bytes(self._connection.query(sql, "Native").bytes())
        except RuntimeError as error:
            raise ServerError.from_engine(error) from error

    def stream(self, sql: str) -> Iterator[bytes]:
        """Native blocks of a SELECT, each as soon as it is there. Raises ServerError; code 36 with 'Streaming query
        is not supported', before anything has been done, for other statements."""
        connection = self._connection
        try:
            result = connection.send_query(sql, "Native")
            while block := connection.streaming_fetch_result(result).bytes():
                yield block
        except RuntimeError as error:
            raise ServerError.from_engine(error) from error

    def describe(self, subject: str, *, aside: bool = False) -> list[tuple[str, str, str]]:
        """(name, type, kind of default) of the columns of a table, a table function or a query in brackets.

        `aside` asks on another connection: a question on this one would end a stream that is open on it.
        """
        sql = f"DESCRIBE {subject} SETTINGS print_pretty_type_names = 0, describe_compact_output = 0"
        if not aside:
            return [(row[0], row[1], row[2]) for row in rows(self._connection, sql)]
        connection = self.engine.connect()
        try:
            rows(connection, f"USE {quote(self.database)}")
            return [(row[0], row[1], row[2]) for row in rows(connection, sql)]
        finally:
            connection.close()

    def columns(self, query: str, *, aside: bool = False) -> list[tuple[str, str]]:
        """(name, type) of a query's result; empty for statements that only the engine's command line describes."""
        try:
            return [(name, type_name) for name, type_name, _ in self.describe(f"({query}\n)", aside=aside)]
        except ServerError:
            return []

    def sample(self, insert: Insert) -> list[tuple[str, str]]:
        """(name, type) of the columns that an INSERT expects, in order."""
        source = insert.target.removeprefix("FUNCTION")
        names = insert.column_names()
        if insert.columns and names is None:
            return [(n, t) for n, t, _ in self.describe(f"(SELECT {insert.columns[1:-1]} FROM {source})")]
        described = self.describe(source)
        if names is None:
            return [
                (n, t) for n, t, default in described if default not in ("MATERIALIZED", "ALIAS", "EPHEMERAL")
            ]
        types = {name: type_name for name, type_name, _ in described}
        for name in names:
            if name not in types:
                raise ServerError(NO_SUCH_COLUMN, f"No such column {name} in table {source}")
        return [(name, types[name]) for name in names]

    def insert(self, insert: Insert, path: str) -> None:
        """Store the Native blocks of a file."""
        self.run(
            f"INSERT INTO {insert.target} {insert.columns} FROM INFILE {literal(path)} COMPRESSION 'none' "
            f"{insert.settings} FORMAT Native"
        )

    def remember_own_settings(self) -> None:
        """After a SET statement: what it changed holds for the session."""
        changed = rows(self._connection, "SELECT name, value FROM system.settings WHERE changed")
        self._own = {name: value for name, value in changed if name not in IGNORED_SETTINGS}

    def apply(self, settings: tuple[Setting, ...]) -> None:
        """Put these settings in force for the next query, and take back those of the query before."""
        known = self.engine.setting_types
        wanted: dict[str, str | None] = {}
        for setting in settings:
            if setting.name in known and setting.name not in IGNORED_SETTINGS:
                wanted[setting.name] = setting.value
            elif setting.name not in known and setting.important:
                raise ServerError(UNKNOWN_SETTING, f"Unknown setting '{setting.name}'")
        if wanted == self._applied:
            return
        if "readonly" in self._applied:
            self.open()
        before = self._applied
        changes = {name: self._own.get(name) for name in before.keys() - wanted.keys()}
        changes.update((name, value) for name, value in wanted.items() if value != before.get(name))
        self._applied = dict.fromkeys(before.keys() | wanted.keys())  # should SET fail: all are in doubt
        self._set(changes)
        self._applied = wanted

    def _set(self, values: Mapping[str, str | None]) -> None:
        """None is the default. `readonly` comes last, for nothing can be set after it."""
        parts = []
        for name in sorted(values, key=lambda each: each == "readonly"):
            value = values[name] if values[name] is not None else SESSION_SETTINGS.get(name)
            parts.append(f"{name} = " + ("DEFAULT" if value is None else literal(value)))
        if parts:
            rows(self._connection, "SET " + ", ".join(parts))

"""One client's state in the engine: database, temporary tables, settings; and what it can have done there."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from openride_analytics.embedded.clickhouse.engine import ENGINE_ERRORS, TAG, Engine, encoded, rows
from openride_analytics.embedded.clickhouse.protocol import ServerError, Setting
from openride_analytics.embedded.clickhouse.statement import Insert, literal, quote

DEFAULTS = {
    "async_insert": "0",  # acknowledged means stored
    "implicit_select": "0",  # `x` alone is a syntax error, as on a server
}

IGNORED = frozenset(
    {TAG, "database", "dialect", "implicit_select", "run_query_in_background", "storage_file_read_method"}
)
"""What this engine needs for itself, or takes with a query only; another engine's remote() sends most of
them.
"""

NO_SUCH_COLUMN = 16
UNKNOWN_SETTING = 115


class Session:
    """For one thread at a time, except `kill`. Creates `database` if it is not there.

    All methods raise ServerError for what the engine refuses.
    """

    def __init__(self, engine: Engine, database: str) -> None:
        self._engine = engine
        self._tag = engine.next_tag()
        self._database = database or engine.default_database
        self._aside: Any = None
        self._aside_database = ""
        self._own: dict[str, str] = {}
        """Settings that the client has changed by SET statements."""
        self._applied: dict[str, str | None] = {}
        """Settings that came with the last query and are still in force; None: nobody knows with which
        value.
        """
        engine.ask(f"CREATE DATABASE IF NOT EXISTS {quote(self._database)}")
        self._open()

    def _open(self) -> None:
        self._connection = self._engine.connect()
        rows(self._connection, f"USE {quote(self._database)}")
        self._applied = {}
        self._set({**DEFAULTS, **self._own, TAG: self._tag})

    def close(self) -> None:
        """Ends a result that is still being read."""
        for connection in (self._connection, self._aside):
            if connection is not None:
                connection.close()

    def kill(self) -> None:
        """Ask the running query, if any, to end."""
        with suppress(ServerError):
            self._engine.kill(self._tag)

    def run(self, sql: str) -> bytes:
        """Execute to the end. The result: Native blocks one after another, or nothing."""
        try:
            return bytes(self._connection.query(encoded(sql), "Native").bytes())
        except ENGINE_ERRORS as error:
            raise ServerError.from_engine(error) from error

    def stream(self, sql: str) -> Iterator[bytes]:
        """The Native blocks of a SELECT, each as soon as it is there (totals and extremes are left out).

        For other statements, code 36 and 'Streaming query is not supported', before anything was done.
        """
        connection = self._connection
        try:
            result = connection.send_query(encoded(sql), "Native")
            while block := connection.streaming_fetch_result(result).bytes():
                yield block
        except ENGINE_ERRORS as error:
            raise ServerError.from_engine(error) from error

    def insert(self, insert: Insert, path: str) -> None:
        """Store the Native blocks of a file, as one INSERT. Inline data would not do: the engine's inline
        Native is not binary-safe, and its streaming insert reports success when the write failed.
        """
        source = f"FROM INFILE {literal(path)} COMPRESSION 'none'"
        self.run(f"INSERT INTO {insert.target} {insert.columns} {source} {insert.settings} FORMAT Native")

    def sample(self, insert: Insert) -> list[tuple[str, str]]:
        """(name, type) of the columns that an INSERT expects, in order."""
        source = insert.target.removeprefix("FUNCTION")
        names = insert.column_names()
        if insert.columns and names is None:
            query = f"(SELECT {insert.columns[1:-1]} FROM {source})"  # noqa: S608 - the client's own words
            return [(name, kind) for name, kind, _ in self._describe(query)]
        described = self._describe(source)
        if names is None:
            computed = ("MATERIALIZED", "ALIAS", "EPHEMERAL")
            return [(name, kind) for name, kind, default in described if default not in computed]
        kinds = {name: kind for name, kind, _ in described}
        for name in names:
            if name not in kinds:
                raise ServerError(NO_SUCH_COLUMN, f"No such column {name} in table {source}")
        return [(name, kinds[name]) for name in names]

    def columns(self, query: str, *, while_streaming: bool) -> list[tuple[str, str]]:
        """(name, type) of a SELECT's result; empty if the engine cannot tell."""
        with suppress(ServerError):
            described = self._describe(f"({query}\n)", while_streaming=while_streaming)
            return [(name, kind) for name, kind, _ in described]
        return []

    def _describe(self, subject: str, *, while_streaming: bool = False) -> list[tuple[str, str, str]]:
        """(name, type, kind of default) of each column of a table, a table function or a query in brackets.

        Asks on another connection: the client's settings (readonly, limits of the result) do not apply
        there, and a question on this one would end a result that is being read. Temporary tables are
        known only here.
        """
        sql = f"DESCRIBE {subject} SETTINGS print_pretty_type_names = 0"
        try:
            answer = rows(self._aside_connection(), sql)
        except ServerError:
            if while_streaming:
                raise
            answer = rows(self._connection, sql)
        return [(name, kind, default) for name, kind, default, *_ in answer]

    def _aside_connection(self) -> Any:
        if self._aside is None:
            self._aside = self._engine.connect()
        if self._aside_database != self._database:
            rows(self._aside, f"USE {quote(self._database)}")
            self._aside_database = self._database
        return self._aside

    def database_changed(self, database: str) -> None:
        """After a USE statement."""
        self._database = database

    def settings_changed(self) -> None:
        """After a SET statement: what it changed holds for the session."""
        question = "SELECT toJSONString(groupArray((name, value))) FROM system.settings WHERE changed"
        with suppress(ServerError):  # limits so low that not even this is answered
            [[answer]] = rows(self._connection, question)
            self._own = {name: value for name, value in json.loads(answer) if name not in IGNORED}

    def apply(self, settings: tuple[Setting, ...]) -> None:
        """Put these settings in force for the next query, and take back those of the query before."""
        known = self._engine.setting_types
        wanted: dict[str, str | None] = {}
        for setting in settings:
            if setting.name in known and setting.name not in IGNORED:
                wanted[setting.name] = setting.value
            elif setting.name not in known and setting.important:
                raise ServerError(UNKNOWN_SETTING, f"Unknown setting '{setting.name}'")
        if wanted == self._applied:
            return
        if "readonly" in self._applied:  # cannot be taken back
            self._connection.close()
            self._open()
        before = self._applied
        changes = {name: self._own.get(name) for name in before.keys() - wanted.keys()}
        changes.update((name, value) for name, value in wanted.items() if value != before.get(name))
        self._applied = dict.fromkeys(
            before.keys() | wanted.keys()
        )  # should SET fail: any of them may be in force
        self._set(changes)
        self._applied = wanted

    def _set(self, values: Mapping[str, str | None]) -> None:
        """None is the default. `readonly` comes last, for nothing can be set after it."""
        parts = []
        for name in sorted(values, key=lambda each: each == "readonly"):
            value = values[name] if values[name] is not None else DEFAULTS.get(name)
            parts.append(f"{name} = " + ("DEFAULT" if value is None else literal(value)))
        if parts:
            rows(self._connection, "SET " + ", ".join(parts))

"""Migration files as templates: the same file for a single server and for a cluster.

`sql/README.md` describes the placeholders. Rendering is pure: text and a `Target` in, statements out.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from openride_analytics.errors import Fatal
from openride_analytics.settings import Settings

# Entries of the de-duplication log of each table: more than the inserts that can overtake a paused one.
DEDUP_WINDOW = 10_000
DEDUP_SECONDS = 604_800

_PLACEHOLDER = re.compile(r"\{\{(\w+)(?::(\w+))?(?::([^{}]+))?\}\}")
_CREATED_TABLE = re.compile(r"\s*CREATE\s+TABLE\s+IF\s+NOT\s+EXISTS\s+\{\{local:(\w+)\}\}", re.IGNORECASE)
_CREATED_VIEW = re.compile(
    r"\s*CREATE\s+MATERIALIZED\s+VIEW\s+IF\s+NOT\s+EXISTS\s+\{\{database\}\}\.(\w+)", re.IGNORECASE
)
_TTL = re.compile(r"\bTTL\s+([^;]*?\{\{ttl:\w+\}\})", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """What a template is rendered for: `cluster` None is a single server; `days` by name of a retention."""

    database: str
    cluster: str | None
    days: Mapping[str, int]

    @classmethod
    def of(cls, settings: Settings) -> "Target":
        """The target that the settings describe."""
        kept = settings.retention
        days = {
            "metrics": kept.metrics_days,
            "location": kept.location_days,
            "aggregates": kept.aggregates_days,
        }
        return cls(settings.clickhouse.database, settings.clickhouse.cluster, days)

    @property
    def on_cluster(self) -> str:
        """The clause that makes every server of the cluster run a statement; nothing on a single server."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def local(self, table: str) -> str:
        """The table that holds the rows, which in a cluster is not the one that is read from."""
        return f"{self.database}.{table}_local" if self.cluster else f"{self.database}.{table}"


@dataclass(frozen=True)
class Retention:
    """A table and the TTL expression that it should have."""

    table: str
    expression: str


def render(template: str, target: Target) -> list[str]:
    """The template's statements for `target`, without semicolons. Raises Fatal at an unknown placeholder."""
    rendered = (_fill(statement, target) for statement in split(template))
    return [statement for statement in rendered if statement]


def tables(template: str) -> list[str]:
    """Names of the tables that a template creates, as they are read from."""
    return [m[1] for m in map(_CREATED_TABLE.match, split(template)) if m]


def views(template: str) -> list[str]:
    """Names of the materialized views that a template creates."""
    return [m[1] for m in map(_CREATED_VIEW.match, split(template)) if m]


def retentions(template: str, target: Target) -> list[Retention]:
    """The tables of a template whose TTL follows the settings, by the names of those that hold the rows."""
    found = []
    for statement in split(template):
        table, ttl = _CREATED_TABLE.match(statement), _TTL.search(statement)
        if table and ttl:
            found.append(Retention(target.local(table[1]).partition(".")[2], _fill(ttl[1], target)))
    return found


def split(script: str) -> list[str]:
    """Statements of a script, without comments; a `;` in a string, name, comment or heredoc ends none.

    Raises Fatal where a string or comment does not end.
    """
    statements: list[str] = []
    current: list[str] = []
    for piece in _pieces(script):
        if piece == ";":
            statements.append("".join(current).strip())
            current = []
        elif piece.startswith(("--", "/*")):
            current.append("\n" if piece.endswith("\n") else " ")
        else:
            current.append(piece)
    statements.append("".join(current).strip())
    return [statement for statement in statements if statement]


_PIECE = re.compile(
    r"""  --[^\n]*(?:\n|\Z)                         # comment to the end of the line
        | /\*.*?\*/
        | '(?:[^'\\]|\\.|'')*'
        | "(?:[^"\\]|\\.|"")*"
        | `(?:[^`\\]|\\.|``)*`
        | (?P<tag>\$\w*\$).*?(?P=tag)             # heredoc
        | ;
        | [^-/'"`$;]+
        | (?P<stray>['"`]|/\*)                    # opened and never closed
        | [-/$]
    """,
    re.VERBOSE | re.DOTALL,
)


def _pieces(script: str) -> Iterator[str]:
    for match in _PIECE.finditer(script):
        if match["stray"]:
            line = script.count("\n", 0, match.start()) + 1
            raise Fatal(f"migration: what {match[0]} opens on line {line} is never closed")
        yield match[0]


def _fill(text: str, target: Target) -> str:
    def value(match: re.Match[str]) -> str:
        name, argument, extra = match[1], match[2] or "", match[3] or ""
        if name not in _VALUES:
            raise Fatal(f"migration: unknown placeholder {match[0]}")
        return _VALUES[name](target, argument, extra)

    return re.sub(r"[ \t]+(?=\n)", "", _PLACEHOLDER.sub(value, text)).strip()


def _database(target: Target, _argument: str, _extra: str) -> str:
    return target.database


def _on_cluster(target: Target, _argument: str, _extra: str) -> str:
    return target.on_cluster


def _local(target: Target, table: str, _extra: str) -> str:
    return target.local(table)


def _engine(target: Target, engine: str, version: str) -> str:
    if target.cluster is None:
        return f"{engine}({version})" if version else engine
    # {table} is the server's own macro, as {shard} and {replica} are; {database} is written out.
    place = f"'/clickhouse/tables/{{shard}}/{target.database}/{{table}}', '{{replica}}'"
    return f"Replicated{engine}({', '.join(filter(None, (place, version)))})"


def _dedup(target: Target, _argument: str, _extra: str) -> str:
    if target.cluster is None:
        return f"non_replicated_deduplication_window = {DEDUP_WINDOW}"
    return (
        f"replicated_deduplication_window = {DEDUP_WINDOW}, "
        f"replicated_deduplication_window_seconds = {DEDUP_SECONDS}"
    )


def _ttl(target: Target, retention: str, _extra: str) -> str:
    if retention not in target.days:
        raise Fatal(f"migration: unknown retention {retention}")
    return f"toIntervalDay({target.days[retention]})"


def _distributed(target: Target, table: str, sharding_key: str) -> str:
    if target.cluster is None:
        return ""
    place = f"'{target.cluster}', '{target.database}', '{table}_local'"
    return (
        f"CREATE TABLE IF NOT EXISTS {target.database}.{table} {target.on_cluster} AS {target.local(table)}\n"
        f"ENGINE = Distributed({place}, {sharding_key or 'rand()'})"
    )


_VALUES: Mapping[str, Callable[[Target, str, str], str]] = {
    "database": _database,
    "on_cluster": _on_cluster,
    "local": _local,
    "engine": _engine,
    "dedup": _dedup,
    "ttl": _ttl,
    "distributed": _distributed,
}

"""Migration files in order, and which of them are still to be applied. The same for both databases."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from openride_analytics.errors import Fatal
from openride_analytics.store.sql import root

Dialect = Literal["clickhouse", "postgres"]

_FILE = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True)
class Migration:
    """One file: `name` like 0001_landing.sql; `checksum` is of the template, so a setting is not an edit."""

    version: int
    name: str
    template: str
    checksum: str

    @classmethod
    def of(cls, name: str, template: str) -> "Migration":
        """Raises Fatal for a name that says no version."""
        match = _FILE.fullmatch(name)
        if match is None:
            raise Fatal(f"migration {name}: the name of a migration is NNNN_name.sql")
        text = template.replace("\r\n", "\n")
        return cls(int(match[1]), name, text, hashlib.sha256(text.encode()).hexdigest())


@dataclass(frozen=True)
class Applied:
    """A recorded application."""

    version: int
    name: str
    checksum: str


def read(dialect: Dialect) -> list[Migration]:
    """The migrations of `sql/<dialect>`, in order. Raises Fatal if two have one number."""
    folder = root() / dialect
    found = [
        Migration.of(file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return ordered(found)


def ordered(migrations: Iterable[Migration]) -> list[Migration]:
    """By version. Raises Fatal if two have one number."""
    result = sorted(migrations, key=lambda migration: migration.version)
    for one, next_one in pairwise(result):
        if one.version == next_one.version:
            raise Fatal(f"migrations {one.name} and {next_one.name} have the same number")
    return result


def pending(migrations: Iterable[Migration], applied: Iterable[Applied]) -> list[Migration]:
    """What is left to apply, in order. What is applied beyond the last file is of a newer version, beside which this
    one goes on while a release is rolled out.

    Raises Fatal, naming the file, if an applied one was edited, renamed or is missing, or if one that is not
    applied comes before one that is.
    """
    files = {migration.version: migration for migration in migrations}
    done: dict[int, str] = {}
    for record in applied:
        if record.version <= max(files, default=0):
            _same(files, record)
        done[record.version] = record.name
    left = [migration for version, migration in sorted(files.items()) if version not in done]
    if left and done and left[0].version < max(done):
        raise Fatal(f"migration {left[0].name} comes before {done[max(done)]}, which is applied: renumber it")
    return left


def _same(files: Mapping[int, Migration], record: Applied) -> None:
    file = files.get(record.version)
    if file is None:
        raise Fatal(f"migration {record.name} is applied, but its file is missing")
    if file.name != record.name:
        raise Fatal(f"migration {file.name} was applied under the name {record.name}")
    if file.checksum != record.checksum:
        raise Fatal(f"migration {file.name} was edited after it was applied: write a new one instead")

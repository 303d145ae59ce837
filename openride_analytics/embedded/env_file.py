"""The file that tells a `serve` where the embedded servers are; for `set -a; . FILE` and for dotenv alike."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from openride_analytics.embedded.mock_cluster import LIMITS
from openride_analytics.embedded.process import ServerFailed

MARK = "# Written by `openride-analytics embedded`; valid while it runs."
NOTES = (
    f"# Kafka: {LIMITS}.",
    "# KAFKA_TOPIC_EPOCH is new with each start, because offsets begin again.",
)
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Write `values` to `path`, whole or not at all, readable by its owner only.

    Raises ServerFailed for a value that cannot be written so that both readers understand it, and where no file can be.
    """
    lines = [MARK, *NOTES, *(f"{name}={quote(name, value)}" for name, value in values.items())]
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        unfinished.replace(path)


def remove_env_file(path: Path) -> None:
    """Remove the file if an earlier run left it. Raises ServerFailed for one of somebody else, and what is no file."""
    with _translated(path):
        try:
            with path.open(errors="replace") as file:
                first = file.readline().strip()
        except FileNotFoundError:
            return
        if first != MARK:
            raise ServerFailed(
                f"{path} was not written by this command: move it away, or name another --env-file"
            )
        path.unlink()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServerFailed(f"{path} cannot be used: {error.strerror}; name another --env-file") from None


def quote(name: str, value: str) -> str:
    """`value` as both a shell and dotenv read it back: bare, or in single quotes."""
    if PLAIN.fullmatch(value):
        return value
    if set(value) & set("'\\\r\n") or "${" in value:  # a shell and dotenv differ here
        raise ServerFailed(
            f"{name} cannot be written to an env file: it has a quote, backslash or line break"
        )
    return f"'{value}'"

"""The SQL files: where they are, and what is in them."""

from functools import cache, lru_cache
from pathlib import Path

from openride_analytics.errors import Fatal


@lru_cache(maxsize=1)
def root() -> Path:
    """The `sql` directory: inside the package once it is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    # The installed one first: beside an installed package, `sql` would be somebody else's.
    for candidate in (package / "sql", package.parent / "sql"):
        if (candidate / "clickhouse").is_dir():
            return candidate
    raise Fatal(f"no SQL files in or beside {package}")


@cache
def statement(path: str, **parts: str) -> str:
    """The text of `sql/queries/<path>.sql`, comments and all, e.g. of `metrics/bookings`. Where it says `{{name}}` it
    has that one of the `parts`, which are SQL of ours. Raises Fatal."""
    file = root() / "queries" / f"{path}.sql"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Fatal(f"no SQL file {file}") from None
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return text

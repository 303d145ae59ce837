"""Inserts: with which settings, and what can be inserted at all."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from openride_analytics.errors import Fatal
from openride_analytics.store.codes import DataRefused
from openride_analytics.store.rows import Rows
from openride_analytics.store.wire import Settings, Wire
from openride_analytics.telemetry.spans import comment

# One block in is one block through the whole chain of views, whatever the server's own defaults: a token
# that meets another split of the same rows would store some of them twice, or not at all.
ONE_BLOCK: Final[Settings] = {
    "async_insert": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "distributed_foreground_insert": 1,
    "materialized_views_ignore_errors": 0,
    "max_insert_block_size": 1 << 20,
    "min_insert_block_size_rows": 1 << 20,
    "min_insert_block_size_bytes": 1 << 28,
    "send_logs_level": "none",
}

# An insert has a second to be done; who asks a question waits for it. Where the server may set it (CAP_SYS_NICE), the
# threads of inserts yield the processors to those of questions.
YIELDING: Final[Settings] = {"os_thread_priority": 10}
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_names(*names: str) -> None:
    """Raises Fatal for a name that is no identifier."""
    for name in names:
        if not _IDENTIFIER.fullmatch(name):
            raise Fatal("clickhouse: an insert into a name that is not an identifier")


def length(rows: Rows | Mapping[str, Sequence[Any]]) -> int:
    """How many rows there are. Raises DataRefused where columns differ."""
    if isinstance(rows, Rows):
        return rows.count
    lengths = set(map(len, rows.values()))
    if len(lengths) > 1:
        raise DataRefused("columns of different lengths")
    return lengths.pop() if lengths else 0


def insert_settings(wire: Wire, table: str, token: str | None, timeout: float) -> Settings:
    """With which settings a block is inserted."""
    settings: dict[str, str | int] = {
        **ONE_BLOCK,
        **YIELDING,
        "log_comment": comment(f"insert {table}"),
        "max_execution_time": math.ceil(timeout),
    }
    if wire.server_version >= (26, 2):
        settings["deduplicate_insert"] = "enable" if token else "disable"
    else:
        settings["insert_deduplicate"] = 1 if token else 0
    if token:
        settings["insert_deduplication_token"] = token
    return settings

"""Files made in this process, by the code that the worker's process runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from openride_analytics import settings as tree
from openride_analytics.exports.names import suffix
from openride_analytics.exports.orders import Order, understand
from openride_analytics.exports.writing import Progress, Task, make
from openride_analytics.schema.exports import ExportRequest


def order(settings: tree.Settings, *, now: float | None = None, **asked: Any) -> Order:
    """What a request of an admin comes to."""
    return understand(
        msgspec.convert({"format": "csv", **asked}, ExportRequest),
        api=settings.api,
        most_rows=settings.exports.max_rows,
        personal=True,
        now=datetime.now(UTC) if now is None else datetime.fromtimestamp(now, UTC),
    )


async def file_of(settings: tree.Settings, folder: Path, **asked: Any) -> tuple[Path, list[str], Progress]:
    """The file that a request comes to, what its format could not hold, and how far it came."""
    chosen = order(settings, **asked)
    file = folder / f"file.{suffix(chosen.format, chosen.compression)}"
    progress = Progress(lambda _: None)
    task = Task(chosen, settings.clickhouse, str(file))
    return file, await make(task, progress), progress

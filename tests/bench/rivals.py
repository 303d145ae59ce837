"""What else could make the same files: the engine itself, and pandas; each in a process of its own.

`python -m tests.bench.rivals FOLDER DATABASE WAY ROWS COLUMN...` makes one file of the rows that an engine's folder
holds, and prints the seconds it took, without its start, and the most memory (MiB) that it had more than before.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openride_analytics.embedded.clickhouse.engine import Engine
from tests.bench.figures import Figure, say
from tests.bench.servers import Servers

WAYS = {
    "CSV by the engine, all cores": 10_000_000,
    "CSV by the engine, one thread": 10_000_000,
    "Parquet by the engine, all cores": 10_000_000,
    "Parquet by the engine, one thread": 10_000_000,
    "CSV by pandas": 1_000_000,
    "Excel by pandas and openpyxl": 100_000,
}
"""And of how many rows at most: pandas has them all in memory."""


async def measure(site: Servers, database: str, columns: list[str], rows: int) -> list[Figure]:
    """Each once; the engine's folder must be nobody's meanwhile."""
    figures = []
    for way, most in WAYS.items():
        count = min(rows, most)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.rivals",
            str(site.clickhouse.data_dir), database, way, str(count), *columns,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{way}: ended with {process.returncode}")
        seconds, memory = map(float, said.split())
        say(f"exports: {way}: {count:,} rows in {seconds:.1f} s")
        note = f"{count:,} rows, {seconds:.1f} s, {memory:,.0f} MiB more"
        figures.append(Figure("exports", f"for comparison: {way}", count / seconds, "rows/s", note))
    return figures


def main(folder: str, database: str, way: str, rows: str, *columns: str) -> None:
    """Make one file, and forget it."""
    connection = Engine(Path(folder), database).connect()
    connection.query(f"USE {database}", "Null")
    order = "event_type, event_timestamp, payment_id, event_id"
    selected = f"SELECT {', '.join(columns)} FROM payment_events ORDER BY {order} LIMIT {rows}"
    with tempfile.TemporaryDirectory(prefix="openride-bench-") as scratch:
        file = Path(scratch) / "file.xlsx"
        before, begun = _most_memory(), time.perf_counter()
        _way(way)(connection, selected, file)
        print(time.perf_counter() - begun, _most_memory() - before)


def _way(name: str) -> Callable[[Any, str, Path], None]:
    form = name.split(maxsplit=1)[0]
    if "pandas" in name:
        return _workbook if form == "Excel" else _pandas_csv

    def direct(connection: Any, selected: str, file: Path) -> None:
        alone = " SETTINGS max_threads = 1" if "one thread" in name else ""
        with_names = "CSVWithNames" if form == "CSV" else form
        connection.query(f"{selected} INTO OUTFILE '{file}' FORMAT {with_names}{alone}", "Null")

    return direct


def _frame(connection: Any, selected: str) -> Any:
    """As whoever uses pandas would have them: through Arrow."""
    import pyarrow as pa

    text = connection.query(selected, "ArrowStream").bytes()
    return pa.ipc.open_stream(text).read_pandas()


def _pandas_csv(connection: Any, selected: str, file: Path) -> None:
    _frame(connection, selected).to_csv(file, index=False)


def _workbook(connection: Any, selected: str, file: Path) -> None:
    frame = _frame(connection, selected)
    frame["event_timestamp"] = frame["event_timestamp"].dt.tz_localize(None)  # Excel has no zones
    frame.to_excel(file, index=False, engine="openpyxl")


def _most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

"""`python -m openride_analytics.exports.writing`: the process that makes one file.

A process of its own, so that neither the interpreter of the service nor its loop is held by work that can take minutes,
and so that it can be ended at any moment: ClickHouse stops the query when its connection closes. It is told what to do
by one line of JSON on its standard input, says how far it is by lines on its standard output, and ends when the input
does: then whoever started it is gone.
"""

import asyncio
import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import msgspec

from openride_analytics import settings as tree
from openride_analytics.errors import Fatal, Retryable
from openride_analytics.exports import statements
from openride_analytics.exports.orders import Order
from openride_analytics.schema.exports import Format
from openride_analytics.settings import Secret
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock
from openride_analytics.telemetry.spans import continued

if TYPE_CHECKING:
    import polars as pl

BLOCK_ROWS: Final = 1 << 15
LONGEST_SECONDS: Final = 3600.0
COUNT_SECONDS: Final = 600.0
TELL_SECONDS: Final = 0.25
NICENESS: Final = 15
AWAY_TRIES: Final = 4
AWAY_SECONDS: Final = 1.0

# What polars says of the same: its errors have no numbers.
_NO_ROOM: Final = ("No space left", "os error 28", "quota exceeded", "File too large")

Write = Callable[[Iterator["pl.DataFrame"], IO[bytes]], list[str]]


class Task(msgspec.Struct, frozen=True):
    """`path`: of the file to be made, in a directory where others may be made meanwhile; `trace`: a traceparent, for
    ClickHouse's query log. As a line it holds the password in clear: it goes through a pipe only."""

    order: Order
    server: tree.ClickHouse
    path: str
    trace: str = ""

    def line(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=Secret.reveal) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Task":
        return msgspec.json.decode(line, type=cls, dec_hook=lambda kind, text: kind(text))


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far it is; `end` with the last line. `problem` may be shown to whoever asked for the file."""

    rows: int = 0
    total: int | None = None
    end: Literal["done", "failed"] | None = None
    problem: str | None = None
    warnings: list[str] = []


class Progress:
    """Tells how many rows are written, not too often."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self.tell = tell
        self.rows = 0
        self.total: int | None = None
        self._said = 0.0

    def wrote(self, rows: int) -> None:
        self.rows += rows
        if (now := time.monotonic()) - self._said >= TELL_SECONDS:
            self._said = now
            self.tell(Told(self.rows, self.total))


def say(told: Told) -> None:
    """One line; whoever listens no longer is gone, and so must we be."""
    try:
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)


async def make(task: Task, progress: Progress) -> list[str]:
    """Write the file; what its format could not hold. Raises Retryable, OSError, Short."""
    clickhouse = ClickHouse(task.server)
    await clickhouse.open()
    try:
        progress.total = await _count(clickhouse, task.order)
        progress.tell(Told(0, progress.total))
        warnings = await _write(clickhouse, task, progress)
        await check(clickhouse, task.order, progress)
        return warnings
    finally:
        await clickhouse.close()


class Short(Exception):  # noqa: N818 - the name says what the file is
    """The file has another number of rows than the query."""


async def _count(clickhouse: ClickHouse, order: Order) -> int:
    """A server that is away for a moment is asked again: what is written already is as good as before."""
    for _ in range(AWAY_TRIES - 1):
        try:
            return await _counted(clickhouse, order)
        except Retryable:
            await asyncio.sleep(AWAY_SECONDS)
    return await _counted(clickhouse, order)


async def _counted(clickhouse: ClickHouse, order: Order) -> int:
    asked = statements.count(order, unhurried=True)
    found = await clickhouse.select(
        asked.sql,
        asked.params,
        identifiers=asked.identifiers,
        timeout=COUNT_SECONDS,
        name=f"{asked.name} count",
    )
    return int(found.one()["total"])


async def check(clickhouse: ClickHouse, order: Order, progress: Progress) -> None:
    """The number of rows must be what was counted before; or, as events come and expire, between that and now's."""
    before = progress.total or 0
    if progress.rows == min(before, order.limit):
        return
    now = await _count(clickhouse, order)
    low, high = sorted((min(before, order.limit), min(now, order.limit)))
    if not low <= progress.rows <= high:
        raise Short
    progress.total = max(progress.rows, now)


async def _write(clickhouse: ClickHouse, task: Task, progress: Progress) -> list[str]:
    asked = statements.rows(task.order, task.order.limit, unhurried=True)
    stream = clickhouse.stream(
        asked.sql,
        asked.params,
        identifiers=asked.identifiers,
        timeout=LONGEST_SECONDS,
        block_rows=BLOCK_ROWS,
        name=asked.name,
    )
    loop = asyncio.get_running_loop()
    async with aclosing(stream) as blocks:

        def pulled() -> Iterator[RawBlock]:
            """In the thread that writes. One block is on its way while the one before is written, no more."""
            ahead = asyncio.run_coroutine_threadsafe(_next(blocks), loop)
            while (block := ahead.result()) is not None:
                ahead = asyncio.run_coroutine_threadsafe(_next(blocks), loop)
                yield block

        return await asyncio.to_thread(_to_file, task, pulled(), progress)


async def _next(blocks: Any) -> RawBlock | None:
    found: RawBlock | None = await anext(blocks, None)
    return found


def _to_file(task: Task, blocks: Iterator[RawBlock], progress: Progress) -> list[str]:
    from openride_analytics.exports.frames import frame  # noqa: PLC0415 - polars reads the environment

    columns = task.order.chosen

    def frames() -> Iterator["pl.DataFrame"]:
        for block in blocks:
            yield frame(block, columns)
            progress.wrote(block.rows)

    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(task.path, "wb", opener=lambda path, _: os.open(path, flags, 0o600)) as file:
        warnings = _writer(task)(frames(), file)
        file.flush()
        os.fsync(file.fileno())
    return warnings


def _writer(task: Task) -> Write:
    from openride_analytics.exports import writers  # noqa: PLC0415

    order, columns = task.order, task.order.chosen

    def write(frames: Iterator["pl.DataFrame"], file: IO[bytes]) -> list[str]:
        if order.format is Format.EXCEL:
            from openride_analytics.exports import sheets  # noqa: PLC0415 - and its library

            return sheets.write_excel(frames, columns, file, Path(task.path).parent)
        if order.format is Format.PARQUET:
            writers.write_parquet(frames, columns, file)
        elif order.format is Format.CSV:
            writers.write_csv(frames, columns, file, order.compression)
        else:
            writers.write_jsonl(frames, columns, file, order.compression)
        return []

    return write


def problem_of(error: BaseException) -> str:
    """What may be told: no path, no SQL, no value."""
    causes = [error, error.__cause__, error.__context__]
    codes = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if codes & {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or any(word in str(error) for word in _NO_ROOM):
        return "there is no room left for the file"
    for cause in causes:
        if isinstance(cause, Retryable):
            return f"{cause.dependency} did not answer to the end"
    if isinstance(error, Short):
        return "the rows changed while they were written"
    return (
        "the file could not be written"
        if isinstance(error, OSError)
        else f"an error ({type(error).__name__})"
    )


def main() -> int:
    """Returns 0 also where the file could not be made: then that was said."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # they are the service's, which says itself when this is to end
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)  # whoever asks the service for numbers waits for them
    os.environ["POLARS_MAX_THREADS"] = "1"
    task = Task.read(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    progress = Progress(say)
    try:
        with continued(task.trace):
            warnings = asyncio.run(make(task, progress))
    except Fatal:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it was is told
        say(Told(progress.rows, progress.total, "failed", problem_of(error)))
    else:
        say(Told(progress.rows, progress.total, "done", None, warnings))
    return 0


def _end_with_input() -> None:
    while os.read(
        sys.stdin.fileno(), 1
    ):  # not through the buffer, whose lock would be held when the process ends
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())

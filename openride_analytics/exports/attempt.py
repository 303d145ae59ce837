"""One attempt at making a file: a process, what it has told so far, and a directory for whatever it writes."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from openride_analytics.exports.directory import prepare
from openride_analytics.exports.writing import Task, Told

END_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 10_800.0  # of a process, whose own limits end it before, unless it hangs
_WORKING: Final = "working"  # beside the files of a directory: a rename makes one of what was made here


class Died(Exception):  # noqa: N818 - the name says what happened
    """The process ended, or had to be ended, before it had said how it went."""


class Attempt:
    """`told`: the newest of what the process has said."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "file"
        self.told = Told()

    async def make(self, task: Task) -> Told:
        """Have the file made; the last that was told. Raises Died. Cancelled, it takes the process with it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "openride_analytics.exports.writing",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
            process.stdin.write(task.line())
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_SECONDS):
                    async for line in process.stdout:
                        self.told = msgspec.json.decode(line, type=Told)
            with contextlib.suppress(TimeoutError):  # by itself: to kill what has just ended confuses asyncio
                await asyncio.wait_for(process.wait(), END_SECONDS)
            if self.told.end is None:
                raise Died
            return self.told
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()


@contextlib.asynccontextmanager
async def attempt(scratch: Path, export_id: str, generation: int) -> AsyncIterator[Attempt]:
    """A place to work, gone afterwards with all that is in it. Raises Retryable, Fatal."""
    folder = scratch / _WORKING / f"{export_id}.{generation}"
    await asyncio.to_thread(_begin, scratch, folder)
    try:
        yield Attempt(folder)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, True))


def _begin(scratch: Path, folder: Path) -> None:
    prepare(scratch)
    shutil.rmtree(folder, ignore_errors=True)
    prepare(folder)


def left_behind(scratch: Path) -> list[tuple[Path, str, int, float]]:
    """The places of attempts: where, of which export, which attempt, and when anything was last written there."""
    found = []
    with contextlib.suppress(OSError):
        for folder in (scratch / _WORKING).iterdir():
            export_id, _, generation = folder.name.partition(".")
            if generation.isdecimal() and folder.is_dir() and not folder.is_symlink():
                times = [entry.stat(follow_symlinks=False).st_mtime for entry in (folder, *folder.iterdir())]
                found.append((folder, export_id, int(generation), max(times)))
    return found

"""Files of a directory: nothing stays open for those who have left."""

import asyncio
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from openride_analytics.exports.directory import Directory
from openride_analytics.exports.files import name_of


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file as it is after `publish`."""
    file = tmp_path / name_of(str(uuid4()), 1, "csv")
    file.write_bytes(b"a,b\r\n")
    return file


def is_open(file: Path) -> bool:
    return str(file) in {opened.path for opened in psutil.Process().open_files()}


async def test_whoever_leaves_while_a_file_is_opened_leaves_nothing_open(kept: Path) -> None:
    store = Directory(kept.parent)
    for turns in range(50):  # left at one moment or another
        opening = asyncio.create_task(store.open(kept.name))
        for _ in range(turns % 3):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        del opening
    await asyncio.to_thread(lambda: None)
    assert not is_open(kept)


async def test_a_file_that_nobody_reads_from_is_closed(kept: Path) -> None:
    await Directory(kept.parent).open(kept.name)
    assert not is_open(kept)


async def test_a_file_is_open_as_long_as_somebody_has_it(kept: Path) -> None:
    file = await Directory(kept.parent).open(kept.name)
    assert file is not None
    kept.unlink()
    assert await file.read(0, 100) == b"a,b\r\n"

"""Files in a local directory, or one that replicas share."""

import asyncio
import contextlib
import errno
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from openride_analytics.errors import Fatal, Retryable
from openride_analytics.exports.files import Opened, parts_of

_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_FILE: Final = (errno.ELOOP, errno.ENXIO, errno.EISDIR)  # a link, a socket, a directory
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Directory:
    """The file store of a directory, made when it is first needed, for this user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def publish(self, made: Path, name: str) -> int:
        """`made` must be on the same file system."""
        return await asyncio.to_thread(self._publish, made, name)

    async def open(self, name: str) -> Opened | None:
        if parts_of(name) is None:
            return None
        opened: list[
            _File
        ] = []  # not what the thread returns: of that asyncio makes garbage that has to be collected
        await asyncio.to_thread(lambda: opened.extend(self._open(name)))
        return opened.pop() if opened else None

    async def delete(self, name: str) -> None:
        if parts_of(name) is not None:
            with _translated(), contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread((self._path / name).unlink)

    async def usable(self) -> str:
        return await asyncio.to_thread(_usable, self._path)

    async def names(self) -> list[tuple[str, float]]:
        return await asyncio.to_thread(self._names)

    def _publish(self, made: Path, name: str) -> int:
        prepare(self._path)
        size = made.stat().st_size
        made.rename(self._path / name)
        with _directory(self._path) as folder:
            os.fsync(folder)
        return size

    def _open(self, name: str) -> list["_File"]:
        """One at most. The very file that was looked at, not whatever has its name a moment later."""
        with _translated(), contextlib.suppress(FileNotFoundError), _directory(self._path) as folder:
            try:
                opened = _File(os.open(name, _FILE, dir_fd=folder))
            except OSError as error:
                if error.errno in _NO_FILE:
                    return []
                raise
            return [opened] if opened.is_regular else []
        return []

    def _names(self) -> list[tuple[str, float]]:
        with _translated(), contextlib.suppress(FileNotFoundError), os.scandir(self._path) as entries:
            return [
                (entry.name, entry.stat(follow_symlinks=False).st_mtime)
                for entry in entries
                if parts_of(entry.name) is not None
            ]
        return []


class _File:
    """Closed at the latest when nobody has it: whoever asked may have left before it was opened, or read from."""

    def __init__(self, descriptor: int) -> None:
        self._file = io.FileIO(descriptor)
        found = os.fstat(descriptor)
        self.size, self.is_regular = found.st_size, stat.S_ISREG(found.st_mode)

    async def read(self, start: int, length: int) -> bytes:
        return await asyncio.to_thread(os.pread, self._file.fileno(), length, start)

    async def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self._file.close()


def prepare(path: Path) -> None:
    """Make the directory if need be. Raises Fatal if others might put files into it, Retryable if it cannot be made."""
    with _translated():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _must_be_ours(path)


def _must_be_ours(path: Path) -> None:
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & stat.S_IWOTH:
        raise Fatal("EXPORT_TEMP_DIR: the directory is another user's, or open to all")


def _usable(path: Path) -> str:
    """Nothing is left there, and a directory that is not there is not made: that is for whoever writes into it."""
    with _translated():
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        if there == path:
            _must_be_ours(path)
        with tempfile.TemporaryFile(dir=there):
            room = shutil.disk_usage(there).free
    return f"a directory{'' if there == path else ' to be made'}, {room / 2**30:,.1f} GiB free"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Retryable("files", error.strerror or type(error).__name__) from None


@contextlib.contextmanager
def _directory(path: Path) -> Iterator[int]:
    descriptor = os.open(path, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)

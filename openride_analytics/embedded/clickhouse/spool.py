"""A client's blocks on their way in: a file that the engine reads by path and that leaves nothing behind."""

import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType

MEMORY_LIMIT_BYTES = 256 << 20


class Spool:
    """Append-only; in memory (Linux) until it grows past `memory_limit` bytes, then a file in `directory`."""

    def __init__(self, directory: Path, *, memory_limit: int = MEMORY_LIMIT_BYTES) -> None:
        self._directory = directory
        self._memory_limit = memory_limit
        self._memory: int | None = None
        self._path: Path | None = None
        self.size = 0
        if sys.platform == "linux":
            self._file = self._memory = os.memfd_create("insert", os.MFD_CLOEXEC)
        else:
            self._file = self._open_file()

    @property
    def path(self) -> str:
        """Opens at the beginning."""
        return f"/dev/fd/{self._file}" if self._path is None else str(self._path)

    def write(self, data: memoryview) -> None:
        if self._memory is not None and self.size + len(data) > self._memory_limit:
            self._move_to_disk()
        self.size += len(data)
        while data:
            data = data[os.write(self._file, data) :]

    def _open_file(self) -> int:
        descriptor, path = tempfile.mkstemp(prefix="insert-", dir=self._directory)
        self._path = Path(path)
        return descriptor

    def _move_to_disk(self) -> None:
        source = self._file
        self._file = self._open_file()
        self._memory = None
        offset = 0
        while sent := os.sendfile(self._file, source, offset, 1 << 24):
            offset += sent
        os.close(source)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

"""Lines of event files: plain, gzipped, or standard input."""

import contextlib
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from openride_analytics.errors import Invalid

STDIN = "-"


class Line(NamedTuple):
    """One line without its end; `position` is how many bytes of all files are read once it is."""

    file: str
    number: int
    text: bytes
    position: int

    @property
    def where(self) -> str:
        return f"{self.file}:{self.number}"


def total_bytes(files: list[str]) -> int | None:
    """What `Line.position` ends at; None when standard input is among the files. Raises Invalid."""
    for file in files:
        if file != STDIN and not Path(file).is_file():
            raise Invalid("FILE", f"there is no file {file}")
    return None if STDIN in files else sum(Path(file).stat().st_size for file in files)


def read_lines(files: list[str]) -> Iterator[Line]:
    """All lines that are not blank, file after file. Raises Invalid when a file cannot be read."""
    before = 0
    for file in files:
        position = 0
        try:
            for line in _read(file):
                position = line.position
                if line.text.strip():
                    yield line._replace(position=before + position)
        except (OSError, EOFError) as error:  # EOFError: a gzip file that was cut short
            raise Invalid("FILE", f"{file} cannot be read: {error}") from error
        before += position


def _read(file: str) -> Iterator[Line]:
    with contextlib.ExitStack() as stack:
        raw: BinaryIO = sys.stdin.buffer if file == STDIN else stack.enter_context(Path(file).open("rb"))
        zipped = file.endswith(".gz")
        text = cast(BinaryIO, stack.enter_context(gzip.open(raw, "rb"))) if zipped else raw
        position = 0
        for number, line in enumerate(text, start=1):
            # Of a gzip file it is the zipped bytes that are known beforehand.
            position = raw.tell() if zipped else position + len(line)
            yield Line(file, number, line.rstrip(b"\r\n"), position)

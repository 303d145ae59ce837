"""Where finished files are kept, so that any replica can serve them: what such a place must be able to do."""

import re
from pathlib import Path
from typing import Final, Protocol

# The id of an export, which attempt made the file, and its ending: names are made here and nowhere else.
_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9]{1,9})\.[a-z.]{1,16}")


class Opened(Protocol):
    """A file that is being read: what happens to its name meanwhile changes nothing."""

    @property
    def size(self) -> int:
        """In bytes."""

    async def read(self, start: int, length: int) -> bytes:
        """So many bytes from `start` on; fewer at its end. Raises Retryable, OSError."""

    async def close(self) -> None: ...


class FileStore(Protocol):
    """Files appear whole or not at all. All calls raise Retryable while the place cannot be reached."""

    async def publish(self, made: Path, name: str) -> int:
        """Let a file that is whole be known by its name, and take it from where it was made; its size in bytes."""

    async def open(self, name: str) -> Opened | None:
        """None if there is no such file, or it is not one that was put there by `publish`."""

    async def delete(self, name: str) -> None:
        """It may be gone already."""

    async def usable(self) -> str:
        """What can be said, without a path, of a place that takes files now. Raises Retryable, Fatal."""

    async def names(self) -> list[tuple[str, float]]:
        """What there is, and since when (epoch seconds)."""


def name_of(export_id: str, generation: int, suffix: str) -> str:
    """What a file is called where it is kept."""
    return f"{export_id}.{generation}.{suffix}"


def parts_of(name: str) -> tuple[str, int] | None:
    """The export and the attempt that a file is of; None for what was not named by `name_of`."""
    found = _NAME.fullmatch(name)
    return (found[1], int(found[2])) if found else None

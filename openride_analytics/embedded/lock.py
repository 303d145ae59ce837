"""One stack at a time on a data directory."""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from openride_analytics.embedded.process import ServerFailed


def lock_directory(directory: Path) -> BinaryIO:
    """Lock `directory`, which is made if missing, until the file returned is closed or this process ends.

    Raises ServerFailed, naming the process that has it, or saying why it cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("a+b")
    except OSError as error:
        raise ServerFailed(f"{directory} cannot be used: {error.strerror}; give another --data-dir") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().decode().strip() or "unknown"
        file.close()
        raise ServerFailed(
            f"{directory} is in use by process {holder}: stop that one, or give another --data-dir"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file

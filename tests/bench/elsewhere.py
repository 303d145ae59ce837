"""What would be on other machines than those measured: Kafka, and whoever sends to it.

They need the same processors here, but take them when nobody else wants them.
"""

import gc
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.bench.load import rides, send

READY_SECONDS = 120
STOP_SECONDS = 10
LEAST = 19  # the nicest


def step_back(pid: int) -> None:
    """Let a process, and what is of its session, have the processors last. It must lead a session: where Linux shares
    processors out by sessions (autogroup), its own niceness counts among these alone."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), LEAST)
    with suppress(FileNotFoundError):
        Path(f"/proc/{pid}/autogroup").write_text(str(LEAST))


@contextmanager
def sending(
    bootstrap: str, topics: Mapping[str, str], *, rate: int, seconds: int, linger_ms: int
) -> Iterator[BaseProcess]:
    """A process that sends `rate` messages a second for so long, or until the end of the block."""
    processes = multiprocessing.get_context("spawn")
    made = processes.Event()
    sender = processes.Process(
        target=_send, args=(bootstrap, dict(topics), rate, seconds, linger_ms, made), daemon=True
    )
    sender.start()
    try:
        if not made.wait(READY_SECONDS):
            raise RuntimeError(f"no messages were made within {READY_SECONDS} s")
        yield sender
    finally:
        sender.terminate()
        sender.join(STOP_SECONDS)


def _send(
    bootstrap: str, topics: dict[str, str], rate: int, seconds: int, linger_ms: int, made: Event
) -> None:
    os.setsid()
    step_back(os.getpid())
    messages = [*rides(rate * seconds)]
    gc.freeze()  # to look for garbage among so many takes long
    made.set()
    send(bootstrap, topics, messages, rate=rate, linger_ms=linger_ms)

"""SIGTERM and SIGINT: the first begins a graceful stop, the second ends the process at once."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Never

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def handle_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in the running loop on the first signal; on a second exit with 128 + its number (130, 143).

    For the main thread. What was installed before is put back at the end.
    """
    loop = asyncio.get_running_loop()
    asked = False

    # Not loop.add_signal_handler: its callbacks wait for the loop, and a second signal is for when it hangs.
    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            _say(f"{signal.Signals(number).name} again: exiting at once\n")
            os._exit(128 + number)
        asked = True
        _say(f"{signal.Signals(number).name}: stopping; once more exits at once\n")
        loop.call_soon_threadsafe(stop)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def until_signal(work: Coroutine[Any, Any, None]) -> bool:
    """Run `work` to its end, or cancel it at the first SIGINT or SIGTERM; whether it came to its end."""
    task = asyncio.ensure_future(work)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        task.cancel()

    with handle_signals(interrupt):
        try:
            await task
        except asyncio.CancelledError:
            if not interrupted:
                raise
    return not interrupted


def exit_now(code: int) -> Never:
    """End the process without waiting for tasks or threads that cannot be ended; prints are flushed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()
    os._exit(code)


def _say(line: str) -> None:
    # The handler may have interrupted a write to sys.stderr, or a log call that holds its lock.
    with contextlib.suppress(OSError):
        os.write(2, line.encode())

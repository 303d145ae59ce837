"""How far a long command is: a bar on a terminal, elsewhere a line every ten seconds."""

import time
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

EVERY = 10.0  # seconds


class Progress:
    """Counts `done` of `total` (None: nobody knows) in `unit`, and the events on the way."""

    def __init__(self, stream: TextIO, title: str, *, total: float | None, unit: str) -> None:
        self._stream = stream
        self._title = title
        self.total = total
        self._begun = self._line_at = time.monotonic()
        self.done = 0.0
        self.events = 0
        self._bar = None
        if stream.isatty():
            self._bar = tqdm(desc=title, total=total, unit=unit, unit_scale=True, file=stream, leave=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, done: float, events: int) -> None:
        """`done` and `events` so far, not since the last time."""
        self.events = events
        if self._bar is not None:
            self._bar.update(done - self.done)
            self._bar.set_postfix_str(self._rate(), refresh=False)
        self.done = done
        if self._bar is None and time.monotonic() - self._line_at >= EVERY:
            self._line_at = time.monotonic()
            self._write(self._line())

    def say(self, message: str) -> None:
        """A message beside the progress."""
        self._write(f"{self._title}: {message}")

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._begun, 0.001)
        return f"{self.events:,} events, {self.events / seconds:,.0f}/s"

    def _line(self) -> str:
        share = f", {min(self.done / self.total, 1):.0%}" if self.total else ""
        return f"{self._title}: {self._rate()}{share}"

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            self._stream.write(f"{line}\n")
            self._stream.flush()

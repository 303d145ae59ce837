"""The service as its users run it: processes of the command line, away from the checkout and its `.env`."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.eventually import eventually

STOP_SECONDS = 15


def command(*arguments: str) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-m", "openride_analytics", *arguments]


def run(*arguments: str, environ: Mapping[str, str], within: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=tempfile.gettempdir(),
        env=_environ(environ),
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )


class Process:
    """A command that goes on running; its output goes to `log`."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command(*arguments),
                cwd=log.parent,
                env=_environ(environ),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self, within: float = STOP_SECONDS) -> int:
        """Wait for its end; the exit code."""
        await eventually(lambda: not self.running, within=within)
        return self._process.wait()

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self.running:
            self._process.kill()
        self._process.wait()

    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text()


@asynccontextmanager
async def running(*arguments: str, environ: Mapping[str, str], log: Path) -> AsyncIterator[Process]:
    """A command that is killed at the end if it still runs."""
    process = Process(*arguments, environ=environ, log=log)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.kill)


def _environ(values: Mapping[str, str]) -> dict[str, str]:
    """Only what a process needs to run, and `values`: no setting of the developer's own."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
        if name in os.environ
    }
    return {**kept, **values}

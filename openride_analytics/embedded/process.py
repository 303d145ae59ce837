"""A server in a process of its own: started, awaited until ready, watched, stopped, and never left behind."""

import asyncio
import fcntl
import logging
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from openride_analytics.errors import Fatal

logger = logging.getLogger("openride.embedded")

HOST = "127.0.0.1"
LOG_LIMIT_BYTES = 5 * 1024 * 1024
STOP_SECONDS = 5.0
KILL_TIMEOUT_SECONDS = 2.0
LOCK_TIMEOUT_SECONDS = 5.0
POLL_SECONDS = 0.02

_PORTS = 15_000, 32_000
_PORT_TRIES = 50
_CHANCE = random.SystemRandom()  # a fork does not share it


class ServerFailed(Fatal):
    """A server did not become ready, or died. The message names it and has its log's last lines."""


class ServerProcess:
    """One child process with a log file.

    It runs in a session of its own (a terminal's Ctrl-C does not reach it) and dies with the thread that
    started it, however that ends. `data_dir` stays locked as long as the process lives, even when its parent
    is gone.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        data_dir: Path,
        log_file: Path,
        environ: Mapping[str, str] | None = None,
        user: tuple[int, int] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
        watch: bool = False,
    ) -> None:
        """`environ` is added to ours; `user` (uid, gid) is changed to; `stop_signal` asks for a clean end,
        `orphan_signal` is sent when the parent has died; `watch` dies with it as systems without Linux's
        means must: by a pipe."""
        self.name = name
        self.data_dir = data_dir
        self.log_file = log_file
        self._command = list(command)
        self._environ = dict(environ or {})
        self._user = user
        self._stop_signal = stop_signal
        self._orphan_signal = orphan_signal
        self._watch = watch or sys.platform != "linux"
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: int | None = None
        self._log_start = 0
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, ready: Callable[[], Awaitable[bool]], *, within: float) -> None:
        """Start, then ask `ready` until it says True, for `within` seconds at most.

        Raises ServerFailed; nothing is left running then.
        """
        await self._launch(self._become_ready(ready), f"was not ready after {within:g} s", within)

    async def run(self, *, within: float) -> None:
        """Run a program that ends by itself. Raises ServerFailed unless it succeeds in `within` seconds."""
        await self._launch(self._succeed(), f"did not finish in {within:g} s", within)

    async def stop(self, *, within: float = STOP_SECONDS) -> None:
        """Ask it to end, wait `within` seconds, kill it if need be. Idempotent; safe when never started."""
        self._stopping = True
        if self._process is not None and self._process.returncode is None:
            await self._end(self._process, within)
        self._cut_lifeline()

    async def wait(self) -> None:
        """Return after a stop(); raise ServerFailed if the process ends by itself."""
        if self._process is None:
            raise RuntimeError(f"{self.name}: not started")
        await self._process.wait()
        if not self._stopping:
            self._sweep(self._process)
            self._cut_lifeline()
            raise ServerFailed(self._report(self._ending()))

    def last_lines(self, count: int = 20) -> list[str]:
        """The last `count` lines that this run wrote to its log."""
        try:
            with self.log_file.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, end - 64 * 1024))
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if line.strip()][-count:]

    async def _launch(self, begin: Coroutine[None, None, None], problem: str, within: float) -> None:
        """Start the process and wait for `begin`; whatever hinders that also ends the process."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with await lock(self.data_dir / ".lock", self.name) as held, self._open_log() as log:
                self._process = await self._spawn(log, held.fileno())
            await asyncio.wait_for(begin, within)
        except TimeoutError:
            await self.stop(within=0)
            raise ServerFailed(self._report(problem)) from None
        except BaseException:
            begin.close()
            await self.stop(within=0)
            raise

    async def _spawn(self, log: BinaryIO, held: int) -> asyncio.subprocess.Process:
        guard = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
        if self._user is not None:
            guard += ["--user", f"{self._user[0]}:{self._user[1]}"]
        stdin = asyncio.subprocess.DEVNULL
        if self._watch:
            guard.append("--watch")
            stdin, self._lifeline = os.pipe()
        guard += [str(os.getpid()), str(int(self._orphan_signal))]
        try:
            return await asyncio.create_subprocess_exec(
                *guard,
                *self._command,
                stdin=stdin,
                stdout=log,
                stderr=log,
                env=os.environ | self._environ,
                start_new_session=True,
                pass_fds=(held,),
            )
        except OSError as error:
            self._cut_lifeline()
            raise ServerFailed(f"{self.name}: cannot start {self._command[0]}: {error}") from error
        finally:
            if self._watch:
                os.close(stdin)

    async def _become_ready(self, ready: Callable[[], Awaitable[bool]]) -> None:
        while True:
            if not self.running:
                raise ServerFailed(self._report(self._ending()))
            if await ready():
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _succeed(self) -> None:
        if self._process is not None and await self._process.wait() != 0:
            raise ServerFailed(self._report(self._ending()))

    async def _end(self, process: asyncio.subprocess.Process, within: float) -> None:
        if within > 0:
            with suppress(ProcessLookupError):
                process.send_signal(self._stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), within)
                return
            logger.warning("%s did not stop within %g s: killed", self.name, within)
        self._sweep(process)
        try:
            await asyncio.wait_for(process.wait(), KILL_TIMEOUT_SECONDS)
        except TimeoutError:
            logger.error("%s (process %d) cannot be killed", self.name, process.pid)  # noqa: TRY400 - no trace to show

    @staticmethod
    def _sweep(process: asyncio.subprocess.Process) -> None:
        """Kill the process and whatever else it started in its session."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _open_log(self) -> BinaryIO:
        with suppress(FileNotFoundError):
            if self.log_file.stat().st_size > LOG_LIMIT_BYTES:
                self.log_file.replace(self.log_file.with_suffix(".old.log"))
        log = self.log_file.open("ab")
        self._log_start = log.tell()
        return log

    def _ending(self) -> str:
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exited with status {code}"

    def _report(self, problem: str) -> str:
        lines = self.last_lines()
        said = "its log is empty" if not lines else "its log ends:\n    " + "\n    ".join(lines)
        return f"{self.name} {problem}; {said}\n    (whole log: {self.log_file})"


async def lock(path: Path, name: str) -> BinaryIO:
    """Take the lock file `path`; the open file returned holds it, as do processes that inherit it.

    A server of a run that was killed may need a moment to end: waits LOCK_TIMEOUT_SECONDS, then raises
    ServerFailed.
    """
    file = path.open("ab")
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise ServerFailed(f"{name}: another server still runs on {path.parent}") from None
            await asyncio.sleep(POLL_SECONDS)
        else:
            return file


def free_port(asked: int = 0) -> int:
    """A TCP port of the loopback interface that nobody listens on: `asked`, or any when that is 0.

    That is one below those which systems give to clients: whoever connects somewhere could otherwise be given it before
    the server has it, or connect to itself while waiting for the server. Raises ServerFailed when the port asked for is
    taken.
    """
    if asked:
        _try_to_bind(asked)
        return asked
    for _ in range(_PORT_TRIES):
        with suppress(ServerFailed):
            port = _CHANCE.randrange(*_PORTS)
            _try_to_bind(port)
            return port
    raise ServerFailed(f"no port of {HOST} from {_PORTS[0]} to {_PORTS[1]} can be used")


def _try_to_bind(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServerFailed(f"port {port} on {HOST} cannot be used: {error.strerror}") from error


async def accepts_connections(port: int) -> bool:
    """True when something listens on the loopback port."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True

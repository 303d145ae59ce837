"""A server's process: ready or refused, stopped in time, its end told, never left behind."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from openride_analytics.embedded import process as embedded_process
from openride_analytics.embedded.process import ServerFailed, ServerProcess, accepts_connections, free_port
from tests.support.eventually import eventually

WATCH = pytest.mark.parametrize("watch", [False, True], ids=["kernel", "pipe"])

LISTEN = """
import socket, sys, time
print('hello', flush=True)  # before it listens: who waits for that may end it at once
s = socket.create_server(('127.0.0.1', int(sys.argv[1])))
{}
"""
SLEEP = "time.sleep(1000)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"

PARENT = """
import asyncio, sys
from pathlib import Path
from openride_analytics.embedded.process import ServerProcess

async def always(): return True

async def main():
    directory, watch = Path(sys.argv[1]), sys.argv[2] == "True"
    command = [sys.executable, "-c", "import os,time; print(os.getpid(), flush=True); time.sleep(1000)"]
    server = ServerProcess("sleeper", command, data_dir=directory, log_file=directory / "log", watch=watch)
    await server.start(always, within=5)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def listener(tmp_path: Path, then: str = SLEEP, *, watch: bool = False) -> tuple[ServerProcess, int]:
    port = free_port()
    command = [sys.executable, "-u", "-c", LISTEN.format(then), str(port)]
    return ServerProcess("listener", command, data_dir=tmp_path, log_file=tmp_path / "log", watch=watch), port


async def start(server: ServerProcess, port: int) -> None:
    await server.start(lambda: accepts_connections(port), within=10)


def gone(pid: int) -> bool:
    """A dead process whose parent has not looked yet counts as gone."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@WATCH
async def test_a_stop_leaves_no_process(tmp_path: Path, watch: bool) -> None:
    server, port = listener(tmp_path, watch=watch)
    await start(server, port)
    assert server.pid is not None
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    await server.stop()
    assert [process.pid for process in family if not gone(process.pid)] == []


async def test_one_that_ignores_sigterm_is_killed_in_time(tmp_path: Path) -> None:
    server, port = listener(tmp_path, STUBBORN)
    await start(server, port)
    before = time.monotonic()
    await server.stop(within=0.3)
    assert (server.running, time.monotonic() - before < 3) == (False, True)


async def test_one_that_dies_is_named_with_its_last_lines(tmp_path: Path) -> None:
    server, port = listener(tmp_path, "time.sleep(0.2); sys.exit('out of luck')")
    await start(server, port)
    with pytest.raises(ServerFailed, match=r"(?s)listener exited with status 1.*hello\n\s+out of luck"):
        await server.wait()


async def test_one_that_is_killed_is_named_with_the_signal(tmp_path: Path) -> None:
    server, port = listener(tmp_path)
    await start(server, port)
    assert server.pid is not None
    psutil.Process(server.pid).send_signal(signal.SIGKILL)
    with pytest.raises(ServerFailed, match="listener killed by SIGKILL"):
        await server.wait()


async def test_one_that_cannot_start_is_refused_with_its_last_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such table')"]
    server = ServerProcess("listener", command, data_dir=tmp_path, log_file=tmp_path / "log")
    with pytest.raises(ServerFailed, match="no such table"):
        await start(server, free_port())


async def test_one_that_never_answers_is_ended(tmp_path: Path) -> None:
    server, _ = listener(tmp_path)
    with pytest.raises(ServerFailed, match=r"was not ready after 0\.3 s"):
        await server.start(never, within=0.3)
    assert not server.running


async def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    server, _ = listener(tmp_path)
    starting = asyncio.create_task(server.start(never, within=10))
    await eventually(lambda: server.running)
    starting.cancel()
    await asyncio.wait([starting], timeout=5)
    assert (starting.cancelled(), server.running) == (True, False)


async def test_wait_returns_after_a_stop(tmp_path: Path) -> None:
    server, port = listener(tmp_path)
    await start(server, port)
    await server.stop()
    await asyncio.wait_for(server.wait(), 1)


async def test_the_last_lines_are_those_of_this_run(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("yesterday\n")
    server, port = listener(tmp_path)
    await start(server, port)
    await server.stop()
    assert server.last_lines() == ["hello"]


async def test_a_log_that_has_grown_large_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_process, "LOG_LIMIT_BYTES", 5)
    (tmp_path / "log").write_text("yesterday\n")
    server, port = listener(tmp_path)
    await start(server, port)
    await server.stop()
    found = {path.name: path.read_text() for path in tmp_path.glob("log*")}
    assert found == {"log": "hello\n", "log.old.log": "yesterday\n"}


@WATCH
async def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path, watch: bool) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(tmp_path), str(watch))
    log = tmp_path / "log"
    try:
        await eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    finally:
        parent.kill()
        await parent.wait()
    pid = int(log.read_text())
    await eventually(lambda: gone(pid), within=5)


async def never() -> bool:
    return False

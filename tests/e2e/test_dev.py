"""`dev` as a newcomer meets it: everything comes up, Ctrl-C ends all of it, the next run finds its data."""

import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import pytest_asyncio

from openride_analytics.embedded.process import free_port
from tests.support.clickhouse import Database
from tests.support.eventually import eventually
from tests.support.service import Process, running
from tests.support.serving import START_SECONDS, Served, ready

pytestmark = pytest.mark.e2e

STOP_SECONDS = 10.0
PATHS = ("/v1/metrics/bookings", "/v1/metrics/realtime", "/health/ready", "/metrics")
SERVERS = ("clickhouse", "kafka", "redis", "postgres", "mail")
EXITS_AT_ONCE = 128 + signal.SIGINT


@dataclass(frozen=True)
class End:
    """How a run of `dev` ended: `seconds` from what ended it, `left` what it left running."""

    code: int
    seconds: float
    left: list[str]
    output: str


@dataclass(frozen=True)
class Run:
    """What was seen of a run of `dev`, from its start to its end."""

    url: str
    statuses: list[int]
    bookings: int
    bookings_later: int
    epochs: set[str]
    end: End


class Dev:
    """A `dev` that runs, and everything it has started."""

    def __init__(self, process: Process, data_dir: Path) -> None:
        self.process = process
        self._data_dir = data_dir
        self._seen: set[psutil.Process] = set()

    def servers(self) -> list[psutil.Process]:
        """Its descendants now; each is remembered."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        self._seen.update(found)
        return found

    def left(self) -> list[str]:
        """Command lines of what still runs: of what was seen, and of what has the data directory as an argument."""
        named = (one for one in psutil.process_iter() if str(self._data_dir) in _command_line(one))
        return [_command_line(one) for one in {*self._seen, *named} if _alive(one)]

    def server(self, word: str) -> psutil.Process:
        """The one server with `word` in its command line."""
        (found,) = [one for one in self.servers() if word in _command_line(one)]
        return found

    async def ended(self, within: float) -> End:
        """Wait for its end."""
        begun = time.monotonic()
        code = await self.process.ended(within)
        return End(code, time.monotonic() - begun, self.left(), self.process.text())

    def database(self) -> Database:
        """Where its ClickHouse is, as it says itself."""
        found = re.search(r"clickhouse://\S+", self.process.text())
        assert found is not None
        url = urlsplit(found[0])
        return Database(url.hostname or "", url.port or 0, url.path.removeprefix("/"))


@asynccontextmanager
async def dev(folder: Path, *options: str) -> AsyncIterator[Dev]:
    """`dev` with its data under `folder`."""
    data_dir = folder / "data"
    log = folder / f"dev-{time.monotonic_ns()}.log"
    async with running("dev", "--data-dir", str(data_dir), *options, environ={}, log=log) as process:
        yield Dev(process, data_dir)


async def used(dev: Dev, *, epochs: int) -> Callable[[End], Run]:
    """Use a run until its numbers grow and events of so many epochs are stored; what was seen, but for its end."""
    served = await ready(dev.process)
    statuses = [served.status(path) for path in PATHS]
    await eventually(lambda: _bookings(served) > 0, within=START_SECONDS)
    bookings = _bookings(served)
    await eventually(lambda: _bookings(served) > bookings, within=START_SECONDS)
    later = _bookings(served)
    await eventually(lambda: len(_epochs(dev.database())) >= epochs, within=START_SECONDS)
    return partial(Run, served.url, statuses, bookings, later, _epochs(dev.database()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs that follow each other have their data."""
    return tmp_path_factory.mktemp("dev")


@pytest.fixture(scope="module")
def port() -> int:
    """The port of these runs."""
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def first(folder: Path, port: int) -> Run:
    """A run on an empty directory, ended with Ctrl-C."""
    async with dev(folder, "--port", str(port)) as started:
        run = await used(started, epochs=1)
        started.servers()
        started.process.send(signal.SIGINT)
        return run(await started.ended(within=2 * STOP_SECONDS))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def second(first: Run, folder: Path, port: int) -> Run:
    """The next run on the same directory, ended by the death of a server."""
    async with dev(folder, "--port", str(port)) as started:
        run = await used(started, epochs=2)
        started.server("redis-server").kill()
        return run(await started.ended(within=2 * STOP_SECONDS))


def test_every_url_of_the_service_is_printed(first: Run, port: int) -> None:
    assert [path for path in PATHS if f"http://127.0.0.1:{port}{path}\n" not in first.end.output] == []


def test_every_server_is_printed(first: Run) -> None:
    lines = [
        line.split()[0]
        for line in first.end.output.splitlines()
        if re.match(r"\w+ +\S*127\.0\.0\.1:\d+", line)
    ]
    assert lines == list(SERVERS)


def test_every_url_answers(first: Run) -> None:
    assert first.statuses == [200] * len(PATHS)


def test_numbers_grow(first: Run) -> None:
    assert 0 < first.bookings < first.bookings_later


def test_ctrl_c_ends_it_with_0(first: Run) -> None:
    assert first.end.code == 0, first.end.output


def test_ctrl_c_ends_it_in_time(first: Run) -> None:
    assert first.end.seconds < STOP_SECONDS


def test_ctrl_c_leaves_no_process(first: Run) -> None:
    assert first.end.left == []


def test_the_next_run_finds_the_data_again(first: Run, second: Run) -> None:
    assert second.bookings >= first.bookings_later


def test_the_next_run_begins_a_new_epoch(first: Run, second: Run) -> None:
    assert (len(first.epochs), len(second.epochs - first.epochs)) == (1, 1)


def test_a_server_that_dies_is_named_with_its_last_lines(second: Run) -> None:
    said = r"redis killed by SIGKILL; its log ends:(?s:.*)Ready to accept connections"
    assert re.search(said, second.end.output), second.end.output


def test_a_server_that_dies_ends_it_with_1(second: Run) -> None:
    assert (second.end.code, second.end.left) == (1, []), second.end.output


async def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    async with dev(tmp_path, "--no-simulate", "--port", str(free_port())) as started:
        await ready(started.process)
        started.server("embedded.clickhouse").suspend()  # which would keep an orderly end waiting
        started.process.send(signal.SIGINT)
        await eventually(lambda: "SIGINT" in started.process.text())
        started.process.send(signal.SIGINT)
        code = await started.process.ended(within=2)
        await eventually(lambda: started.left() == [], within=5)
        assert code == EXITS_AT_ONCE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def refused(tmp_path_factory: pytest.TempPathFactory) -> End:
    """A run whose port somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with dev(tmp_path_factory.mktemp("refused"), "--no-simulate", "--port", port) as started:
            return await started.ended(within=START_SECONDS)


def test_a_port_that_is_taken_ends_it_with_1_and_leaves_nothing(refused: End) -> None:
    assert (refused.code, refused.left) == (1, []), refused.output


def test_a_port_that_is_taken_is_said_and_not_traced(refused: End) -> None:
    said = "cannot listen on 127.0.0.1" in refused.output
    assert (said, "Traceback" in refused.output) == (True, False), refused.output


def _bookings(served: Served) -> int:
    return int(served.answer("/v1/metrics/bookings")["bookings_created"])


def _epochs(database: Database) -> set[str]:
    with database.client() as client:
        return {epoch for (epoch,) in client.execute("SELECT DISTINCT kafka_epoch FROM events_raw")}


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _alive(process: psutil.Process) -> bool:
    """Whether it runs; a dead process whose parent has not looked yet does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

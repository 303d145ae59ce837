"""All embedded servers and the command that runs them: ready as one, failing as one, gone as one."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from dotenv import dotenv_values

from openride_analytics.embedded.lock import lock_directory
from openride_analytics.embedded.process import ServerFailed
from openride_analytics.embedded.stack import Ports, Stack
from openride_analytics.settings import load
from tests.support.eventually import eventually

TOPICS = {"rides": 2}
START_SECONDS = 30.0
STOP_SECONDS = 8.0
PORTS = {"CLICKHOUSE_PORT", "SMTP_PORT"}


class Command:
    """`openride-analytics embedded` as a process, with its data and its env file under one directory."""

    def __init__(self, process: Process, directory: Path) -> None:
        self.process = process
        self.env_file = directory / "env"
        self.data_dir = directory / "data"

    @property
    def servers(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    async def ready(self) -> dict[str, str]:
        await eventually(
            lambda: self.env_file.exists() or self.process.returncode is not None, within=START_SECONDS
        )
        assert self.process.returncode is None, await self.ended()
        return {name: value or "" for name, value in dotenv_values(self.env_file).items()}

    async def ended(self) -> tuple[int | None, str]:
        """Exit code and error output."""
        _, error = await asyncio.wait_for(self.process.communicate(), STOP_SECONDS)
        return self.process.returncode, error.decode()


@asynccontextmanager
async def embedded(directory: Path, *options: str) -> AsyncIterator[Command]:
    """Run the command in a directory of its own (no `.env` of ours); whatever happens, none of it is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openride_analytics", "embedded"),
        *("--data-dir", str(directory / "data"), "--env-file", str(directory / "env"), *options),
        cwd=directory,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield Command(process, directory)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def alive(processes: list[psutil.Process]) -> list[str]:
    """Names of those that still run; a dead process whose parent has not looked yet does not."""
    found = []
    for process in processes:
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except psutil.NoSuchProcess:
            continue
    return found


def answers(port: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(port))) == 0


def server(command: Command, word: str) -> psutil.Process:
    """The server's process that has `word` in its command line; of PostgreSQL's, the first."""
    return min(
        (process for process in command.servers if any(word in part for part in process.cmdline())),
        key=lambda process: process.create_time(),
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_the_env_file_is_there_only_when_every_server_answers(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        env = await command.ready()
        ports = [env[name] for name in PORTS] + [
            env["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2],
            env["REDIS_URL"].rpartition(":")[2].removesuffix("/0"),
            env["DATABASE_URL"].rpartition(":")[2].partition("/")[0],
        ]
        assert [port for port in ports if not answers(port)] == []


async def test_the_service_reads_its_settings_from_the_env_file(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        env = await command.ready()
        settings = load({}, command.env_file)
    assert settings.kafka.bootstrap_servers == env["KAFKA_BOOTSTRAP_SERVERS"]


async def test_a_restart_begins_a_new_topic_epoch(tmp_path: Path) -> None:
    epochs = []
    for _ in range(2):
        async with embedded(tmp_path) as command:
            epochs.append((await command.ready())["KAFKA_TOPIC_EPOCH"])
            command.process.terminate()
            await command.ended()
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    async with embedded(tmp_path) as command:
        await command.ready()
        servers = command.servers
        command.process.send_signal(number)
        code, error = await command.ended()
    said = f"{number.name}: stopping; once more exits at once\n"
    assert (code, error, alive(servers), command.env_file.exists()) == (0, said, [], False)


async def test_a_signal_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        await eventually(lambda: len(command.servers) > 1)
        servers = command.servers
        command.process.terminate()
        code, _ = await command.ended()
    await eventually(lambda: alive(servers) == [], within=2)
    assert (code, command.env_file.exists()) == (0, False)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("redis-server", r"redis killed by SIGKILL; its log ends:(?s:.*)Ready to accept connections"),
        ("mock_cluster", r"kafka killed by SIGKILL; its log ends:(?s:.*)100,000 messages"),
        ("postgres", r"postgres killed by SIGKILL; its log ends:(?s:.*)ready to accept connections"),
    ],
    ids=["redis", "kafka", "postgres"],
)
async def test_a_server_that_dies_is_named_with_its_last_lines(tmp_path: Path, word: str, said: str) -> None:
    async with embedded(tmp_path) as command:
        await command.ready()
        server(command, word).kill()
        _, error = await command.ended()
    assert re.search(said, error)


async def test_a_server_that_dies_ends_the_others_with_1(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        await command.ready()
        servers = command.servers
        server(command, "embedded.clickhouse").kill()
        code, _ = await command.ended()
    assert (code, alive(servers)) == (1, [])


async def test_servers_die_with_a_command_that_is_killed(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        await command.ready()
        servers = command.servers
        command.process.kill()
    await eventually(lambda: alive(servers) == [], within=5)


async def test_a_stack_that_was_killed_can_be_started_again_at_once(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        await command.ready()
        command.process.kill()
        await command.process.wait()
    async with embedded(tmp_path) as command:
        await eventually(lambda: command.env_file.exists() or command.process.returncode is not None)
        assert command.process.returncode is None


async def test_each_server_is_printed_on_a_line_of_its_own(tmp_path: Path) -> None:
    async with embedded(tmp_path) as command:
        await command.ready()
        command.process.terminate()
        output, _ = await command.process.communicate()
    names = [line.split()[0] for line in output.decode().splitlines()]
    assert names == ["clickhouse", "kafka", "redis", "postgres", "mail", "settings"]


async def test_an_env_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("MINE=1\n")
    async with embedded(tmp_path) as command:
        code, error = await command.ended()
    assert (code, "was not written by this command" in error) == (1, True)


async def test_a_second_stack_on_the_same_data_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    with lock_directory(tmp_path), pytest.raises(ServerFailed, match=f"in use by process {os.getpid()}"):
        await Stack(tmp_path, topics=TOPICS).start()


async def test_data_that_can_lie_nowhere_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for where in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ServerFailed, match=r"cannot be used: .*; give another --data-dir"):
            await Stack(where, topics={}).start()


async def test_a_start_that_fails_halfway_leaves_nothing(tmp_path: Path, taken_port: int) -> None:
    before = psutil.Process().children(recursive=True)
    with pytest.raises(ServerFailed, match=f"port {taken_port}"):
        await Stack(tmp_path, topics=TOPICS, ports=Ports(kafka=taken_port)).start()
    assert alive([p for p in psutil.Process().children(recursive=True) if p not in before]) == []


async def test_a_directory_is_free_again_after_a_start_that_failed(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(ServerFailed):
        await Stack(tmp_path, topics=TOPICS, ports=Ports(kafka=taken_port)).start()
    lock_directory(tmp_path).close()

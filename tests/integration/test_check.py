"""`check` where the servers are away: each is said to be down, in time and in one line."""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openride_analytics.commands import check
from openride_analytics.exports.directory import Directory
from openride_analytics.exports.places import file_store
from openride_analytics.settings import Secret, Settings, load
from openride_analytics.settings.tree import Smtp
from openride_analytics.store.probes import LIMIT, Probe, probe, probe_files, probe_smtp

ALL = ["clickhouse", "schema", "kafka", "redis", "postgres", "smtp", "files"]


def settings_at(port: int) -> Settings:
    """Settings by which every server is at one port of this machine."""
    return load(
        {
            "CLICKHOUSE_HOST": "127.0.0.1",
            "CLICKHOUSE_PORT": str(port),
            "CLICKHOUSE_PASSWORD": "hidden",
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "REDIS_URL": f"redis://:hidden@127.0.0.1:{port}/0",
            "DATABASE_URL": f"postgresql://u:hidden@127.0.0.1:{port}/x",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "EXPORT_TEMP_DIR": "/dev/null/exports",
        }
    )


@pytest.fixture(scope="module")
def nobody() -> Settings:
    """Every server where nothing listens."""
    return settings_at(1)


@pytest.fixture
async def silent() -> AsyncIterator[Settings]:
    """Every server where connections are taken and nothing is ever said."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield settings_at(server.sockets[0].getsockname()[1])


def run(settings: Settings, *, as_json: bool = False) -> int:
    """The command's exit code."""
    return check.run(argparse.Namespace(json=as_json), settings)


async def test_nobody_listens(nobody: Settings) -> None:
    found = await check.ask(nobody)
    assert [(one.name, one.state) for one in found] == [(name, "down") for name in ALL]


async def test_nobody_answers(silent: Settings) -> None:
    found = await check.ask(silent)
    assert [(one.name, one.state) for one in found] == [(name, "down") for name in ALL]


async def test_nobody_answers_in_time(silent: Settings) -> None:
    begun = time.monotonic()
    await check.ask(silent)
    assert time.monotonic() - begun < LIMIT + 2


async def test_detail_is_one_line(nobody: Settings) -> None:
    assert [one.detail for one in await check.ask(nobody) if "\n" in one.detail or not one.detail] == []


async def test_not_configured() -> None:
    found = await check.ask(load({"CLICKHOUSE_PORT": "1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}))
    assert [one.name for one in found if one.state == "not configured"] == ["postgres", "smtp"]


async def test_a_place_for_files_is_looked_at_and_not_made(tmp_path: Path) -> None:
    found = await probe_files(Directory(tmp_path / "a" / "b"))
    assert (found.state, list(tmp_path.iterdir())) == ("ok", [])


async def test_a_place_for_files_that_others_can_write_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert (await probe_files(Directory(tmp_path))).detail.endswith("open to all")


async def test_storage_for_files(s3: dict[str, str]) -> None:
    there = await probe_files(file_store(load(s3).exports))
    absent = await probe_files(file_store(load(s3 | {"EXPORT_STORE_URL": "s3://another"}).exports))
    assert (there.state, absent.state, absent.detail) == ("ok", "down", "there is no such bucket")


def test_exit_code(nobody: Settings) -> None:
    assert run(nobody) == 1


def test_a_line_for_each_dependency(nobody: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    run(nobody)
    _, _, dependencies = capsys.readouterr().out.partition("Dependencies\n")
    assert [line.split()[:2] for line in dependencies.splitlines()] == [[name, "down"] for name in ALL]


def test_no_secret_is_printed(nobody: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    run(nobody)
    printed = capsys.readouterr()
    assert "hidden" not in printed.out + printed.err


def test_json(nobody: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    run(nobody, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["state"]) for one in printed["dependencies"]] == [
        (name, "down") for name in ALL
    ]


async def test_probe_that_is_slow() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    assert (await probe("x", never, limit=0.01)).detail == "no answer within 0.01 s"


async def test_probe_does_not_repeat_what_a_library_says() -> None:
    async def fails() -> str:
        raise RuntimeError(f"cannot parse {Secret('hidden').reveal()}")

    assert (await probe("x", fails)).detail == "RuntimeError"


async def ask_mail(*replies: bytes, use_tls: bool = False) -> Probe:
    """The probe of a mail server that answers so."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            writer.write(reply)
            if not await reader.readline():
                break
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        smtp: Smtp = load(
            {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_USE_TLS": str(use_tls)}
        ).smtp
        return await probe_smtp(smtp)


async def test_mail_server_is_there() -> None:
    assert (await ask_mail(b"220 hello\r\n", b"250-me\r\n250 SIZE 1\r\n")).state == "ok"


async def test_mail_server_without_tls() -> None:
    found = await ask_mail(b"220 hello\r\n", b"250 me\r\n", use_tls=True)
    assert found.detail == "SMTP_USE_TLS is set, and the server offers no STARTTLS"


async def test_mail_server_with_tls() -> None:
    assert (await ask_mail(b"220 hello\r\n", b"250-me\r\n250 STARTTLS\r\n", use_tls=True)).state == "ok"


async def test_mail_server_that_is_busy() -> None:
    assert (await ask_mail(b"421 too busy\r\n")).detail == "answered 421 instead of 220"

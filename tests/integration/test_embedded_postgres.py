"""The embedded PostgreSQL: it answers, keeps its data, and copes with being killed."""

import os
import signal
import stat
from pathlib import Path

import asyncpg
import pytest

from openride_analytics.embedded.postgres import EmbeddedPostgres
from openride_analytics.embedded.process import ServerFailed
from tests.support.servers import running

pytestmark = pytest.mark.postgres


async def query(url: str, *statements: str) -> object:
    """The value of the last statement's first row and column."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close(timeout=10)


async def test_text_beyond_ascii_is_understood(postgres_url: str) -> None:
    assert await query(postgres_url, "SELECT upper('Ìbàdàn é')") == "ÌBÀDÀN É"


async def test_times_are_utc(postgres_url: str) -> None:
    assert await query(postgres_url, "SHOW timezone") == "UTC"


async def test_data_survives_a_restart(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        await query(server.url, "CREATE TABLE kept AS SELECT 42 AS n", "SELECT 1")
    async with EmbeddedPostgres(tmp_path) as server:
        assert await query(server.url, "SELECT n FROM kept") == 42


async def test_data_survives_kill_9(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        await query(server.url, "CREATE TABLE kept AS SELECT 42 AS n", "SELECT 1")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(ServerFailed):
            await server.wait()
    async with EmbeddedPostgres(tmp_path) as server:
        assert await query(server.url, "SELECT n FROM kept") == 42


async def test_a_half_made_data_directory_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "data.new" / "base").mkdir(parents=True)
    async with EmbeddedPostgres(tmp_path) as server:
        assert await query(server.url, "SELECT 1") == 1


async def test_data_of_a_version_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerFailed, match="made by version 9"):
        await EmbeddedPostgres(tmp_path).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
async def test_root_changes_no_directory_above_the_data(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with EmbeddedPostgres(closed / "postgres"):
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_session_fixture_leaves_nothing(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with running(server):
        assert server.pid is not None
    assert server.pid is None

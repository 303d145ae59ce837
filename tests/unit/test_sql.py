"""Where the SQL files are found, in a checkout and in an installed package."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openride_analytics.errors import Fatal
from openride_analytics.store import sql


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a package that is not this one."""
    module = tmp_path / "site" / "openride_analytics" / "store" / "sql.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(sql, "__file__", str(module))
    return tmp_path / "site"


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What one test finds is not remembered by the next."""
    sql.root.cache_clear()
    sql.statement.cache_clear()
    yield
    sql.root.cache_clear()
    sql.statement.cache_clear()


def make(folder: Path) -> Path:
    (folder / "clickhouse").mkdir(parents=True)
    query = folder / "queries" / "room" / "question.sql"
    query.parent.mkdir(parents=True)
    query.write_text("SELECT 'ẹ̀kọ́'", encoding="utf-8")
    return folder


def test_this_checkout_has_its_files() -> None:
    assert (sql.root() / "clickhouse").is_dir()


def test_an_installed_package_has_them_inside(site: Path) -> None:
    inside = make(site / "openride_analytics" / "sql")
    make(site / "sql")  # somebody else's
    assert sql.root() == inside


def test_a_checkout_has_them_beside_the_package(site: Path) -> None:
    beside = make(site / "sql")
    assert sql.root() == beside


def test_no_files_at_all_is_fatal(site: Path) -> None:
    with pytest.raises(Fatal, match="no SQL files"):
        sql.root()


def test_a_statement_is_read_by_its_path(site: Path) -> None:
    make(site / "sql")
    assert sql.statement("room/question") == "SELECT 'ẹ̀kọ́'"


def test_parts_of_a_statement_are_put_in(site: Path) -> None:
    folder = make(site / "sql") / "queries" / "room"
    (folder / "parts.sql").write_text("SELECT {{what}} FROM {{where}} WHERE a = {a:UInt8} AND {{what}} > 0")
    assert sql.statement("room/parts", what="b", where="c") == "SELECT b FROM c WHERE a = {a:UInt8} AND b > 0"


def test_a_statement_that_is_not_there_is_fatal(site: Path) -> None:
    make(site / "sql")
    with pytest.raises(Fatal, match="room/answer"):
        sql.statement("room/answer")

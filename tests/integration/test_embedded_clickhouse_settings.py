"""Settings that come with a query hold for that query; those of SET for the connection."""

from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.support.clickhouse import Database

pytestmark = pytest.mark.clickhouse


def value_of(client: Any, name: str, **settings: Any) -> Any:
    [[value]] = client.execute(f"SELECT getSetting('{name}')", settings=settings)
    return value


def test_a_setting_comes_with_the_query(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        comment = "it's \\ ok"
        assert value_of(client, "log_comment", log_comment=comment) == comment


def test_a_setting_is_taken_back_after_the_query(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        value_of(client, "max_threads", max_threads=1, log_comment="x")
        assert value_of(client, "log_comment") == ""


def test_what_set_has_set_comes_back_after_the_query(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("SET log_comment = 'mine'")
        value_of(client, "log_comment", log_comment="once")
        assert value_of(client, "log_comment") == "mine"


def test_inserts_are_synchronous_by_default(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        assert value_of(client, "async_insert") is False


def test_a_wrong_value_is_an_error_and_does_not_stay(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        before = value_of(client, "max_threads")
        with pytest.raises(ServerException):
            value_of(client, "max_threads", log_comment="y", max_threads="many")
        assert (value_of(client, "max_threads"), value_of(client, "log_comment")) == (before, "")


def test_an_unknown_setting_is_passed_over(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        assert client.execute("SELECT 1", settings={"of_another_version": 1}) == [(1,)]


def test_an_unknown_setting_that_matters_is_refused(clickhouse_database: Database) -> None:
    where = clickhouse_database
    with (
        Client(where.host, port=where.port, settings_is_important=True) as client,
        pytest.raises(ServerException, match="Unknown setting") as caught,
    ):
        client.execute("SELECT 1", settings={"of_another_version": 1})
    assert caught.value.code == 115


def test_a_query_ends_at_its_limit(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client, pytest.raises(ServerException) as caught:
        client.execute("SELECT count() FROM numbers(1000000000000)", settings={"max_execution_time": 0.2})
    assert caught.value.code == 159


def test_memory_ends_at_its_limit(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client, pytest.raises(ServerException) as caught:
        client.execute(
            "SELECT groupArray(number) FROM numbers(100000000)", settings={"max_memory_usage": 10**7}
        )
    assert caught.value.code == 241


def test_reading_only_is_for_one_query(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        with pytest.raises(ServerException) as caught:
            client.execute("CREATE TABLE t (a UInt8) ENGINE = Memory", settings={"readonly": 1})
        client.execute("CREATE TABLE t (a UInt8) ENGINE = Memory")
    assert caught.value.code == 164


def test_a_limit_on_results_spares_the_insert(clickhouse_database: Database) -> None:
    with clickhouse_database.client() as client:
        client.execute("CREATE TABLE t (a UInt8, b UInt8, c UInt8) ENGINE = Memory")
        client.execute("INSERT INTO t VALUES", [(1, 2, 3)], settings={"max_result_rows": 1})
        assert client.execute("SELECT count() FROM t") == [(1,)]

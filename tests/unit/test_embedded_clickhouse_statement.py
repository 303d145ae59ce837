"""What the embedded ClickHouse reads from a statement before the engine does."""

import pytest

from openride_analytics.embedded.clickhouse.statement import (
    Insert,
    client_insert,
    first_word,
    several,
    used_database,
    without_format,
)

FORMATS = frozenset({"native", "json", "tsv", "values"})


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("INSERT INTO t VALUES", Insert("t", "", "")),
        ("insert into t (a, b) values", Insert("t", "(a, b)", "")),
        ("INSERT INTO t", Insert("t", "", "")),
        ("INSERT INTO db.`odd table` (a) FORMAT Native", Insert("db.`odd table`", "(a)", "")),
        ("INSERT INTO TABLE t (a) VALUES;", Insert("t", "(a)", "")),
        ("/* why */ INSERT INTO t -- here\n (a) VALUES", Insert("t", "(a)", "")),
        (
            "INSERT INTO t (a) SETTINGS async_insert = 0, max_threads = 1 VALUES",
            Insert("t", "(a)", "SETTINGS async_insert = 0, max_threads = 1"),
        ),
        ("INSERT INTO t (* EXCEPT(a)) VALUES", Insert("t", "(* EXCEPT(a))", "")),
        (
            "INSERT INTO FUNCTION remote('h:1', d, t) (a) VALUES",
            Insert("FUNCTION remote('h:1', d, t)", "(a)", ""),
        ),
        ("INSERT INTO FUNCTION null('a Int8') VALUES", Insert("FUNCTION null('a Int8')", "", "")),
    ],
)
def test_an_insert_that_waits_for_rows_is_taken_apart(sql: str, expected: Insert) -> None:
    assert client_insert(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t (a) VALUES (1), (2)",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (a) SELECT 1",
        "INSERT INTO t (SELECT 1)",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "INSERT INTO t SETTINGS async_insert = 0 SELECT 1",
        'INSERT INTO t FORMAT JSONEachRow {"a": 1}',
        "INSERT INTO t FROM INFILE 'f' FORMAT Native",
        "SELECT 'INSERT INTO t VALUES'",
        "",
    ],
)
def test_a_statement_with_its_rows_is_left_alone(sql: str) -> None:
    assert client_insert(sql) is None


@pytest.mark.parametrize(
    ("columns", "names"),
    [('(a, `b c`, "d")', ("a", "b c", "d")), ("(a)", ("a",)), ("(n.a)", None), ("(* EXCEPT(a))", None)],
)
def test_the_columns_of_an_insert(columns: str, names: tuple[str, ...] | None) -> None:
    assert Insert("t", columns, "").column_names() == names


@pytest.mark.parametrize(
    ("sql", "bare"),
    [
        ("SELECT 1 FORMAT JSON", "SELECT 1 "),
        ("SELECT 1 format json;", "SELECT 1 "),
        ("SELECT 1 FORMAT Native SETTINGS max_threads = 1", "SELECT 1  SETTINGS max_threads = 1"),
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON'"),
        ("SELECT format FROM t ORDER BY format DESC", "SELECT format FROM t ORDER BY format DESC"),
        ("SELECT 1 -- FORMAT JSON", "SELECT 1"),
        ("SELECT * FROM (SELECT 1 FORMAT JSON)", "SELECT * FROM (SELECT 1 FORMAT JSON)"),
    ],
)
def test_a_format_clause_is_taken_off(sql: str, bare: str) -> None:
    assert without_format(sql, FORMATS) == bare


@pytest.mark.parametrize(
    ("sql", "more_than_one"),
    [
        ("SELECT 1", False),
        ("SELECT 1; ", False),
        ("SELECT 1; -- the end", False),
        ("SELECT ';' -- ;", False),
        ("SELECT '\\';', 'it''s; so', $x$;$x$", False),
        ('SELECT `a;b`, "c;d" /* ;\n; */ # ;', False),
        ("SELECT 1; SELECT 2", True),
        ("SELECT '--'; SELECT 2", True),
        ("/* it's */ SELECT 1; SELECT 2 -- '", True),
    ],
)
def test_several_statements_are_seen(sql: str, more_than_one: bool) -> None:
    assert several(sql) is more_than_one


@pytest.mark.parametrize(
    ("sql", "word"), [("select 1", "SELECT"), ("((SELECT 1))", "SELECT"), ("-- x\n/* y */ Set a = 1", "SET")]
)
def test_the_first_word(sql: str, word: str) -> None:
    assert first_word(sql) == word


@pytest.mark.parametrize(("sql", "database"), [("USE d", "d"), ("use `a b`;", "a b"), ("SELECT 1", None)])
def test_the_database_used(sql: str, database: str | None) -> None:
    assert used_database(sql) == database

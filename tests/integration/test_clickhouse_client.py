"""The ClickHouse client against the real engine: what goes in comes out, what is refused is told apart."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from openride_analytics.errors import Ambiguous, Retryable
from openride_analytics.store.clickhouse import ClickHouse, DataRefused, Rows, SchemaDrift, ServerFailure
from tests.support.clickhouse import Database
from tests.support.store import WINDOW, client_of, count, create_chain, rows

pytestmark = pytest.mark.clickhouse

ID = UUID("6c7c3f4e-8f3c-4d35-9d4c-0a3c5e8f0001")
few_examples = hypothesis_settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def clickhouse(clickhouse_database: Database) -> AsyncIterator[ClickHouse]:
    client = client_of(clickhouse_database)
    yield client
    await client.close()


def plain(value: Any) -> Any:
    """asynch returns arrays as tuples."""
    return list(value) if isinstance(value, tuple) else value


async def test_select_gives_columns(clickhouse: ClickHouse) -> None:
    sql = "SELECT number AS n, toString(number) AS s FROM numbers({k:UInt8})"
    block = await clickhouse.select(sql, {"k": 3})
    assert (block.names, block.types, block.columns) == (
        ("n", "s"),
        ("UInt64", "String"),
        [[0, 1, 2], ["0", "1", "2"]],
    )


async def test_an_empty_result_has_names_and_no_rows(clickhouse: ClickHouse) -> None:
    block = await clickhouse.select("SELECT 1 AS n WHERE 0")
    assert (block.names, block.rows, block.dicts()) == (("n",), 0, [])


async def test_a_result_of_many_blocks_is_whole(clickhouse: ClickHouse) -> None:
    block = await clickhouse.select("SELECT number AS n FROM numbers(300000) ORDER BY n")
    assert block.columns == [list(range(300_000))]


async def test_a_select_cannot_write(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    with pytest.raises(ServerFailure, match="READONLY"):
        await clickhouse.select("INSERT INTO stored SELECT 1, 'a'")


async def test_a_connection_that_only_read_can_be_written_with(clickhouse: ClickHouse) -> None:
    await clickhouse.select("SELECT 1")
    await create_chain(clickhouse)
    await clickhouse.execute("INSERT INTO landing SELECT number, '' FROM numbers(5)")
    assert await count(clickhouse) == 5


async def test_an_unknown_setting_is_refused_instead_of_ignored(clickhouse: ClickHouse) -> None:
    with pytest.raises(ServerFailure, match="UNKNOWN_SETTING"):
        await clickhouse.execute("SELECT 1", settings={"no_such_setting": 1})


@pytest.mark.parametrize(
    "statement",
    ["SELECT secret_word", "SELECT 1 FROM secret_word", "secret_word", "SELECT toUInt8('secret_word')"],
)
async def test_a_servers_words_stay_out_of_the_message(clickhouse: ClickHouse, statement: str) -> None:
    with pytest.raises(Retryable) as caught:
        await clickhouse.select(statement)
    assert "secret_word" not in str(caught.value)


async def test_an_error_before_the_answer_keeps_the_connection(clickhouse: ClickHouse) -> None:
    with pytest.raises(SchemaDrift):
        await clickhouse.select("SELECT no_such_column")
    assert clickhouse._pool.idle == 1


async def test_an_error_in_mid_answer_drops_the_connection(clickhouse: ClickHouse) -> None:
    limits = "SETTINGS max_block_size = 10000, max_threads = 1"
    with pytest.raises(Retryable):
        await clickhouse.select(f"SELECT throwIf(number = 200000) FROM numbers(300000) {limits}")
    assert clickhouse._pool.idle == 0


async def test_values_return_as_they_were_bound(clickhouse: ClickHouse) -> None:
    params: dict[str, object] = {
        "i": -(1 << 63),
        "u": (1 << 64) - 1,
        "d": date(2026, 10, 31),
        "t": datetime(2026, 10, 31, 23, 59, 59, 999_000, tzinfo=timezone(timedelta(hours=1))),
        "id": ID,
        "ids": [ID],
        "words": ["a", "'", "\\"],
        "none": [],
    }
    block = await clickhouse.select(
        """
        SELECT {i:Int64} AS i, {u:UInt64} AS u, {d:Date} AS d, {t:DateTime64(3,'UTC')} AS t, {id:UUID} AS id,
            {ids:Array(UUID)} AS ids, {words:Array(String)} AS words, {none:Array(UInt64)} AS none
        """,
        params,
    )
    assert {name: plain(value) for name, value in block.one().items()} == params


async def test_a_bound_array_can_be_searched(clickhouse: ClickHouse) -> None:
    sql = "SELECT sum(number IN {some:Array(UInt64)}) AS some, sum(number IN {none:Array(UInt64)}) AS none"
    block = await clickhouse.select(f"{sql} FROM numbers(10)", {"some": [2, 5, 11], "none": []})
    assert block.one() == {"some": 2, "none": 0}


async def test_long_arrays_can_be_bound(clickhouse: ClickHouse) -> None:
    sql = "SELECT length({edges:Array(UInt32)}) + length({edges:Array(UInt32)}) AS n"
    hours_of_ten_years = range(1_700_000_000, 1_700_000_000 + 3600 * 24 * 3660, 3600)
    assert (await clickhouse.select(sql, {"edges": hours_of_ten_years})).one() == {"n": 2 * 24 * 3660}


@few_examples
@given(values=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20))
async def test_any_text_returns_as_it_was_bound(clickhouse: ClickHouse, values: list[str]) -> None:
    params: dict[str, object] = {"one": values[0], "all": values}
    row = (await clickhouse.select("SELECT {one:String} AS one, {all:Array(String)} AS all", params)).one()
    assert (row["one"], list(row["all"])) == (values[0], values)


@few_examples
@given(value=st.floats(allow_nan=False, allow_infinity=False))
async def test_any_float_returns_as_it_was_bound(clickhouse: ClickHouse, value: float) -> None:
    block = await clickhouse.select("SELECT {x:Float64} AS x", {"x": value})
    assert block.one()["x"] == value


async def test_every_type_is_stored_as_it_was_given(clickhouse: ClickHouse) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
    values: dict[str, tuple[str, list[Any]]] = {
        "a": ("String", ["", "x" * 70_000, "ẹ̀kọ́ 🚗"]),
        "b": ("Nullable(String)", [None, "", "y"]),
        "c": ("UUID", [ID, UUID(int=0), UUID(int=(1 << 128) - 1)]),
        "d": ("Nullable(UUID)", [ID, None, None]),
        "e": ("DateTime64(3, 'UTC')", [moment, moment, moment]),
        "f": ("Nullable(DateTime64(3, 'UTC'))", [None, moment, None]),
        "g": ("Decimal(14, 2)", [Decimal("999999999999.99"), Decimal(0), Decimal("0.01")]),
        "h": ("Nullable(Decimal(14, 2))", [None, None, Decimal("12.30")]),
        "i": ("UInt8", [0, 255, 1]),
        "j": ("UInt64", [0, (1 << 64) - 1, 1]),
        "k": ("Nullable(Float64)", [None, -0.5, 1e300]),
        "l": ("Nullable(Bool)", [None, True, False]),
        "m": ("Array(String)", [["a", ""], [], ["b"]]),
    }
    types = {name: type_ for name, (type_, _) in values.items()}
    sent = {name: column for name, (_, column) in values.items()}
    ddl = ", ".join(f"{name} {type_}" for name, type_ in types.items())
    await clickhouse.execute(f"CREATE TABLE t ({ddl}) ENGINE = Memory")
    await clickhouse.insert("t", Rows.of(sent, types), token=None, timeout=5)
    block = await clickhouse.select("SELECT * FROM t")
    found = zip(block.names, block.columns, strict=True)
    assert {name: [plain(value) for value in column] for name, column in found} == sent


async def test_one_token_stores_one_copy(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    for _ in range(3):
        await clickhouse.insert("landing", rows(), token="t:0-99", timeout=5)
    assert await count(clickhouse) == 100


async def test_equal_rows_under_another_token_are_stored_again(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    for token in ("t:0-99", "t:100-199"):
        await clickhouse.insert("landing", rows(), token=token, timeout=5)
    assert await count(clickhouse) == 200


async def test_no_rows_are_no_insert(clickhouse: ClickHouse) -> None:
    await clickhouse.insert("no_such_table", rows(0), token="t", timeout=5)
    assert clickhouse._pool.idle == 0


async def test_a_large_block_stays_one_block(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    for _ in range(2):
        await clickhouse.insert("landing", rows(150_000), token="large", timeout=20)
    assert await count(clickhouse) == 150_000


async def test_inserts_leave_the_processors_to_questions(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    nice = "getSetting('os_threads_nice_value_query')"
    await clickhouse.execute("CREATE TABLE nice_values (nice Int32) ENGINE = Memory")
    await clickhouse.execute(
        f"CREATE MATERIALIZED VIEW of_inserts TO nice_values AS SELECT {nice} AS nice FROM landing LIMIT 1"
    )
    await clickhouse.insert("landing", rows(), token="t", timeout=5)
    found = await clickhouse.select(f"SELECT nice, {nice} AS of_a_question FROM nice_values")
    assert found.dicts() == [{"nice": 10, "of_a_question": 0}]


async def test_eight_inserts_at_once_under_one_token_store_one_copy(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    await asyncio.gather(*(clickhouse.insert("landing", rows(), token="same", timeout=10) for _ in range(8)))
    assert await count(clickhouse) == 100


async def test_without_a_token_equal_rows_are_stored_again(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    for _ in range(2):
        await clickhouse.insert("landing", rows(), token=None, timeout=5)
    assert await count(clickhouse) == 200


async def test_a_view_that_throws_is_no_success_and_its_repetition_is_exact(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    await clickhouse.execute(f"CREATE TABLE more (n UInt64) ENGINE = MergeTree ORDER BY n {WINDOW}")
    await clickhouse.execute("CREATE TABLE broken (flag UInt8) ENGINE = Memory")
    await clickhouse.execute("INSERT INTO broken SELECT 1")
    view = "SELECT n + throwIf((SELECT count() FROM broken) > 0) AS n FROM stored"
    await clickhouse.execute(f"CREATE MATERIALIZED VIEW fragile TO more AS {view}")
    with pytest.raises(Ambiguous):
        await clickhouse.insert("landing", rows(), token="t", timeout=5)
    await clickhouse.execute("TRUNCATE TABLE broken")
    await clickhouse.insert("landing", rows(), token="t", timeout=5)
    assert (await count(clickhouse), await count(clickhouse, "more")) == (100, 100)


async def test_rows_that_a_view_cannot_read_are_refused(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    await clickhouse.execute("CREATE TABLE parsed (n UInt64) ENGINE = MergeTree ORDER BY n")
    view = "SELECT toUInt64(s) AS n FROM landing"
    await clickhouse.execute(f"CREATE MATERIALIZED VIEW parse TO parsed AS {view}")
    with pytest.raises(DataRefused, match="CANNOT_PARSE"):
        await clickhouse.insert("landing", rows(), token="t", timeout=5)


async def test_a_violated_constraint_refuses_every_row(clickhouse: ClickHouse) -> None:
    columns = "(n UInt64, CONSTRAINT few CHECK n < 99)"
    await clickhouse.execute(f"CREATE TABLE t {columns} ENGINE = MergeTree ORDER BY n")
    with pytest.raises(DataRefused, match="469"):
        await clickhouse.insert("t", {"n": list(range(100))}, token="t", timeout=5)
    assert await count(clickhouse, "t") == 0


Change = Callable[[dict[str, list[Any]]], dict[str, list[Any]]]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda good: {**good, "missing": good["n"]}, SchemaDrift),
        (lambda good: {"n": good["s"], "s": good["s"]}, SchemaDrift),
        (lambda good: {"n": [None, *good["n"][1:]], "s": good["s"]}, SchemaDrift),
        (lambda good: {"n": [-1, *good["n"][1:]], "s": good["s"]}, DataRefused),
        (lambda good: {"n": good["n"][1:], "s": good["s"]}, DataRefused),
    ],
    ids=["unknown column", "other type", "null", "out of range", "lengths differ"],
)
async def test_what_cannot_be_encoded_is_told_apart(
    clickhouse: ClickHouse, change: Change, error: type[Exception]
) -> None:
    await create_chain(clickhouse)
    with pytest.raises(error):
        await clickhouse.insert("landing", change(rows()), token="t", timeout=5)
    assert await count(clickhouse) == 0


async def test_a_table_that_is_gone_is_drift(clickhouse: ClickHouse) -> None:
    with pytest.raises(SchemaDrift, match="UNKNOWN_TABLE"):
        await clickhouse.insert("landing", rows(), token="t", timeout=5)


async def test_a_type_other_than_expected_is_drift(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    types = {"n": "UInt32", "s": "String"}
    with pytest.raises(SchemaDrift, match="column n is a UInt64, not a UInt32"):
        await clickhouse.insert("landing", Rows.of(rows(), types), token="t", timeout=5)


async def test_after_a_failed_insert_the_next_one_is_stored(clickhouse: ClickHouse) -> None:
    await create_chain(clickhouse)
    with pytest.raises(DataRefused):
        await clickhouse.insert("landing", {"n": [-1], "s": [""]}, token="bad", timeout=5)
    await clickhouse.insert("landing", rows(), token="good", timeout=5)
    assert await count(clickhouse) == 100

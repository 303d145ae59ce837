"""The service's ClickHouse client for tests, and a small chain of tables to insert into."""

from typing import Any

from openride_analytics import settings as tree
from openride_analytics.settings import Secret
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.clickhouse import Database

WINDOW = "SETTINGS non_replicated_deduplication_window = 100"


def client_of(database: Database, *, port: int | None = None, pool_size: int = 4) -> ClickHouse:
    """A client of the database, through another port of the same host if one is given."""
    return ClickHouse(
        tree.ClickHouse(
            host=database.host,
            port=port or database.port,
            user="default",
            password=Secret(""),
            database=database.name,
            secure=False,
            cluster=None,
            pool_size=pool_size,
        )
    )


async def create_chain(clickhouse: ClickHouse) -> None:
    """`landing`, which keeps nothing, and `stored`, which a view fills from it."""
    columns = "(n UInt64, s String)"
    await clickhouse.execute(f"CREATE TABLE landing {columns} ENGINE = Null")
    await clickhouse.execute(f"CREATE TABLE stored {columns} ENGINE = MergeTree ORDER BY n {WINDOW}")
    await clickhouse.execute("CREATE MATERIALIZED VIEW flow TO stored AS SELECT * FROM landing")


def rows(count: int = 100) -> dict[str, list[Any]]:
    """Different rows for `landing`."""
    return {"n": list(range(count)), "s": [f"row {n}" for n in range(count)]}


async def count(clickhouse: ClickHouse, table: str = "stored") -> int:
    """Rows in a table."""
    sql = "SELECT count() AS c FROM {t:Identifier}"
    block = await clickhouse.select(sql, {"t": table}, identifiers={table})
    return int(block.one()["c"])

"""What a question of a caller may cost: beyond that it is stopped, its caller is told so, and nobody else notices.

Fault 16 of the list in `tests/faults` (a question past its deadline), through the whole API.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.errors import Retryable, TooMuch
from openride_analytics.store import clickhouse as module
from openride_analytics.store.clickhouse import Budget, ClickHouse
from tests.support.api import Served, leading_to, resources, serving
from tests.support.clickhouse import Database
from tests.support.events import example
from tests.support.eventually import poll
from tests.support.fake_clickhouse import PROGRESS, FakeClickHouse, exception
from tests.support.store import client_of
from tests.support.warehouse import store

pytestmark = pytest.mark.clickhouse

Question = Callable[[ClickHouse], Awaitable[None]]

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OCTOBER = "start_date=2026-10-01&end_date=2026-10-31"
BOOKINGS = f"/v1/metrics/bookings?{OCTOBER}"
TREND = f"/v1/analytics/trends?{OCTOBER}"  # of bookings, which are told apart in memory
PAYMENTS = f"/v1/metrics/payments?{OCTOBER}"
RUNNING = "SELECT count() AS c FROM system.processes WHERE query LIKE '%daily_booking' || '_metrics%'"
# Less than some megabytes a thread are not counted at all.
MANY = """INSERT INTO daily_booking_metrics (event_type, event_timestamp, booking_id, event_id)
    SELECT 'booking.created', toDateTime64('2026-10-04 11:00:00', 3, 'UTC'), generateUUIDv4(), generateUUIDv4()
    FROM numbers(300000)"""
# Whoever reads bookings waits for ten seconds, a hundredth at a time.
SLOW = (
    "RENAME TABLE daily_booking_metrics TO quick",
    """CREATE VIEW daily_booking_metrics AS SELECT quick.*, quick.id_hash FROM quick CROSS JOIN
    (SELECT sum(sleepEachRow(0.01)) AS slept FROM numbers(1000) SETTINGS max_block_size = 1) AS slow""",
)


async def book(clickhouse: ClickHouse, count: int = 3) -> None:
    at = "2026-10-04T12:00:00+01:00"
    events = [
        example("booking.created", event_id=str(uuid4()), booking_id=str(uuid4()), event_timestamp=at)
        for _ in range(count)
    ]
    await store(clickhouse, events, token=str(uuid4()))


@asynccontextmanager
async def api(settings: tree.Settings, **environ: str) -> AsyncIterator[Served]:
    async with resources(leading_to(settings) | environ, now=NOW) as given, serving(given) as served:
        yield served


def clickhouse_of(served: Served) -> ClickHouse:
    found: ClickHouse = served.server._api.resources.clickhouse
    return found


async def test_a_question_finds_what_another_has_read_in_the_servers_cache(
    migrated: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    hits = "SELECT sum(value) AS c FROM system.events WHERE event = 'UncompressedCacheHits'"
    await book(migrated)
    async with api(warehouse_settings) as served:
        await served.get(BOOKINGS)
        before = (await migrated.select(hits)).one()["c"]
        await served.get(f"{BOOKINGS}&timezone=UTC")
        assert (await migrated.select(hits)).one()["c"] > before


@pytest.fixture
async def slow(migrated: ClickHouse) -> ClickHouse:
    """Three bookings that take ten seconds to read."""
    await book(migrated)
    for statement in SLOW:
        await migrated.execute(statement)
    return migrated


async def test_a_question_past_its_time_is_told_so(
    slow: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    async with api(warehouse_settings, QUERY_TIMEOUT_SECONDS="0.3") as served:
        answer = await served.get(BOOKINGS)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (504, "urn:openride:problem:too-much")
    assert "more time" in problem["detail"] and "a shorter range" in problem["detail"]


async def test_a_question_past_its_time_is_gone_and_the_next_one_gets_its_own_answer(
    slow: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    """With one connection for questions, which is that of the question before."""
    limits = {"QUERY_TIMEOUT_SECONDS": "0.3", "CLICKHOUSE_POOL_SIZE": "2"}

    async def gone() -> bool:
        return (await slow.select(RUNNING)).one() == {"c": 0}

    async with api(warehouse_settings, **limits) as served:
        assert (await served.get(BOOKINGS)).status_code == 504
        await poll(gone, within=3)
        answer = (await served.get(PAYMENTS)).json()
    assert answer["payments_initiated"] == 0 and "bookings_created" not in answer


async def test_a_caller_who_leaves_ends_the_question_at_the_server(
    slow: ClickHouse, warehouse_settings: tree.Settings
) -> None:
    async def running(count: int) -> bool:
        return (await slow.select(RUNNING)).one() == {"c": count}

    async with api(warehouse_settings) as served:
        asking = asyncio.create_task(served.get(BOOKINGS))
        await poll(lambda: running(1))
        asking.cancel()
        await poll(lambda: running(0), within=3)
        assert clickhouse_of(served).lent == 0


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
)
async def test_a_caller_who_leaves_ends_the_question_though_it_came_with_a_body(
    slow: ClickHouse, warehouse_settings: tree.Settings, body: bytes
) -> None:
    async def running(count: int) -> bool:
        return (await slow.select(RUNNING)).one() == {"c": count}

    async with api(warehouse_settings) as served:
        url = served.client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"GET {BOOKINGS} HTTP/1.1\r\nHost: here\r\n".encode() + body)
        await poll(lambda: running(1))
        writer.transport.abort()
        await poll(lambda: running(0), within=3)


@pytest.mark.parametrize(
    ("limits", "named"),
    [({"QUERY_MAX_ROWS": "2"}, "rows to read"), ({"QUERY_MAX_MEMORY_MB": "1"}, "memory")],
)
async def test_a_question_beyond_its_budget_names_what_to_narrow(
    warehouse: ClickHouse, shared_settings: tree.Settings, limits: dict[str, str], named: str
) -> None:
    await warehouse.execute(MANY)
    async with api(shared_settings, **limits) as served:
        answer = await served.get(TREND)
    assert answer.status_code == 504 and f"more {named} than one question may have" in answer.json()["detail"]


async def test_rows_at_once_have_the_budget_of_a_question(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    await book(warehouse)
    async with api(shared_settings, QUERY_MAX_ROWS="2") as served:
        answer = await served.get(f"/v1/exports/quick/csv?dataset=booking_events&{OCTOBER}")
    assert answer.status_code == 504 and "more rows to read than" in answer.json()["detail"]


async def test_rows_at_once_are_no_more_bytes_than_can_be_held(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    await warehouse.execute(
        "INSERT INTO booking_events (event_id, event_type, event_timestamp, cancellation_reason) "
        "SELECT generateUUIDv4(), 'booking.cancelled', toDateTime64('2026-10-05', 3, 'UTC'), repeat('x', 100000) "
        "FROM numbers(800)"
    )
    asked = f"/v1/exports/quick/csv?dataset=booking_events&{OCTOBER}&columns=event_id"
    async with api(shared_settings) as served:
        answer = await served.get(f"{asked},cancellation_reason")
        narrower = await served.get(asked)
    assert (answer.status_code, narrower.status_code) == (504, 200)
    assert "more rows or bytes of a result than" in answer.json()["detail"] and "fewer columns" in answer.text


async def test_only_questions_have_a_budget(warehouse: ClickHouse, shared_settings: tree.Settings) -> None:
    """The audit, readiness and ingestion read with the same connections, as much as they need."""
    await book(warehouse)
    async with api(shared_settings, QUERY_MAX_ROWS="1", CLICKHOUSE_POOL_SIZE="2") as served:
        refused = await served.get(BOOKINGS)
        read = await clickhouse_of(served).select(
            "SELECT uniqExact(booking_id) AS n FROM daily_booking_metrics"
        )
    assert (refused.status_code, read.one()) == (504, {"n": 3})


# What the server may say


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        (158, "Limit for rows exceeded", TooMuch),
        (159, "Timeout exceeded: elapsed 0.31 s", TooMuch),
        (160, "Estimated query execution time is too long", TooMuch),
        (241, "Query memory limit exceeded: would use 12.10 MiB", TooMuch),
        (241, "Memory limit (for query) exceeded: would use 12.10 MiB", TooMuch),
        (307, "Limit for bytes exceeded", TooMuch),
        (396, "Limit for result exceeded", TooMuch),
        (241, "User memory limit exceeded: would use 12.00 MiB", Retryable),
        (241, "(total) memory limit exceeded: would use 3.60 GiB", Retryable),
        (202, "Too many simultaneous queries", Retryable),
    ],
)
async def test_too_much_is_told_from_overload(code: int, text: str, error: type[Exception]) -> None:
    assert await said_by_a_server(exception(code, text)) is error


async def whole(clickhouse: ClickHouse) -> None:
    await clickhouse.select("SELECT 1")


async def by_blocks(clickhouse: ClickHouse) -> None:
    async with aclosing(clickhouse.stream("SELECT 1", timeout=10, block_rows=1_000)) as blocks:
        async for _ in blocks:
            pass


@pytest.mark.parametrize("asked", [whole, by_blocks])
async def test_a_server_that_works_and_does_not_end_was_asked_too_much(
    monkeypatch: pytest.MonkeyPatch, asked: Question
) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", 0.1)
    assert await said_by_a_server(PROGRESS, asked) is TooMuch


@pytest.mark.parametrize("asked", [whole, by_blocks])
async def test_a_server_that_says_nothing_hangs(monkeypatch: pytest.MonkeyPatch, asked: Question) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", 0.1)
    assert await said_by_a_server(b"", asked) is Retryable


async def said_by_a_server(answer: bytes, asked: Question = whole) -> type[Any]:
    """The error that a question ends with."""
    async with FakeClickHouse(asked=answer) as server:
        client = client_of(Database("127.0.0.1", server.port, "test"))
        try:
            await asked(client.within(Budget(0.1, 1 << 30, 1_000)))
        except (TooMuch, Retryable) as error:
            return TooMuch if isinstance(error, TooMuch) else Retryable
        finally:
            await client.close()
    raise AssertionError("no error")

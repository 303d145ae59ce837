"""Exports through HTTP: asked for, made by a process of their own, had back; and what is said of wrong requests."""

import asyncio
import gzip
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from openride_analytics import settings as tree
from tests.support.api import Served
from tests.support.exports import (
    BOOKINGS,
    NOW,
    OCTOBER,
    ask,
    environ,
    exporting,
    made,
    rows,
    somebody,
    status,
)

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis]


async def test_an_export_is_made_and_had_back(few: Served) -> None:
    found, file = await made(few, somebody(), **BOOKINGS)
    assert [row["event_type"] for row in rows(file)] == ["booking.confirmed", *["booking.created"] * 3]
    assert "kafka_offset" not in rows(file)[0]  # bookkeeping comes only if asked for
    for when in ("created_at", "updated_at", "expires_at", "export_id"):
        assert found.pop(when)
    assert found == {
        "status": "completed",
        "dataset": "booking_events",
        "format": "csv",
        "filename": "booking_events_2026-10-01_2026-10-31.csv",
        "date_range": "2026-10-01 to 2026-10-31",
        "timezone": "Africa/Lagos",
        "progress": 1.0,
        "row_count": 4,
        "total_rows": 4,
        "truncated": False,
        "file_size": len(file),
        "error": None,
        "warnings": [],
    }


async def test_a_request_is_accepted_at_once(few: Served) -> None:
    answer = await ask(few, somebody(), **BOOKINGS)
    found = answer.json()
    assert (answer.status_code, found["status"], answer.headers["location"]) == (
        202,
        "pending",
        f"/v1/exports/{found['export_id']}/status",
    )


async def test_columns_come_in_the_order_asked_for_those_of_bookkeeping_too(few: Served) -> None:
    columns = ["seats_booked", "kafka_offset", "event_type"]
    _, file = await made(few, somebody(), **BOOKINGS, columns=columns)
    assert list(rows(file)[0]) == columns


async def test_what_is_cut_is_said_to_be(few: Served) -> None:
    found, file = await made(few, somebody(), **BOOKINGS, row_limit=2)
    assert (len(rows(file)), found["row_count"], found["total_rows"], found["truncated"]) == (2, 2, 4, True)


async def test_a_limit_may_be_written_as_a_float(few: Served) -> None:
    answer = await ask(few, somebody(), **BOOKINGS, row_limit=2.0)
    assert answer.status_code == 202, answer.text


async def test_a_file_can_be_compressed(few: Served) -> None:
    """Here the rows through HTTP; that the rest is alike in every format is for the tests of files."""
    who, asked = somebody(), BOOKINGS | {"format": "jsonl"}
    _, plain = await made(few, who, **asked)
    found, packed = await made(few, who, **asked, compression="gzip")
    assert (gzip.decompress(packed), found["filename"].endswith(".jsonl.gz")) == (plain, True)


async def test_another_users_export_is_not_there(few: Served) -> None:
    path = f"/v1/exports/{(await ask(few, somebody(), **BOOKINGS)).json()['export_id']}"
    other = somebody("admin")
    answers = [
        await few.get(f"{path}/status", **other),
        await few.get(f"{path}/download", **other),
        await few.client.delete(path, headers=other),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_ones_own_are_listed_the_newest_first(few: Served) -> None:
    who = somebody()
    ids = [(await made(few, who, **BOOKINGS))[0]["export_id"]]
    ids += [(await ask(few, who, **BOOKINGS)).json()["export_id"] for _ in range(2)]
    listed = (await few.get("/v1/exports?limit=2", **who)).json()
    assert ([found["export_id"] for found in listed["exports"]], listed["total"]) == (ids[:0:-1], 3)


async def test_a_finished_export_is_removed_with_its_file(few: Served, tmp_path: Path) -> None:
    who = somebody()
    found, _ = await made(few, who, **BOOKINGS)
    removed = await few.client.delete(f"/v1/exports/{found['export_id']}", headers=who)
    after = await few.get(f"/v1/exports/{found['export_id']}/status", **who)
    left = list((tmp_path / "exports").rglob(f"*{found['export_id']}*"))
    assert (removed.status_code, after.status_code, left) == (204, 404, [])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"dataset": "system.tables"}, "dataset"),
    ({"format": "exe"}, "format"),
    ({"start_date": "yesterday"}, "start_date"),
    ({"start_date": "2026-11-01"}, "start_date"),
    ({"timezone": "Mars"}, "timezone"),
    ({"columns": ["event_type; DROP TABLE x"]}, "columns"),
    ({"columns": []}, "columns"),
    ({"columns": ["event_id", "event_id"]}, "columns"),
    ({"filters": {"1=1 OR x": 1}}, "filters.1=1 OR x"),
    ({"filters": {"booking_id": "x"}}, "filters.booking_id"),
    ({"filters": {"seats_booked": -1}}, "filters.seats_booked"),
    ({"filters": {"seats_booked": 256}}, "filters.seats_booked"),
    ({"filters": {"total_price": "1.001"}}, "filters.total_price"),
    ({"filters": {"event_type": 5}}, "filters.event_type"),
    ({"filters": {"event_type": ["booking.created"] * 101}}, "filters[...]"),
    ({"filters": {"event_timestamp": "2026-10-02T07:00:00"}}, "filters.event_timestamp"),
    ({"row_limit": 0}, "row_limit"),
    ({"row_limit": 100_001}, "row_limit"),
    ({"compression": "gzip", "format": "parquet"}, "compression"),
    ({"sql": "SELECT 1"}, "sql"),
]


@pytest.mark.parametrize(
    "path", ["nope/status", "nope/download", "6f3c0b0e-54a7-4c41-9c68-3d1d6f6b7a100/status"]
)
async def test_what_is_no_id_is_named(few: Served, path: str) -> None:
    answer = await few.get(f"/v1/exports/{path}", **somebody())
    errors = [{"field": "export_id", "problem": "is not an id", "allowed": "a UUID"}]
    assert (answer.status_code, answer.json().get("errors")) == (400, errors)


async def test_wrong_fields_are_named(few: Served) -> None:
    who, named = somebody(), []
    for changes, _ in WRONG:
        answer = await ask(few, who, **BOOKINGS | changes)
        named.append((answer.status_code, changes, [error["field"] for error in answer.json()["errors"]]))
    assert named == [(422, changes, [field]) for changes, field in WRONG]


async def test_a_body_that_is_no_request_is_refused(few: Served) -> None:
    headers, found = {**somebody(), "content-type": "application/json"}, []
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        answer = await few.client.post("/v1/exports/request", content=body, headers=headers)
        found.append((answer.status_code, answer.headers["content-type"]))
    assert found == [(422, "application/problem+json")] * 5


async def test_a_body_of_another_type_is_refused(few: Served) -> None:
    """A page of another origin may send text without asking first."""
    headers = {**somebody(), "content-type": "text/plain"}
    body = msgspec.json.encode(BOOKINGS)
    answer = await few.client.post("/v1/exports/request", content=body, headers=headers)
    assert answer.status_code == 415


async def test_viewers_may_not_export(few: Served) -> None:
    who = somebody("viewer")
    answers = [await ask(few, who, **BOOKINGS), await few.get("/v1/exports/datasets", **who)]
    assert [answer.status_code for answer in answers] == [403, 403]


async def test_personal_columns_are_for_admins(few: Served) -> None:
    ways: list[dict[str, Any]] = [
        {"columns": ["event_id", "phone", "email"]},
        {"filters": {"phone": "+2348012345678", "email": "a@b"}},
    ]
    users = {"dataset": "user_events", "format": "csv", **OCTOBER}
    answers = [await ask(few, somebody(), **users, **way) for way in ways]
    said = [(answer.status_code, "phone, email" in answer.json()["detail"]) for answer in answers]
    assert said == [(403, True)] * 2


async def test_personal_columns_are_left_out_for_others(few: Served) -> None:
    users = {"dataset": "user_events", "format": "csv", **OCTOBER}
    there = {
        role: b"ada@example.com" in (await made(few, somebody(role), **users))[1]
        for role in ("analyst", "admin")
    }
    assert there == {"analyst": False, "admin": True}


async def test_a_user_has_so_many_at_a_time(
    few_settings: tree.Settings, redis_url: str, tmp_path: Path
) -> None:
    variables = environ(few_settings, redis_url, tmp_path, EXPORT_MAX_PER_USER="2")
    async with exporting(variables, now=NOW, count=0) as (_, api):
        who = somebody()
        answers = [await ask(api, who, **BOOKINGS) for _ in range(3)]
        other = await ask(api, somebody(), **BOOKINGS)
        for answer in (*answers[:2], other):
            headers = who if answer is not other else None
            if headers:
                await api.client.delete(f"/v1/exports/{answer.json()['export_id']}", headers=headers)
        again = await ask(api, who, **BOOKINGS)
    said = [answer.status_code for answer in (*answers, other, again)]
    assert (said, "retry-after" in answers[2].headers) == ([202, 202, 429, 202, 202], True)


async def test_a_hundred_requests_with_one_key_are_one_export(few: Served) -> None:
    who = somebody() | {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(*(ask(few, who, **BOOKINGS) for _ in range(100)))
    assert ({answer.status_code for answer in answers}, len({a.json()["export_id"] for a in answers})) == (
        {202},
        1,
    )


async def test_a_key_is_for_one_request(few: Served) -> None:
    who = somebody() | {"Idempotency-Key": "monthly"}
    first, other = await ask(few, who, **BOOKINGS), await ask(few, who, **BOOKINGS | {"format": "jsonl"})
    assert (first.status_code, other.status_code) == (202, 422)


async def test_an_export_that_was_removed_is_not_made_again(few: Served) -> None:
    who = somebody() | {"Idempotency-Key": str(uuid4())}
    found, _ = await made(few, who, **BOOKINGS)
    await few.client.delete(f"/v1/exports/{found['export_id']}", headers=who)
    assert (await ask(few, who, **BOOKINGS)).status_code == 409


async def test_a_key_is_its_users(few: Served) -> None:
    ids = {
        (await ask(few, somebody() | {"Idempotency-Key": "k"}, **BOOKINGS)).json()["export_id"]
        for _ in range(2)
    }
    assert len(ids) == 2


async def test_without_redis_nothing_can_be_asked_for(shared_settings: tree.Settings, tmp_path: Path) -> None:
    variables = environ(shared_settings, "redis://127.0.0.1:1/0", tmp_path)
    async with exporting(variables, now=NOW, count=0) as (_, api):
        who = somebody()
        answers = [
            await ask(api, who, **BOOKINGS),
            await api.get("/v1/exports", **who),
            await api.get(f"/v1/exports/{uuid4()}/status", **who),
        ]
    assert [answer.status_code for answer in answers] == [503, 503, 503]


async def test_a_waiting_export_can_be_cancelled(
    few_settings: tree.Settings, redis_url: str, tmp_path: Path
) -> None:
    async with exporting(environ(few_settings, redis_url, tmp_path), now=NOW, count=0) as (_, api):
        who = somebody()
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        assert (await api.client.delete(f"/v1/exports/{export_id}", headers=who)).status_code == 204
        found = await status(api, who, export_id)
        file = await api.get(f"/v1/exports/{export_id}/download", **who)
    assert (found["status"], file.status_code) == ("cancelled", 409)

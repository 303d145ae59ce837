"""Rows as CSV at once: of every dataset, with filters; and what there is to ask for."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.exports import statements
from openride_analytics.exports.catalog import SOURCES
from openride_analytics.exports.quick import quick
from openride_analytics.schema.exports import Dataset
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import Served
from tests.support.exports import BOOKINGS, FEW, NOW, OCTOBER, ask, environ, event, exporting, rows, somebody
from tests.support.making import file_of, order
from tests.support.warehouse import store

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis]

FILTERS: list[tuple[dict[str, Any], int]] = [
    ({"event_type": "booking.confirmed"}, 1),
    ({"event_type": ["booking.created", "booking.confirmed"]}, 4),
    ({"booking_id": FEW[0]["booking_id"]}, 1),
    ({"payment_id": None}, 3),
    ({"payment_id": [None, str(uuid4())]}, 3),
    ({"event_type": "booking.created", "event_timestamp": "2026-10-02T07:00:00Z"}, 1),
    ({"refund_initiated": False}, 0),
    ({"total_price": "0.01"}, 0),
    ({"pickup_lat": -91.5}, 0),
    ({"seats_booked": 255}, 0),
    ({"cancelled_by": "'; DROP TABLE x --"}, 0),
]


async def test_filters_choose_rows(warehouse: ClickHouse, shared_settings: tree.Settings) -> None:
    await store(warehouse, FEW, token=str(uuid4()))
    chosen = []
    for filters, _ in FILTERS:
        asked = order(shared_settings, now=NOW, **BOOKINGS, filters=filters)
        count = statements.count(asked)
        counted = await warehouse.select(count.sql, count.params, identifiers=count.identifiers)
        found = await quick(warehouse, asked)
        text = b"".join([piece async for piece in found.pieces])
        chosen.append((filters, len(rows(text)), counted.one()["total"]))
    assert chosen == [(filters, expected, expected) for filters, expected in FILTERS]


async def test_quick_gives_rows_at_once(few: Served) -> None:
    query = "dataset=booking_events&start_date=2026-10-01&end_date=2026-10-31&columns=event_type,seats_booked"
    answer = await few.get(f"/v1/exports/quick/csv?{query}&event_type=booking.created", **somebody())
    assert (answer.status_code, answer.headers["x-truncated"], len(rows(answer.content))) == (200, "false", 3)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


async def test_quick_says_what_is_wrong(few: Served) -> None:
    queries = ["dataset=nothing", "dataset=booking_events&columns=x", "dataset=booking_events&x=1"]
    answers = [await few.get(f"/v1/exports/quick/csv?{query}", **somebody()) for query in queries]
    named = [[error["field"] for error in answer.json()["errors"]] for answer in answers]
    assert ([answer.status_code for answer in answers], named) == (
        [400] * 3,
        [["dataset"], ["columns"], ["x"]],
    )


FAR = [
    ("booking_events", "event_timestamp", "1899-12-31T23:59:59Z", "1900 to 2299"),
    ("booking_events", "event_timestamp", "2300-01-01T00:00:00Z", "1900 to 2299"),
    ("booking_events", "event_timestamp", "0001-01-01T00:00:00+05:00", "1900 to 2299"),
    ("booking_metrics", "date", "1969-12-31", "1970 to 2148"),
    ("booking_metrics", "date", "2149-01-01", "1970 to 2148"),
]


@pytest.mark.parametrize(("dataset", "column", "value", "allowed"), FAR)
async def test_times_that_no_row_can_have_are_told_of(
    few: Served, dataset: str, column: str, value: str, allowed: str
) -> None:
    who = somebody()
    asked = BOOKINGS | {"dataset": dataset}
    query = urlencode({"dataset": dataset, **OCTOBER, column: value})
    answers = [
        await few.get(f"/v1/exports/quick/csv?{query}", **who),
        await ask(few, who, **asked, filters={column: value}),
    ]
    told = [answer.json()["errors"][0] for answer in answers if answer.is_client_error]
    assert [answer.status_code for answer in answers] == [400, 422]
    assert [(each["field"], each["allowed"][-12:]) for each in told] == [
        (column, allowed),
        (f"filters.{column}", allowed),
    ]


EDGES = [
    ("booking_events", "event_timestamp", ["1900-01-01T00:00:00Z", "2299-12-31T23:59:59.999Z"]),
    ("booking_metrics", "date", ["1970-01-01", "2148-12-31"]),
]


@pytest.mark.parametrize(("dataset", "column", "values"), EDGES)
async def test_the_first_and_the_last_time_can_be_asked_for(
    few: Served, dataset: str, column: str, values: list[str]
) -> None:
    query = urlencode({"dataset": dataset, **OCTOBER, column: values}, doseq=True)
    answer = await few.get(f"/v1/exports/quick/csv?{query}", **somebody())
    assert (answer.status_code, rows(answer.content)) == (200, [])


async def test_quick_says_that_there_were_more(
    warehouse: ClickHouse, shared_settings: tree.Settings, redis_url: str, tmp_path: Path
) -> None:
    several = [event("booking.created", "2026-10-05T08:00:00Z") for _ in range(10_001)]
    await store(warehouse, several, token=str(uuid4()))
    query = "dataset=booking_events&start_date=2026-10-01&end_date=2026-10-31&columns=event_id"
    async with exporting(environ(shared_settings, redis_url, tmp_path), now=NOW, count=0) as (_, api):
        answer = await api.get(f"/v1/exports/quick/csv?{query}", **somebody())
    assert (answer.headers["x-truncated"], len(rows(answer.content))) == ("true", 10_000)


async def test_quick_has_the_rows_of_an_export_in_the_same_order(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    """In several parts, and with events that differ in nothing but their ids."""
    for _ in range(3):
        alike = [event("booking.created", f"2026-10-0{n // 3 + 1}T08:00:00Z") for n in range(9)]
        await store(warehouse, alike, token=str(uuid4()))
    asked = {**BOOKINGS, "filters": {"event_type": "booking.created"}}
    found = await quick(warehouse, order(shared_settings, now=NOW, **asked))
    file, *_ = await file_of(shared_settings, tmp_path, **asked)
    assert b"".join([piece async for piece in found.pieces]) == file.read_bytes()


async def test_datasets_tell_their_columns(few: Served) -> None:
    found = (await few.get("/v1/exports/datasets", **somebody())).json()["datasets"]
    users = next(dataset for dataset in found if dataset["name"] == "user_events")
    phone = next(one for one in users["columns"] if one["name"] == "phone")
    assert (len(found), phone) == (
        14,
        {
            "name": "phone",
            "type": "text",
            "nullable": True,
            "default": False,
            "personal": True,
            "filterable": True,
        },
    )


async def test_every_dataset_can_be_asked_for(few: Served) -> None:
    found = {}
    for dataset in Dataset:
        query = f"dataset={dataset}&start_date=2026-10-01&end_date=2026-10-31"
        answer = await few.get(f"/v1/exports/quick/csv?{query}", **somebody("admin"))
        found[dataset] = (answer.status_code, set(answer.text.partition("\n")[0].split(",")))
    assert found == {
        dataset: (200, {column.name for column in SOURCES[dataset].columns if not column.bookkeeping})
        for dataset in Dataset
    }

"""What stands in files: the values that ClickHouse has, however awkward, in every format."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import polars as pl
import pytest

from openride_analytics import settings as tree
from openride_analytics.exports.columns import Column, Kind
from openride_analytics.exports.sheets import CUT, LONGEST, Workbook
from openride_analytics.schema.exports import Dataset
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.events import example
from tests.support.making import file_of
from tests.support.warehouse import store

pytestmark = pytest.mark.clickhouse

TEXTS = [
    "",
    "plain",
    "quotes \" and '",
    "commas, and; more",
    "two\nlines\r\nand a third",
    "emoji 🚗 and ọ̀rẹ́",
    "x" * 200,
    "y" * 20_000,
    "z" * 100_000,
    "\u0000 and \u001f",
    "_x0041_ is no A",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("x")']
RICH = '<r></r></is></c><c r="D3"><f>HYPERLINK("http://x")</f></c><c r="E3" t="inlineStr"><is><r></r>'
RICH_TEXTS = [
    RICH,
    "<r>&bad</r>",
    "<r>\x01_x0041_</r>",
    "<r><t>rich</t></r>",
]  # as xlsxwriter keeps such strings
RANGE = {"start_date": "2026-10-01", "end_date": "2026-10-31", "timezone": "UTC"}
AT = datetime(2026, 10, 5, 7, 0, 0, 123000, tzinfo=UTC)


def moment(number: int) -> datetime:
    return AT + timedelta(milliseconds=number)


async def fill(warehouse: ClickHouse, texts: list[str]) -> None:
    """A cancelled booking for each text, which is its reason; and a completed trip, a payment without a reason."""
    events: list[dict[str, Any]] = [
        example(
            "booking.cancelled",
            event_id=str(UUID(int=number + 1)),
            event_timestamp=moment(number),
            cancellation_reason=text,
        )
        for number, text in enumerate(texts)
    ]
    await store(warehouse, events, token=str(uuid4()))


BOOKINGS = {
    "dataset": "booking_events",
    "columns": ["event_id", "event_timestamp", "cancellation_reason", "total_price", "refund_initiated"],
    **RANGE,
}


@pytest.fixture
async def filled(warehouse: ClickHouse) -> ClickHouse:
    await fill(warehouse, TEXTS)
    return warehouse


async def test_csv_has_the_texts_as_they_are_and_tells_an_empty_one_from_none(
    filled: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    file, _, progress = await file_of(shared_settings, tmp_path, **BOOKINGS)
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))
    assert ([row["cancellation_reason"] for row in rows], progress.rows) == (TEXTS, len(TEXTS))
    first = file.read_text("utf-8").splitlines()[1]
    assert first == f'"{UUID(int=1)}","2026-10-05T07:00:00.123Z","",,'


async def test_jsonl_has_the_texts_as_they_are(
    filled: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    file, *_ = await file_of(shared_settings, tmp_path, **BOOKINGS, format="jsonl")
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert rows[0] == {
        "event_id": str(UUID(int=1)),
        "event_timestamp": "2026-10-05T07:00:00.123Z",
        "cancellation_reason": "",
        "total_price": None,
        "refund_initiated": None,
    }
    assert [row["cancellation_reason"] for row in rows] == TEXTS


async def test_parquet_has_types(filled: ClickHouse, shared_settings: tree.Settings, tmp_path: Path) -> None:
    file, *_ = await file_of(shared_settings, tmp_path, **BOOKINGS, format="parquet")
    frame = pl.read_parquet(file)
    assert frame["cancellation_reason"].to_list() == TEXTS
    assert frame.schema == {
        "event_id": pl.String(),
        "event_timestamp": pl.Datetime("ms", "UTC"),
        "cancellation_reason": pl.String(),
        "total_price": pl.Decimal(38, 2),
        "refund_initiated": pl.Boolean(),
    }


async def test_excel_has_the_texts_and_says_what_it_cut(
    filled: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    file, warnings, _ = await file_of(shared_settings, tmp_path, **BOOKINGS, format="excel")
    sheet = openpyxl.load_workbook(file)["Rows"]
    header, *rows = sheet.iter_rows(values_only=True)
    assert header[1] == "event_timestamp (UTC)"
    assert rows[0] == (str(UUID(int=1)), AT.replace(tzinfo=None), "", None, None)
    cut = TEXTS[8][: LONGEST - len(CUT)] + CUT
    # What XML cannot hold is escaped, and read back so by Excel; openpyxl leaves the escapes.
    found = [openpyxl.utils.escape.unescape(row[2] or "") for row in rows]
    assert found[:8] + found[8:9] == [*TEXTS[:8], cut]
    assert warnings == [
        f"cancellation_reason: 1 cells are longer than the {LONGEST} characters that Excel holds; "
        f"they end with '{CUT}'"
    ]


async def test_excel_says_what_it_cut_of_labels_too(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    failed = example("payment.failed", event_id=str(uuid4()), event_timestamp=AT, error_code="x" * 40_000)
    await store(warehouse, [failed], token=str(uuid4()))
    asked = {"dataset": "payment_events", "columns": ["error_code"], "format": "excel", **RANGE}
    file, warnings, _ = await file_of(shared_settings, tmp_path, **asked)
    cell = openpyxl.load_workbook(file)["Rows"]["A2"]
    assert (cell.value[-len(CUT) :], len(cell.value), len(warnings)) == (CUT, LONGEST, 1)


async def test_no_cell_is_a_formula_where_one_could_be(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    """Parquet has no formulas: there such texts are left alone."""
    await fill(warehouse, FORMULAS + RICH_TEXTS)
    made = {
        form: (await file_of(shared_settings, tmp_path, **BOOKINGS, format=form))[0]
        for form in ("csv", "excel", "parquet")
    }
    with made["csv"].open(newline="", encoding="utf-8") as lines:
        found = [row["cancellation_reason"] for row in csv.DictReader(lines)]
    assert found == [f"'{text}" for text in FORMULAS] + RICH_TEXTS
    cells = [row[2] for row in openpyxl.load_workbook(made["excel"])["Rows"].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert [openpyxl.utils.escape.unescape(str(cell.value)) for cell in cells] == FORMULAS + RICH_TEXTS
    assert pl.read_parquet(made["parquet"])["cancellation_reason"].to_list() == FORMULAS + RICH_TEXTS


async def test_numbers_stay_numbers(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    event = example(
        "booking.created", event_id=str(uuid4()), event_timestamp=AT, total_price="999999999999.99",
        pickup_lat=-5.25, pickup_lon=-0.1,
    )  # fmt: skip
    await store(warehouse, [event], token=str(uuid4()))
    asked = {**BOOKINGS, "columns": ["total_price", "pickup_lat", "pickup_lon", "seats_booked"]}
    made = {
        form: (await file_of(shared_settings, tmp_path, **asked, format=form))[0]
        for form in ("csv", "excel", "parquet", "jsonl")
    }
    seats = event["seats_booked"]
    assert made["csv"].read_text().splitlines()[1] == f"999999999999.99,-5.25,-0.1,{seats}"
    cells = openpyxl.load_workbook(made["excel"])["Rows"][2]
    assert [cell.value for cell in cells] == [999999999999.99, -5.25, -0.1, seats]
    assert {cell.data_type for cell in cells} == {"n"}
    assert pl.read_parquet(made["parquet"]).row(0) == (Decimal("999999999999.99"), -5.25, -0.1, seats)
    assert list(json.loads(made["jsonl"].read_text()).values()) == ["999999999999.99", -5.25, -0.1, seats]


async def test_lists_are_lists(warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path) -> None:
    event = example("route.created", event_id=str(uuid4()), event_timestamp=AT, active_days=["MON", "SUN"])
    await store(warehouse, [event], token=str(uuid4()))
    asked = {"dataset": "route_events", "columns": ["active_days", "updated_fields"], **RANGE}
    made = {
        form: (await file_of(shared_settings, tmp_path, **asked, format=form))[0]
        for form in ("csv", "parquet", "jsonl")
    }
    with made["csv"].open(newline="", encoding="utf-8") as lines:
        assert list(csv.reader(lines))[1] == ['["MON","SUN"]', "[]"]
    assert pl.read_parquet(made["parquet"]).row(0) == (["MON", "SUN"], [])
    assert json.loads(made["jsonl"].read_text()) == {"active_days": ["MON", "SUN"], "updated_fields": []}


async def test_every_column_of_every_event_is_what_clickhouse_has(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    """Against the engine's own text of the same rows."""
    kinds = [
        "user.registered",
        "user.kyc_verified",
        "booking.created",
        "booking.completed",
        "payment.success",
    ]
    kinds += ["payment.failed", "payment.refunded", "trip.completed", "trip.cancelled", "route.updated"]
    kinds += ["driver.location.updated"]
    events = [
        example(kind, event_id=str(uuid4()), event_timestamp=moment(number))
        for number, kind in enumerate(kinds)
    ]
    await store(warehouse, events, token=str(uuid4()))
    for dataset in Dataset:
        if not (dataset.endswith("events") or dataset == "events_raw"):
            continue
        names = [column.name for column in _columns(dataset)]
        asked = {"dataset": dataset, "columns": names, "format": "jsonl", **RANGE}
        file, *_ = await file_of(shared_settings, tmp_path, **asked)
        found = [json.loads(line) for line in file.read_bytes().splitlines()]
        assert found and found == await _said(warehouse, dataset, names), dataset
        file.unlink()


def _columns(dataset: Dataset) -> tuple[Column, ...]:
    from openride_analytics.exports.catalog import SOURCES

    return SOURCES[dataset].columns


async def _said(warehouse: ClickHouse, dataset: Dataset, names: list[str]) -> list[dict[str, Any]]:
    texts = ", ".join(
        f"formatDateTime({name}, '%Y-%m-%dT%H:%i:%S', 'UTC') || '.' || right(toString({name}), 3) || 'Z' AS {name}_"
        if column.kind is Kind.INSTANT
        else f"toDecimalString({name}, 2) AS {name}_"
        if column.kind is Kind.MONEY
        else f"{name} AS {name}_"
        for name, column in zip(names, _columns(dataset), strict=True)
    )
    order = f"{dataset}.event_type, {dataset}.event_timestamp, {dataset}.event_id"
    said = await warehouse.select(
        f"SELECT formatRowNoNewline('JSONEachRow', {', '.join(f'{name}_' for name in names)}) AS line "
        f"FROM (SELECT {texts}, event_type, event_timestamp, event_id FROM {dataset}) AS {dataset} ORDER BY {order} "
        "SETTINGS output_format_json_quote_64bit_integers = 0"
    )
    return [
        {name.removesuffix("_"): value for name, value in json.loads(line).items()}
        for line in said.columns[0]
    ]


def test_rows_beyond_a_sheet_go_on_in_another(tmp_path: Path) -> None:
    columns = [Column("n", Kind.INTEGER)]
    with (tmp_path / "book.xlsx").open("wb") as file:
        book = Workbook(file, tmp_path, columns, rows=3)
        book.write(pl.DataFrame({"n": [1, 2]}))
        book.write(pl.DataFrame({"n": [3, 4, 5, 6, 10**17]}))
        book.close()
    found = openpyxl.load_workbook(tmp_path / "book.xlsx")
    assert [[cell for (cell,) in sheet.values] for sheet in found] == [
        ["n", 1, 2, 3],
        ["n", 4, 5, 6],
        ["n", str(10**17)],
    ]

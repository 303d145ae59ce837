"""Numbers by local day: what the API says of that day, from events with every awkward case."""

import csv
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from openride_analytics import settings as tree
from openride_analytics.exports import statements
from openride_analytics.schema.queries import DriverSort, GeographicQuery, Level, PlaceMetric, RouteSort
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.drivers import drivers
from openride_analytics.stats.geographic import geographic
from openride_analytics.stats.payments import payments
from openride_analytics.stats.routes import routes
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import users
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.drives import FIRST, LAST, ask
from tests.support.events import example
from tests.support.making import file_of, order
from tests.support.warehouse import store

pytestmark = pytest.mark.clickhouse

DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
SOME = [DAYS[0], DAYS[7], *DAYS[16:20], DAYS[-1]]  # one of them is when New York's clocks change
ZONE = "America/New_York"
NOW = datetime.now(UTC).timestamp()


async def exported(settings: tree.Settings, folder: Path, dataset: str) -> list[dict[str, str]]:
    file, *_ = await file_of(
        settings,
        folder,
        dataset=dataset,
        start_date=FIRST.isoformat(),
        end_date=LAST.isoformat(),
        timezone=ZONE,
    )
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def of(rows: list[dict[str, str]], day: date) -> list[dict[str, str]]:
    return [row for row in rows if row["date"] == day.isoformat()]


def alike(said: Any) -> str:
    """As CSV has a number, or none."""
    return "" if said is None else str(said)


def answer_of(found: msgspec.Struct, names: list[str]) -> dict[str, str]:
    return {name: alike(getattr(found, name)) for name in names}


async def agree(rows: list[dict[str, str]], compute: Any) -> None:
    """Every column but the date is what the API says under the same name."""
    assert [row["date"] for row in rows] == [day.isoformat() for day in DAYS]
    for day in SOME:
        (row,) = of(rows, day)
        names = [name for name in row if name in compute.names]
        assert {name: row[name] for name in names} == answer_of(await compute(day), names), day


class Of:
    """What the API says of one day."""

    def __init__(self, function: Any, clickhouse: ClickHouse, type_: type[msgspec.Struct]) -> None:
        self._function = function
        self._clickhouse = clickhouse
        self.names = type_.__struct_fields__

    async def __call__(self, day: date) -> Any:
        return await self._function(self._clickhouse, ask(day, day, ZONE))


@pytest.mark.parametrize(
    ("dataset", "function", "least"),
    [("booking_metrics", bookings, 9), ("trip_metrics", trips, 10), ("user_metrics", users, 6)],
)
async def test_a_day_is_what_the_api_says_of_it(
    drives: ClickHouse,
    drives_settings: tree.Settings,
    tmp_path: Path,
    dataset: str,
    function: Any,
    least: int,
) -> None:
    rows = await exported(drives_settings, tmp_path, dataset)
    found = await function(drives, ask(DAYS[0], DAYS[0], ZONE))
    said = Of(function, drives, type(found))
    assert len(set(rows[0]) & set(said.names)) >= least
    await agree(rows, said)


async def test_cancellations_are_by_whom_the_api_says(
    drives: ClickHouse, drives_settings: tree.Settings, tmp_path: Path
) -> None:
    rows = await exported(drives_settings, tmp_path, "booking_metrics")
    for day in SOME:
        (row,) = of(rows, day)
        found = {who: int(row[f"cancelled_by_{who.lower()}"]) for who in ("RIDER", "DRIVER", "SYSTEM")}
        said = (await bookings(drives, ask(day, day, ZONE))).cancellations_by
        assert {who: count for who, count in found.items() if count} == said


async def test_payments_add_up_to_what_the_api_says(
    drives: ClickHouse, drives_settings: tree.Settings, tmp_path: Path
) -> None:
    rows = await exported(drives_settings, tmp_path, "payment_metrics")
    for day in SOME:
        said = await payments(drives, ask(day, day, ZONE))
        mine = of(rows, day)
        assert sum(int(row["payments_success"]) for row in mine) == said.payments_success
        naira = [row for row in mine if row["currency"] == "NGN"]
        assert f"{sum(float(row['revenue']) for row in naira):.2f}" == said.total_revenue
        assert f"{sum(float(row['net_revenue']) for row in naira):.2f}" == said.net_revenue
        methods = {method.payment_method: method.success for method in said.by_method}
        counted: dict[str, int] = {}
        for row in mine:
            counted[row["payment_method"]] = counted.get(row["payment_method"], 0) + int(
                row["payments_success"]
            )
        assert {name: count for name, count in counted.items() if count} == methods


def happened(event_type: str, at: str, **changes: Any) -> dict[str, Any]:
    return example(event_type, event_id=str(uuid4()), event_timestamp=f"{at}T12:00:00Z", **changes)


OCTOBER: dict[str, Any] = {"start_date": "2026-10-01", "end_date": "2026-10-01", "timezone": "UTC"}


async def test_times_of_payments_add_up_beyond_64_bits(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    paid = [
        happened("payment.success", "2026-10-01", payment_id=str(uuid4()), processing_time_ms=1 << 63)
        for _ in range(2)
    ]
    await store(warehouse, paid, token=str(uuid4()))
    file, *_ = await file_of(shared_settings, tmp_path, dataset="payment_metrics", **OCTOBER)
    with file.open(newline="", encoding="utf-8") as lines:
        (row,) = csv.DictReader(lines)
    assert float(row["avg_processing_time_ms"]) == 1 << 63


async def test_who_only_cancelled_a_trip_was_not_active(
    warehouse: ClickHouse, shared_settings: tree.Settings, tmp_path: Path
) -> None:
    ids = [{"trip_id": str(uuid4()), "driver_id": str(uuid4())} for _ in range(2)]
    types = ("trip.started", "trip.cancelled")
    events = [happened(kind, "2026-10-01", **id_) for kind, id_ in zip(types, ids, strict=True)]
    await store(warehouse, events, token=str(uuid4()))
    file, *_ = await file_of(shared_settings, tmp_path, dataset="trip_metrics", **OCTOBER)
    with file.open(newline="", encoding="utf-8") as lines:
        (row,) = csv.DictReader(lines)
    assert (row["trips_cancelled"], row["active_drivers"]) == ("1", "1")


@pytest.mark.parametrize(
    ("dataset", "id_", "event_type"),
    [("payment_metrics", "payment_id", "payment.success"), ("trip_metrics", "trip_id", "trip.completed")],
)
async def test_what_became_of_others_before_is_not_held(
    warehouse: ClickHouse, shared_settings: tree.Settings, dataset: str, id_: str, event_type: str
) -> None:
    before = [happened(event_type, "2026-09-01", **{id_: str(uuid4())}) for _ in range(50)]
    await store(warehouse, [*before, happened(event_type, "2026-10-01")], token=str(uuid4()))
    asked = statements.rows(order(shared_settings, dataset=dataset, **OCTOBER), 10)
    # As written: else the smaller side is held, as far as the server can tell which that is.
    few = f"{asked.sql}, max_rows_in_join = 10, query_plan_join_swap_table = 'false'"
    found = warehouse.stream(few, asked.params, timeout=10, block_rows=10)
    assert sum([block.rows async for block in found]) == 1


async def test_drivers_of_a_day(drives: ClickHouse, drives_settings: tree.Settings, tmp_path: Path) -> None:
    rows = await exported(drives_settings, tmp_path, "driver_earnings")
    names = [
        "total_trips",
        "total_earnings",
        "avg_earnings_per_trip",
        "total_distance_km",
        "on_time_performance",
    ]
    for day in SOME:
        said = await drivers(drives, ask(day, day, ZONE), sort=DriverSort.TRIPS, limit=1000)
        expected = {str(row.driver_id): answer_of(row, names) for row in said.drivers}
        assert {row["driver_id"]: {name: row[name] for name in names} for row in of(rows, day)} == expected


async def test_routes_of_a_day(drives: ClickHouse, drives_settings: tree.Settings, tmp_path: Path) -> None:
    rows = await exported(drives_settings, tmp_path, "popular_routes")
    names = ["total_bookings", "total_revenue", "avg_occupancy", "seats_total", "driver_id"]
    for day in SOME:
        said = await routes(drives, ask(day, day, ZONE), sort=RouteSort.BOOKINGS, limit=500)
        expected = {str(row.route_id): answer_of(row, names) for row in said.routes}
        assert {row["route_id"]: {name: row[name] for name in names} for row in of(rows, day)} == expected


async def test_places_of_a_day(drives: ClickHouse, drives_settings: tree.Settings, tmp_path: Path) -> None:
    rows = await exported(drives_settings, tmp_path, "geographic_metrics")
    for metric, day in product(PlaceMetric, SOME[:4]):
        query = GeographicQuery(metric=metric, level=Level.CITY)
        said = await geographic(drives, ask(day, day, ZONE), query)
        found = {(row["state"], row["city"]): float(row[metric]) for row in of(rows, day)}
        expected = {(place.state, place.city): place.value for place in said.data_points}
        assert {place: value for place, value in found.items() if value} == {
            place: value for place, value in expected.items() if value
        }

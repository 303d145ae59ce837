"""A workbook of metrics over two months of rides, what the API says of the same, and how to read it."""

import asyncio
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import openpyxl
import pytest

from openride_analytics import settings as tree
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from tests.support.api import Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.warehouse import prepared

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp()
PATH = "/v1/exports/metrics/excel"
OCTOBER = "start_date=2026-10-01&end_date=2026-10-30"
SEPTEMBER = "start_date=2026-09-01&end_date=2026-09-30"
ZONE = "timezone=America/New_York"  # where an October day is another than in UTC
SHEETS = ["Summary", "Users", "Bookings", "Payments", "Trips", "Drivers", "Routes", "About"]
AREAS = {"Users": 4, "Bookings": 4, "Payments": 4, "Trips": 4, "Drivers": 6, "Routes": 3}  # headers, from 0
NASTY = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "https://example.com/x"]
NASTY += ["<r></r></si><si><r></r>", "<r>&bad</r>"]  # as xlsxwriter keeps rich strings
DRIVERS = [str(uuid4()) for _ in range(3)]
ROUTES = {name: str(uuid4()) for name in NASTY}


def ride(n: int, at: datetime) -> Iterator[dict[str, Any]]:
    """A booking of one of the routes, paid, driven, and sometimes not."""
    names = ("booking_id", "payment_id", "trip_id", "rider_id")
    ids = {name: str(uuid4()) for name in names} | {
        "driver_id": DRIVERS[n % 3],
        "route_id": ROUTES[NASTY[n % len(NASTY)]],
    }
    minutes = iter(range(100))

    def event(event_type: str, **changes: Any) -> dict[str, Any]:
        known = example(event_type)
        own: dict[str, Any] = {name: value for name, value in ids.items() if name in known}
        moment = (at + timedelta(minutes=next(minutes))).isoformat()
        return example(event_type, event_id=str(uuid4()), event_timestamp=moment, **own, **changes)

    price = f"{4500 + n}.{n % 100:02}"
    currency = "USD" if n % 5 == 4 else "NGN"
    yield event("booking.created", scheduled_departure=(at + timedelta(hours=3)).isoformat())
    yield event("payment.initiated", amount=price, currency=currency)
    if n % 4 == 3:
        yield event("payment.failed", amount=price, error_code=NASTY[n % len(NASTY)])
        yield event("booking.cancelled", cancelled_by=("RIDER", "DRIVER", "SYSTEM")[n % 3])
        return
    yield event("payment.success", amount=price, currency=currency, processing_time_ms=100 * n)
    yield event("booking.confirmed", total_price=price)
    yield event("trip.started")
    yield event("trip.completed", on_time=n % 3 != 0, driver_earnings=price)
    yield event("booking.completed", total_price=price)
    if n % 6 == 1:
        yield event("payment.refunded", refund_amount="10.01", original_amount=price, currency=currency)


def events() -> list[dict[str, Any]]:
    """More in October than in September; drivers registered in August."""
    found = [
        example("route.created", seed=n, event_id=str(uuid4()), event_timestamp="2026-08-20T08:00:00Z",
                route_id=route_id, driver_id=DRIVERS[n % 3], route_name=name)
        for n, (name, route_id) in enumerate(ROUTES.items())
    ]  # fmt: skip
    found += [
        example("user.registered", seed=n, event_id=str(uuid4()), user_id=driver, role="DRIVER",
                event_timestamp="2026-08-19T08:00:00Z")
        for n, driver in enumerate(DRIVERS)
    ]  # fmt: skip
    for n in range(36):
        month, day = (9, 2 + 2 * n) if n < 12 else (10, 1 + n - 12)
        found += ride(n, datetime(2026, month, day, 2, 30, tzinfo=UTC))
    return found


@dataclass(frozen=True)
class Made:
    """A workbook, and what the API says of its range and of the period before."""

    data: bytes
    headers: dict[str, str]
    now: dict[str, Any]
    then: dict[str, Any]


@pytest.fixture(scope="session")
def two_months(clickhouse_server: EmbeddedClickHouse) -> tree.Settings:
    """A warehouse that holds two months."""
    return prepared(clickhouse_server, "test_workbook", events())


async def answers(api: Served, days: str) -> dict[str, Any]:
    """What the API says of each area."""
    areas = {area: f"/v1/metrics/{area}?{days}&{ZONE}" for area in ("users", "bookings", "payments", "trips")}
    asked = {area: f"{path}&include_time_series=true" for area, path in areas.items()}
    asked |= {area: f"/v1/metrics/{area}?{days}&{ZONE}" for area in ("drivers", "routes")}
    return {area: (await api.get(path)).json() for area, path in asked.items()}


@pytest.fixture(scope="session")
def made_workbook(two_months: tree.Settings) -> Made:
    """October's workbook, by the API."""

    async def ask() -> Made:
        async with resources(leading_to(two_months), now=NOW) as given, serving(given) as api:
            answer = await api.get(f"{PATH}?{OCTOBER}&{ZONE}")
            assert answer.status_code == 200, answer.text
            now, then = await answers(api, OCTOBER), await answers(api, SEPTEMBER)
            return Made(answer.content, dict(answer.headers), now, then)

    return asyncio.run(ask())


@pytest.fixture(scope="session")
def book(made_workbook: Made) -> Any:
    """The same as another library reads it."""
    return opened(made_workbook.data)


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """A time as cells have it, without a zone."""
    return datetime(year, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


def opened(data: bytes) -> Any:
    """The workbook as another library reads it, which does without the newer kind of bars in cells, and says so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(Unknown|Conditional Formatting) extension")
        return openpyxl.load_workbook(BytesIO(data))


def rows(sheet: Any, header: int) -> list[dict[str, Any]]:
    """What stands below a header (its row counted from 0), until nothing does: heading → value."""
    titles = [cell.value for cell in sheet[header + 1] if cell.value is not None]
    found = []
    for row in sheet.iter_rows(min_row=header + 2, max_col=len(titles), values_only=True):
        if row[0] is None:
            break
        found.append(dict(zip(titles, row, strict=True)))
    return found


def headline(book: Any, area: str, figure: str) -> dict[str, Any]:
    """A row of the Summary."""
    (found,) = (row for row in rows(book["Summary"], 7) if (row["Area"], row["Figure"]) == (area, figure))
    return found

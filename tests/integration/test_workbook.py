"""The workbook of metrics: its cells against what the API answers; wrong questions; another program that opens it."""

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openride_analytics import settings as tree
from tests.support.api import leading_to, resources, serving
from tests.support.books import NASTY, NOW, OCTOBER, PATH, SHEETS, Made, at, headline, opened, rows
from tests.support.office import shown
from tests.support.proxy import Fault, Proxy
from tests.support.tokens import SECRET_ENVIRON, bearer, signed

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def made(made_workbook: Made) -> Made:
    """October's."""
    return made_workbook


def test_it_is_a_file_to_keep(made: Made) -> None:
    assert made.headers["content-type"].startswith("application/vnd.openxmlformats-officedocument")
    assert made.headers["content-disposition"] == (
        'attachment; filename="openride-metrics-2026-10-01-to-2026-10-30.xlsx"'
    )
    assert made.headers["cache-control"] == "no-store"


def test_it_has_a_sheet_for_each_area(book: Any) -> None:
    assert book.sheetnames == SHEETS


@pytest.mark.parametrize(
    ("area", "figure", "field"),
    [
        ("Users", "Active in the last 30 days", "users.mau"),
        ("Users", "Registered in all", "users.total_users"),
        ("Bookings", "Created", "bookings.bookings_created"),
        ("Bookings", "Total value (NGN)", "bookings.total_booking_value"),
        ("Bookings", "Average value (NGN)", "bookings.avg_booking_value"),
        ("Payments", "Total revenue (NGN)", "payments.total_revenue"),
        ("Payments", "Net revenue (NGN)", "payments.net_revenue"),
        ("Payments", "Processing time, 95th percentile (ms)", "payments.p95_processing_time_ms"),
        ("Trips", "Driver earnings (NGN)", "trips.total_driver_earnings"),
        ("Trips", "Average distance (km)", "trips.avg_distance_km"),
        ("Drivers", "With a completed trip", "drivers.total_drivers"),
    ],
)
def test_headlines_are_what_the_api_answers(
    book: Any, made: Made, area: str, figure: str, field: str
) -> None:
    resource, name = field.split(".")
    now, then = (Decimal(str(answers[resource][name])) for answers in (made.now, made.then))
    found = headline(book, area, figure)
    assert [Decimal(str(found[column])) for column in ("This period", "Period before")] == [now, then]
    assert Decimal(str(found["Change"])).quantize(Decimal("0.01")) == now - then
    assert found["Change in %"] == pytest.approx(float((now - then) / then))


def test_rates_are_shares_and_change_by_points(book: Any, made: Made) -> None:
    found = headline(book, "Payments", "Refund rate")
    now, then = (answers["payments"]["refund_rate"] for answers in (made.now, made.then))
    assert now != then
    assert [found["This period"], found["Period before"], found["Change"], found["Change in %"]] == [
        pytest.approx(now / 100),
        pytest.approx(then / 100),
        pytest.approx(now - then),
        "\u2013",
    ]


def test_other_currencies_stand_apart(book: Any, made: Made) -> None:
    found = headline(book, "Payments", "Total revenue (USD)")["This period"]
    assert Decimal(str(found)) == Decimal(made.now["payments"]["revenue_by_currency"]["USD"])


@pytest.mark.parametrize(
    ("sheet", "columns"),
    [
        ("Users", {"New registrations": "new_registrations", "Active users": "active_users"}),
        ("Bookings", {"Created": "bookings_created", "Value (NGN)": "total_booking_value"}),
        ("Payments", {"Succeeded": "payments_success", "Revenue (NGN)": "total_revenue"}),
        ("Trips", {"Completed": "trips_completed", "Driver earnings (NGN)": "total_driver_earnings"}),
    ],
)
def test_series_are_what_the_api_answers(book: Any, made: Made, sheet: str, columns: dict[str, str]) -> None:
    points = made.now[sheet.lower()]["time_series"]
    expected = [
        {"Day": datetime.fromisoformat(point["timestamp"]).replace(tzinfo=None)}
        | {title: Decimal(str(point[field])) for title, field in columns.items()}
        for point in points
    ]
    found = [
        {"Day": row["Day"]} | {title: Decimal(str(row[title])) for title in columns}
        for row in rows(book[sheet], 4)
    ]
    assert found == expected and len(found) == 30


def test_drivers_are_what_the_api_answers(book: Any, made: Made) -> None:
    assert [
        (
            row["Driver"],
            row["Trips"],
            Decimal(str(row["Earnings (NGN)"])),
            row["Distance (km)"],
            row["On time"],
        )
        for row in rows(book["Drivers"], 6)
    ] == [
        (
            driver["driver_id"],
            driver["total_trips"],
            Decimal(driver["total_earnings"]),
            driver["total_distance_km"],
            pytest.approx(driver["on_time_performance"] / 100),
        )
        for driver in made.now["drivers"]["drivers"]
    ]


def test_routes_are_what_the_api_answers(book: Any, made: Made) -> None:
    assert [
        (row["Route id"], row["Bookings"], Decimal(str(row["Revenue (NGN)"])), row["Occupancy"], row["Seats"])
        for row in rows(book["Routes"], 3)
    ] == [
        (
            route["route_id"],
            route["total_bookings"],
            Decimal(route["total_revenue"]),
            pytest.approx(route["avg_occupancy"] / 100),
            route["seats_total"],
        )
        for route in made.now["routes"]["routes"]
    ]


def test_the_parts_of_payments_are_below_their_series(book: Any, made: Made) -> None:
    found = {table.name: table.ref for table in book["Payments"].tables.values()}
    first = re.fullmatch(r"A(\d+):E\d+", found["PaymentsByMethod"])
    assert first is not None
    assert [
        (row["Initiated"], row["Failed"], Decimal(str(row["Revenue (NGN)"])))
        for row in rows(book["Payments"], int(first[1]) - 1)
    ] == [(m["initiated"], m["failed"], Decimal(m["revenue"])) for m in made.now["payments"]["by_method"]]


def test_text_is_never_a_formula_or_a_link(book: Any) -> None:
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    links = [cell.hyperlink.target for cell in cells if cell.hyperlink]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"} and [link for link in links if link] == []


def test_text_that_looks_like_a_formula_is_there_unchanged(book: Any, made: Made) -> None:
    asked = {route["route_id"]: route["route_name"] for route in made.now["routes"]["routes"]}
    found = {row["Route id"]: row["Route"].replace("_x000D_", "\r") for row in rows(book["Routes"], 3)}
    assert found == asked and len(asked) > 4 and set(asked.values()) <= set(NASTY)


def test_it_stays_text_when_somebody_edits_it(book: Any) -> None:
    assert all(book["Routes"].cell(5 + n, 1).quotePrefix for n in range(len(rows(book["Routes"], 3))))


def test_about_says_of_what_it_is_and_when_it_was_made(book: Any) -> None:
    found = [(row[0].value, row[1].value) for row in book["About"].iter_rows(min_row=4, max_row=15)]
    assert [(name.strip(), value) for name, value in found[:9]] == [
        ("Period", "2026-10-01 to 2026-10-30"),
        ("begins", at(2026, 10, 1)),
        ("ends (excluded)", at(2026, 10, 31)),
        ("Compared with", "2026-09-01 to 2026-09-30"),
        ("begins", at(2026, 9, 1)),
        ("ends (excluded)", at(2026, 10, 1)),
        ("Time zone", "America/New_York"),
        ("Made at", at(2026, 10, 31, 8)),
        ("Made at (UTC)", "2026-10-31T12:00:00Z"),
    ]


def test_about_says_what_every_headline_means(book: Any) -> None:
    said = {row[1].value for row in book["About"].iter_rows() if row[0].value == "Summary" and row[2].value}
    assert {f"{row['Area']}: {row['Figure']}" for row in rows(book["Summary"], 7)} == said


def test_the_document_says_what_it_is(book: Any) -> None:
    found = book.properties
    assert (found.title, found.creator, found.created) == (
        "OpenRide metrics, 2026-10-01 to 2026-10-30",
        "OpenRide Analytics",
        at(2026, 10, 31, 12),
    )


def test_another_program_shows_the_same(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "metrics.xlsx"
    file.write_bytes(made.data)
    found = shown(file)
    cells = {tuple(row[:2]): row[2] for row in found["Summary"]}
    assert list(found) and set(found) == set(SHEETS)
    assert cells["Payments", "Total revenue (NGN)"].replace(",", "") == made.now["payments"]["total_revenue"]
    assert cells["Payments", "Success rate"] == f"{made.now['payments']['success_rate']:.2f}%"
    assert [row[0] for row in found["Routes"][4:]] == [
        route["route_name"] for route in made.now["routes"]["routes"]
    ]


async def test_an_empty_range_has_no_numbers_that_are_not_there(two_months: tree.Settings) -> None:
    async with resources(leading_to(two_months), now=NOW) as given, serving(given) as api:
        answer = await api.get(f"{PATH}?start_date=2026-03-01&end_date=2026-03-02&granularity=hourly")
    book = opened(answer.content)
    found = [headline(book, *figure) for figure in (("Bookings", "Created"), ("Bookings", "Conversion rate"))]
    assert [list(row.values())[2:] for row in found] == [[0, 0, 0, "\u2013"], ["\u2013"] * 4]
    assert book["Drivers"]["A8"].value == "No driver completed a trip in this period."
    assert len(rows(book["Trips"], 4)) == 48


@pytest.mark.parametrize("granularity", ["hourly", "weekly", "monthly"])
async def test_series_are_as_fine_as_was_asked(two_months: tree.Settings, granularity: str) -> None:
    days = (
        "start_date=2026-10-31&end_date=2026-11-02&timezone=America/New_York"  # clocks go back on 1 November
    )
    async with resources(leading_to(two_months), now=NOW) as given, serving(given) as api:
        answer = await api.get(f"{PATH}?{days}&granularity={granularity}")
        asked = f"{days}&granularity={granularity}&include_time_series=true"
        points = (await api.get(f"/v1/metrics/trips?{asked}")).json()["time_series"]
    book = opened(answer.content)
    found = [
        [value for value in row.values() if isinstance(value, datetime)] for row in rows(book["Trips"], 4)
    ]
    expected = [[datetime.fromisoformat(point["timestamp"]).replace(tzinfo=None)] for point in points]
    assert found == expected


@pytest.mark.parametrize("statement", ["metrics/routes", "metrics/payments", "metrics/drivers"])
async def test_if_one_area_fails_there_is_no_workbook(two_months: tree.Settings, statement: str) -> None:
    chosen = two_months.clickhouse
    async with Proxy(chosen.host, chosen.port) as proxy:
        environ = leading_to(two_months) | {"CLICKHOUSE_PORT": str(proxy.port)}
        async with resources(environ, now=NOW) as given, serving(given) as api:
            proxy.arm(Fault.CUT, on=statement.encode())
            answer = await api.get(f"{PATH}?{OCTOBER}")
    assert (answer.status_code, answer.headers["content-type"], proxy.struck > 0) == (
        503,
        "application/problem+json",
        True,
    )


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("analyst", 503)])
async def test_it_asks_for_an_analyst(role: str, status: int) -> None:
    async with resources(SECRET_ENVIRON) as given, serving(given) as api:
        answer = await api.get(PATH, **bearer(signed(role=role)))
    assert answer.status_code == status


async def test_a_wrong_parameter_is_a_problem_that_names_it() -> None:
    async with resources({}) as given, serving(given) as api:
        answer = await api.get(f"{PATH}?include_time_series=true")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["allowed"]) == (
        400,
        "include_time_series",
        "start_date, end_date, timezone, granularity",
    )


async def test_the_schema_describes_it() -> None:
    async with resources({}) as given, serving(given) as api:
        described = (await api.get("/schema/openapi.json")).json()["paths"][PATH]["get"]
    (media_type,) = described["responses"]["200"]["content"]
    assert media_type.endswith("spreadsheetml.sheet")
    assert {p["name"] for p in described["parameters"]} == {
        "start_date",
        "end_date",
        "timezone",
        "granularity",
    }

"""What is mailed of a period: figures as the API has them, charts, files; and of what could not be made."""

import asyncio
import csv
import gc
import io
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from matplotlib.figure import Figure
from xlsxwriter import Workbook

from openride_analytics import settings as tree
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.errors import Retryable
from openride_analytics.exports.workbook import answers, lists
from openride_analytics.reports.edition import UNSUBSCRIBE, Edition, Rendered
from openride_analytics.reports.render import render
from openride_analytics.stats.periods import day_start, period
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.books import NASTY, NOW, Made, opened
from tests.support.warehouse import prepared

pytestmark = pytest.mark.clickhouse

ZONE = ZoneInfo("America/New_York")
OCTOBER = period("2026-10-01", "2026-10-30", zone=ZONE, now=datetime.fromtimestamp(NOW, UTC), max_days=400)
LINK = "https://analytics.example.org/v1/reports/files/token"
TYPES = [
    "user_metrics",
    "booking_metrics",
    "payment_metrics",
    "trip_metrics",
    "driver_earnings",
    "comprehensive",
]
SHEETS = {
    "user_metrics": ["Users"],
    "booking_metrics": ["Bookings"],
    "payment_metrics": ["Payments"],
    "trip_metrics": ["Trips"],
    "driver_earnings": ["Trips", "Drivers"],
    "comprehensive": ["Users", "Bookings", "Payments", "Trips", "Drivers", "Routes"],
}
VOID = {"meta", "br", "img"}


def edition(report_type: str = "comprehensive", form: str = "excel", **changes: Any) -> Edition:
    known = Edition(
        schedule_id=UUID(int=1),
        execution_id=UUID(int=2),
        report_name="Numbers <b>& more</b>",
        report_type=report_type,
        format=form,
        period=OCTOBER,
        currency="NGN",
        made_at=datetime.fromtimestamp(NOW, UTC),
    )
    return replace(known, **changes)


@pytest.fixture
async def months(two_months: tree.Settings) -> AsyncIterator[ClickHouse]:
    """A client of a warehouse that holds two months."""
    client = ClickHouse(two_months.clickhouse)
    await client.open()
    yield client
    await client.close()


@pytest.fixture(scope="session")
def without_trips(clickhouse_server: EmbeddedClickHouse) -> tree.Settings:
    """A warehouse that lost a table."""
    return prepared(clickhouse_server, "test_mail_damaged")


@pytest.fixture
async def damaged(without_trips: tree.Settings) -> AsyncIterator[ClickHouse]:
    """A client of it."""
    client = ClickHouse(without_trips.clickhouse)
    await client.open()
    await client.execute("DROP TABLE IF EXISTS daily_trip_metrics")
    yield client
    await client.close()


@pytest.fixture(scope="session")
def reports(two_months: tree.Settings) -> dict[str, Rendered]:
    """October's, one of each type, with workbooks."""

    async def make() -> dict[str, Rendered]:
        client = ClickHouse(two_months.clickhouse)
        await client.open()
        found = {name: await made(client, edition(name)) for name in TYPES}
        await client.close()
        return found

    return asyncio.run(make())


async def made(clickhouse: ClickHouse, asked: Edition, **changes: Any) -> Rendered:
    return await render(clickhouse, asked, **{"unsubscribe": UNSUBSCRIBE, "link": LINK} | changes)


def seen(html: str) -> str:
    """The text that somebody sees."""
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)).split())


@pytest.mark.parametrize("report_type", TYPES)
def test_both_bodies_hold_the_same_figures(reports: dict[str, Rendered], report_type: str) -> None:
    found = reports[report_type]
    figures = re.findall(r": ([^:()\n]+) \(([^;\n]+); before: ([^)\n]+)\)$", found.text, re.MULTILINE)
    html = seen(found.html)
    assert figures and [value for figure in figures for value in figure if value not in html] == []


def test_figures_are_what_the_api_answers(reports: dict[str, Rendered], made_workbook: Made) -> None:
    found = reports["comprehensive"]
    now, then = made_workbook.now["bookings"], made_workbook.then["bookings"]
    share = now["bookings_confirmed"] / then["bookings_confirmed"] - 1
    assert (
        f"* Bookings confirmed: {now['bookings_confirmed']:,} ({share:+.1%}; "
        f"before: {then['bookings_confirmed']:,})" in found.text
    )
    assert f"{float(made_workbook.now['payments']['net_revenue']):,.2f}" in found.html


def test_the_subject_names_report_and_days(reports: dict[str, Rendered]) -> None:
    assert (reports["comprehensive"]).subject == "Numbers <b>& more</b>: 1 to 30 October 2026"


def test_both_bodies_say_of_what_and_when(reports: dict[str, Rendered]) -> None:
    found = reports["comprehensive"]
    for body in (found.text, seen(found.html)):
        for said in (
            "1 to 30 October 2026",
            "America/New_York",
            "31 October 2026, 08:00",
            "1 to 30 September",
        ):
            assert said in body


def test_names_are_no_markup(reports: dict[str, Rendered]) -> None:
    html = (reports["comprehensive"]).html
    assert "<b>" not in html and "&lt;b&gt;&amp; more" in html


@pytest.mark.parametrize("report_type", TYPES)
def test_the_html_is_closed_and_fetches_nothing(reports: dict[str, Rendered], report_type: str) -> None:
    open_: list[str] = []
    sources: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            sources.extend(value for name, value in attrs if name in ("src", "background") and value)
            if tag not in VOID:
                open_.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_.pop() == tag

    html = (reports[report_type]).html
    Parser().feed(html)
    assert open_ == [] and all(source.startswith("cid:") for source in sources)
    assert "url(" not in html and "<script" not in html


def test_it_is_below_what_mail_clients_cut_off(reports: dict[str, Rendered]) -> None:
    assert len((reports["comprehensive"]).html.encode()) < 100_000


@pytest.mark.parametrize("report_type", TYPES)
def test_every_chart_is_shown_with_words(reports: dict[str, Rendered], report_type: str) -> None:
    found = reports[report_type]
    shown = re.findall(r'<img src="cid:([^"]+)"[^>]* alt="(Chart: [^"]+\.)"', found.html)
    assert [content_id for content_id, _ in shown] == list(found.images)
    assert shown and all(image.startswith(b"\x89PNG") for image in found.images.values())


def test_words_of_a_chart_give_its_extremes(reports: dict[str, Rendered], made_workbook: Made) -> None:
    highest = max(p["bookings_created"] for p in made_workbook.now["bookings"]["time_series"])
    found = reports["booking_metrics"]
    assert re.search(
        rf"Chart: Bookings, by day\. Created: lowest \d+ \(\d+ Oct\), highest {highest} ", found.html
    )


async def test_a_day_is_drawn_by_the_hour(months: ClickHouse) -> None:
    day = OCTOBER.first_day
    one = replace(OCTOBER, until=day_start(day.replace(day=2), ZONE))
    found = await made(months, edition("booking_metrics", period=one))
    assert "Chart: Bookings, by hour." in found.html and found.rows == 24


async def test_a_period_with_nothing_in_it_is_mailed_without_charts(months: ClickHouse) -> None:
    empty = period("2025-01-01", "2025-01-07", zone=ZONE, now=datetime.fromtimestamp(NOW, UTC), max_days=400)
    found = await made(months, edition(period=empty))
    assert found.images == {} and "* Bookings confirmed: 0 (no change; before: 0)" in found.text


@pytest.mark.parametrize("report_type", TYPES)
def test_workbooks_have_a_sheet_for_each_area(reports: dict[str, Rendered], report_type: str) -> None:
    found = (reports[report_type]).attachment
    assert found is not None
    assert opened(found.content).sheetnames == ["Summary", *SHEETS[report_type], "About"]


async def test_csv_is_the_series_of_the_area(months: ClickHouse, made_workbook: Made) -> None:
    found = await made(months, edition("payment_metrics", "csv"))
    assert found.attachment is not None
    rows = list(csv.DictReader(io.StringIO(found.attachment.content.decode())))
    known = made_workbook.now["payments"]["time_series"]
    assert rows == [{name: str(value) for name, value in point.items()} for point in known]
    assert (found.rows, found.attachment.name) == (
        30,
        "openride-payment-metrics-2026-10-01-to-2026-10-30.csv",
    )


async def test_csv_of_everything_is_a_zip_without_formulas(months: ClickHouse) -> None:
    found = (await made(months, edition(form="csv"))).attachment
    assert found is not None
    with zipfile.ZipFile(io.BytesIO(found.content)) as packed:
        names = [f"{area.lower()}.csv" for area in SHEETS["comprehensive"]]
        assert packed.namelist() == [*names, "about.txt"]
        rows = list(csv.DictReader(io.StringIO(packed.read("routes.csv").decode(), newline="")))
    found_names = {row["route_name"] for row in rows}
    assert found_names and found_names <= {
        name if name[0] not in "=+-@\t\r" else f"'{name}" for name in NASTY
    }


async def test_a_file_above_the_limit_is_linked_to(months: ClickHouse) -> None:
    found = await made(months, edition("user_metrics", "csv"), most=10)
    assert not found.attached and found.attachment is not None
    for body in (found.html, found.text):
        assert LINK in body and ", attached" not in body


def test_a_file_that_is_attached_is_not_linked_to(reports: dict[str, Rendered]) -> None:
    """It is kept nowhere else."""
    found = reports["user_metrics"]
    assert LINK not in found.html + found.text and "attached" in found.html


def test_both_bodies_say_when_they_were_made(reports: dict[str, Rendered]) -> None:
    found = reports["user_metrics"]
    said = [re.search(r"Made .+ \(America/New_York\)", body) for body in (found.text, seen(found.html))]
    assert [words[0][:8] for words in said if words] == ["Made on "] * 2


@pytest.mark.parametrize(
    ("days", "before"),
    [
        (("2026-10-01", "2026-10-31"), "1 to 30 September 2026"),
        (("2026-10-19", "2026-10-25"), "12 to 18 October 2026"),
        (("2026-10-26", "2026-10-26"), "Sunday, 25 October 2026"),
    ],
    ids=["month", "week", "day"],
)
async def test_it_is_compared_with_the_month_week_or_day_before(
    months: ClickHouse, days: tuple[str, str], before: str
) -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    asked = edition("booking_metrics", "csv", period=period(*days, zone=ZONE, now=at, max_days=400))
    found = await made(months, asked)
    assert f"Compared with {before}." in found.text and f"Compared with {before}." in found.html


async def test_of_a_month_the_figures_before_are_those_of_the_month_before(months: ClickHouse) -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    october, september = (
        edition("booking_metrics", "csv", period=period(*days, zone=ZONE, now=at, max_days=400))
        for days in (("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30"))
    )
    texts = [(await made(months, one)).text for one in (october, september)]
    now = re.search(r"^  Created: ([0-9,]+) ", texts[1], re.MULTILINE)
    assert (
        now is not None
        and f"before: {now[1]})" in (re.search(r"^  Created: .*$", texts[0], re.MULTILINE) or [""])[0]
    )


async def test_lists_that_are_cut_say_so_in_mail_and_file(
    months: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (answers, lists):
        monkeypatch.setattr(module, "MOST_ROUTES", 3)
        monkeypatch.setattr(module, "MOST_DRIVERS", 2)
    found = await made(months, edition(form="csv"))
    assert found.attachment is not None
    with zipfile.ZipFile(io.BytesIO(found.attachment.content)) as packed:
        about = packed.read("about.txt").decode()
    for said in (found.text, seen(found.html), about):
        assert "The 3 routes booked most; there are more" in said
        assert "The 2 drivers who earned most, of 3 with a completed trip" in said


async def test_a_week_is_drawn_by_its_weekdays(months: ClickHouse) -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    week = period("2026-10-19", "2026-10-25", zone=ZONE, now=at, max_days=400)
    found = await made(months, edition("booking_metrics", period=week))
    assert re.search(r"Created: lowest \d+ \((Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d\)", found.text)


def test_both_bodies_name_the_way_out(reports: dict[str, Rendered]) -> None:
    found = reports["user_metrics"]
    assert UNSUBSCRIBE in found.html and UNSUBSCRIBE in found.text


async def test_without_a_way_out_none_is_named(months: ClickHouse) -> None:
    found = await made(months, edition("user_metrics"), unsubscribe=None)
    assert "nsubscribe" not in found.html + found.text


async def test_an_area_that_fails_is_named_and_the_rest_is_made(damaged: ClickHouse) -> None:
    found = await made(damaged, edition())
    assert found.missing == ["Trips", "Drivers"] and found.subject.endswith(" (incomplete)")
    for body in (found.text, seen(found.html)):
        assert "Trips, Drivers could not be made" in body and "Bookings confirmed" in body
    assert found.attachment is not None
    sheets = opened(found.attachment.content).sheetnames
    assert sheets == ["Summary", "Users", "Bookings", "Payments", "Routes", "About"]


async def test_where_nothing_can_be_made_it_is_tried_again(damaged: ClickHouse) -> None:
    with pytest.raises(Retryable):
        await made(damaged, edition("trip_metrics"))


async def test_no_workbook_and_no_figure_outlives_its_report(months: ClickHouse) -> None:
    """They consist of cycles, and the service's collector looks seldom: each left 12 MB behind."""
    gc.collect()
    gc.disable()
    try:
        rendered = await render(months, edition(), unsubscribe=UNSUBSCRIBE, link=None)
        left = [type(one).__name__ for one in gc.get_objects() if isinstance(one, Workbook | Figure)]
    finally:
        gc.enable()
    assert (len(rendered.images), left) == (2, [])

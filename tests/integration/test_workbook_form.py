"""The workbook of metrics: how its cells look and behave, how it is printed, what its charts draw."""

import re
import zipfile
from io import BytesIO
from typing import Any

import pytest

from tests.support.books import AREAS, SHEETS, Made, rows

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def made(made_workbook: Made) -> Made:
    """October's."""
    return made_workbook


def charts(made: Made) -> dict[str, list[str]]:
    """The ranges that the charts of each sheet draw, by the sheet's name."""
    found: dict[str, list[str]] = {}
    with zipfile.ZipFile(BytesIO(made.data)) as parts:
        for n, name in enumerate(SHEETS, start=1):
            links = f"xl/worksheets/_rels/sheet{n}.xml.rels"
            if links not in parts.namelist():
                continue
            for drawing in re.findall(rb"drawings/(drawing\d+)\.xml", parts.read(links)):
                inner = parts.read(f"xl/drawings/_rels/{drawing.decode()}.xml.rels")
                for chart in re.findall(rb"charts/(chart\d+)\.xml", inner):
                    xml = parts.read(f"xl/charts/{chart.decode()}.xml").decode()
                    found.setdefault(name, []).extend(re.findall(r"<c:f>([^<]*)</c:f>", xml))
    return found


def test_cells_have_the_format_of_what_they_are(book: Any) -> None:
    wanted = {
        ("Summary", 9, 3): "#,##0",
        ("Bookings", 6, 1): "yyyy-mm-dd",
        ("Bookings", 6, 2): "#,##0",
        ("Bookings", 6, 6): "#,##0.00;[Red]-#,##0.00",
        ("Drivers", 8, 5): "#,##0.00",
        ("Drivers", 8, 7): "0.00%",
        ("Routes", 5, 6): "0.00%",
    }
    found = {place: book[place[0]].cell(*place[1:]).number_format for place in wanted}
    assert found == wanted


@pytest.mark.parametrize(("sheet", "header"), [*AREAS.items(), ("Summary", 7)])
def test_headers_stay_in_sight_and_on_every_page(book: Any, sheet: str, header: int) -> None:
    found = book[sheet]
    assert (found.freeze_panes, found.print_title_rows) == (f"A{header + 2}", f"${header + 1}:${header + 1}")


@pytest.mark.parametrize("sheet", SHEETS)
def test_sheets_are_printed_across_one_page(book: Any, sheet: str) -> None:
    page = book[sheet].page_setup
    assert (page.orientation, page.fitToWidth, book[sheet].sheet_properties.pageSetUpPr.fitToPage) == (
        "landscape",
        None,  # 1
        True,
    )


@pytest.mark.parametrize(("sheet", "header"), [*AREAS.items(), ("Summary", 7)])
def test_tables_have_names_and_filters(book: Any, sheet: str, header: int) -> None:
    table = next(iter(book[sheet].tables.values()))
    last = header + 1 + len(rows(book[sheet], header))
    assert table.ref == table.autoFilter.ref and re.fullmatch(
        rf"A{header + 1}:[F-I]{last}|A5:[A-I]{last}", table.ref
    )


@pytest.mark.parametrize("sheet", ["Users", "Bookings", "Payments", "Trips"])
def test_charts_draw_exactly_the_series(book: Any, made: Made, sheet: str) -> None:
    last = 5 + len(rows(book[sheet], 4))
    data = [found for found in charts(made)[sheet] if ":" in found]
    assert data and all(re.fullmatch(rf"{sheet}!\$([A-F])\$6:\$\1\${last}", found) for found in data)


def test_charts_of_the_summary_draw_the_areas(made: Made) -> None:
    found = charts(made)["Summary"]
    assert {"Payments!$F$6:$F$35", "Bookings!$B$6:$B$35", "Users!$C$6:$C$35"} <= set(found)


def test_charts_of_lists_draw_their_first_rows(book: Any, made: Made) -> None:
    last = 4 + min(10, len(rows(book["Routes"], 3)))
    assert f"Routes!$D$5:$D${last}" in charts(made)["Routes"]
    assert "Drivers!$B$5:$G$5" in charts(made)["Drivers"]


@pytest.mark.parametrize("sheet", ["Summary", *AREAS])
def test_charts_cover_no_cell(book: Any, sheet: str) -> None:
    found = book[sheet]
    width = max(table.ref.count("") and found[table.ref][0][-1].column for table in found.tables.values())
    assert found._charts and all(chart.anchor._from.col >= width for chart in found._charts)


def test_changes_for_the_worse_are_red(book: Any) -> None:
    found = [
        (str(ranges.sqref).split()[0], rule.formula[0], rule.dxf.font.color.rgb)
        for ranges in book["Summary"].conditional_formatting
        for rule in ranges.rules
    ]
    created, cancelled = (
        9 + [row["Figure"] for row in rows(book["Summary"], 7)].index(figure)
        for figure in ("Active on the last day", "Cancelled")
    )
    assert (f"E{created}:F{created}", f"AND(ISNUMBER(E{created}),E{created}<0)", "FFB23A3A") in found
    assert (f"E{cancelled}:F{cancelled}", f"AND(ISNUMBER(E{cancelled}),E{cancelled}>0)", "FFB23A3A") in found

"""Figures and times in words, and how a chart is drawn without leaving traces."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from openride_analytics.exports.workbook.figures import FIGURES, Figure
from openride_analytics.exports.workbook.values import Kind, Value
from openride_analytics.reports import words
from openride_analytics.reports.words import Tone
from openride_analytics.stats.periods import Period, day_start

ROOT = Path(__file__).parents[2]
LAGOS = ZoneInfo("Africa/Lagos")
DRAW = (
    "from openride_analytics.reports.chart import draw; from openride_analytics.reports.drawing import *; "
    "print(draw(Drawing('t', 'line', ['a', 'b'], 'by day', [Series('s', Kind.COUNT, [1, 2])]))[:4])"
)


def figure(area: str, title: str) -> Figure:
    return next(known for known in FIGURES if (known.area, known.title) == (area, title))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Kind.COUNT, 1234, "1,234"),
        (Kind.MONEY, "1234567.5", "1,234,567.50"),
        (Kind.MONEY, "-12.00", "\u221212.00"),
        (Kind.RATE, 85.2, "85.20%"),
        (Kind.NUMBER, 912.219, "912.22"),
        (Kind.COUNT, None, "\u2013"),
        (Kind.MONEY, "999999999999.99", "999,999,999,999.99"),
    ],
)
def test_number(kind: Kind, value: Value, said: str) -> None:
    assert words.number(kind, value) == said


@pytest.mark.parametrize(
    ("amount", "said"), [("9999.99", "9,999.99"), ("10000.50", "10,001"), ("-10000.50", "\u221210,001")]
)
def test_large_amounts_have_no_cents(amount: str, said: str) -> None:
    assert words.large(Kind.MONEY, amount) == said


@pytest.mark.parametrize(
    ("kind", "now", "then", "said"),
    [
        (Kind.COUNT, 150, 100, "+50.0%"),
        (Kind.COUNT, 50, 100, "\u221250.0%"),
        (Kind.COUNT, 5, 0, "+5"),
        (Kind.COUNT, 0, 0, "no change"),
        (Kind.MONEY, "12.50", "0.00", "+12.50"),
        (Kind.MONEY, "50.00", "-100.00", "+150.0%"),
        (Kind.RATE, 80.0, 85.5, "\u22125.50 pp"),
        (Kind.RATE, 80.0, None, "\u2013"),
    ],
)
def test_moved(kind: Kind, now: Value, then: Value, said: str) -> None:
    assert words.moved(kind, now, then) == said


@pytest.mark.parametrize(
    ("area", "title", "now", "tone"),
    [
        ("Bookings", "Confirmed", 2, Tone.GOOD),
        ("Bookings", "Confirmed", 0, Tone.BAD),
        ("Bookings", "Cancelled", 2, Tone.BAD),
        ("Bookings", "Cancelled", 1, Tone.PLAIN),
        ("Trips", "Average distance (km)", 2, Tone.PLAIN),
    ],
)
def test_tone(area: str, title: str, now: int, tone: Tone) -> None:
    assert words.tone(figure(area, title), now, 1) is tone


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 11, 23), date(2026, 11, 23), "Monday, 23 November 2026"),
        (date(2026, 11, 16), date(2026, 11, 22), "16 to 22 November 2026"),
        (date(2026, 11, 30), date(2026, 12, 6), "30 November to 6 December 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28 December 2026 to 3 January 2027"),
    ],
)
def test_days(first: date, last: date, said: str) -> None:
    until = day_start(date.fromordinal(last.toordinal() + 1), LAGOS)
    assert words.days(Period(day_start(first, LAGOS), until, LAGOS)) == said


def test_a_moment_is_local() -> None:
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), LAGOS)
    assert words.moment(datetime(2026, 11, 24, 23, 30, tzinfo=UTC), period) == "25 November 2026, 00:30"


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (950, "950"), (1500, "1.5k"), (2_000_000, "2m"), (3.2e9, "3.2bn")]
)
def test_compact(value: float, said: str) -> None:
    assert words.compact(value) == said


def run(script: str, home: Path) -> str:
    env = {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    (home / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_service_does_not_load_what_only_files_and_mails_need(tmp_path: Path) -> None:
    script = (
        "import sys, openride_analytics.commands.serve; "
        "print({'matplotlib', 'polars', 'jinja2'} & sys.modules.keys())"
    )
    assert run(script, tmp_path) == "set()"


def test_drawing_leaves_nothing_but_a_private_cache(tmp_path: Path) -> None:
    assert run(DRAW, tmp_path) == r"b'\x89PNG'"
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    [cache] = (tmp_path / "tmp").iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    planted = tmp_path / "tmp" / f"openride-matplotlib-{os.getuid()}"
    planted.mkdir(mode=0o777)
    planted.chmod(0o777)
    run(DRAW, tmp_path)
    assert list(planted.iterdir()) == []

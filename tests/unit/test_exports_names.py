"""Names of exported files: harmless as headers, and on any disk."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from openride_analytics.exports.directory import Directory
from openride_analytics.exports.files import parts_of
from openride_analytics.exports.names import content_disposition, file_name
from openride_analytics.schema.exports import Compression, Dataset, ExportRequest, Format
from openride_analytics.stats.periods import Period

OCTOBER = Period(
    datetime(2026, 9, 30, 23, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC), ZoneInfo("Africa/Lagos")
)
ID = "0d3e5f1c-9d57-4d2a-8d6b-0a1b2c3d4e5f"


def named(name: str | None, **more: object) -> str:
    asked = ExportRequest(dataset=Dataset.TRIP_EVENTS, format=Format.CSV, filename=name, **more)  # type: ignore[arg-type]
    return file_name(asked, OCTOBER)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "trip_events_2026-10-01_2026-10-31.csv"),
        ("trips", "trips.csv"),
        ("trips.csv", "trips.csv"),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie_ x=1.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"),
        ("C:\\x", "C__x.csv"),
        ("...", "export.csv"),
        ("a\u202ecsv.exe", "acsv.exe.csv"),
        ("x" * 120, "x" * 116 + ".csv"),
    ],
)
def test_a_name_is_made_harmless(given: str | None, expected: str) -> None:
    assert named(given) == expected


def test_a_compressed_file_says_so() -> None:
    assert named("trips.csv.gz", compression=Compression.GZIP) == "trips.csv.gz"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("trips.csv", 'attachment; filename="trips.csv"'),
        ('a"b.csv', "attachment; filename=\"a_b.csv\"; filename*=UTF-8''a%22b.csv"),
        ("báo 🚗.csv", "attachment; filename=\"b_o _.csv\"; filename*=UTF-8''b%C3%A1o%20%F0%9F%9A%97.csv"),
    ],
)
def test_the_header_is_ascii_and_says_the_rest_too(name: str, header: str) -> None:
    assert content_disposition(name) == header


@pytest.mark.parametrize(
    "name", ["", "x", f"{ID}.csv", f"../{ID}.1.csv", f"{ID}.1.csv/..", f"{ID}.1.csv\n", f"{ID.upper()}.1.csv"]
)
def test_only_names_made_here_are_files(name: str) -> None:
    assert parts_of(name) is None


def test_a_name_tells_the_export_and_the_attempt() -> None:
    assert parts_of(f"{ID}.12.jsonl.gz") == (ID, 12)


async def test_a_directory_that_others_may_write_to_is_refused(tmp_path: object) -> None:
    from pathlib import Path

    from openride_analytics.errors import Fatal

    folder = Path(str(tmp_path)) / "open"
    folder.mkdir()
    folder.chmod(0o777)
    made = Path(str(tmp_path)) / "made"
    made.touch()
    with pytest.raises(Fatal, match="EXPORT_TEMP_DIR"):
        await Directory(folder).publish(made, f"{ID}.1.csv")

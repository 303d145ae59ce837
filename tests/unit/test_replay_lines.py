"""Event files: their lines, where each event goes, and moving events in time."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openride_analytics.errors import Invalid
from openride_analytics.simulate.lines import read_lines, total_bytes
from openride_analytics.simulate.rebase import INSTANTS, move, newest, rebase, span_to
from openride_analytics.simulate.replay import NotAnEventError, address

DAY = timedelta(days=1)


def test_lines_are_numbered_by_file_and_blank_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n\n 3\r\n")
    (tmp_path / "b").write_bytes(b"x")
    lines = list(read_lines([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert [(line.where.rpartition("/")[2], line.text) for line in lines] == [
        ("a:1", b"1"),
        ("a:3", b" 3"),
        ("b:1", b"x"),
    ]


def test_positions_end_at_the_files_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n\n")
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        file.write(b"2\n" * 1000)
    (tmp_path / "c").write_bytes(b"3")
    files = [str(tmp_path / name) for name in ("a", "b.gz", "c")]
    assert list(read_lines(files))[-1].position == total_bytes(files)


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"1\n" * 100_000)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Invalid, match="cannot be read"):
        list(read_lines([str(tmp_path / "cut.gz")]))


def test_a_missing_file_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="there is no file"):
        total_bytes([str(tmp_path / "none")])


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event_type": "user.registered", "user_id": "u"}, ("user", b"u")),
        ({"event_type": "booking.created", "booking_id": "b", "rider_id": "r"}, ("booking", b"b")),
        ({"event_type": "payment.failed", "payment_id": "p", "booking_id": "b"}, ("payment", b"p")),
        ({"event_type": "trip.started", "trip_id": "t", "booking_id": "b"}, ("trip", b"t")),
        ({"event_type": "route.updated", "route_id": "o", "driver_id": "d"}, ("route", b"o")),
        ({"event_type": "driver.location.updated", "driver_id": "d", "trip_id": "t"}, ("location", b"d")),
        ({"event_type": "trip.started"}, ("trip", None)),
        ({"event_type": "trip.started", "trip_id": 7}, ("trip", None)),
    ],
)
def test_an_event_goes_to_its_topic_under_its_entity(
    event: dict[str, object], expected: tuple[str, bytes | None]
) -> None:
    assert address(json.dumps(event).encode()) == expected


@pytest.mark.parametrize(
    "line",
    [b"{", b"[1]", b"null", b"{}", b'{"event_type":"no.such"}', b'{"event_type":1}', b"[" * 100_000, b"\xff"],
)
def test_a_line_that_is_no_event_has_no_address(line: bytes) -> None:
    with pytest.raises(NotAnEventError):
        address(line)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-31T23:59:59Z", "2026-02-01T23:59:59Z"),
        ("2026-01-31T23:59:59.120Z", "2026-02-01T23:59:59.120Z"),
        ("2026-01-31T23:59:59.123456+01:00", "2026-02-01T23:59:59.123456+01:00"),
        ("2026-01-31T23:59:59-11:30", "2026-02-01T23:59:59-11:30"),
        ("2026-01-31T23:59:59+00:00", "2026-02-01T23:59:59+00:00"),
    ],
)
def test_an_instant_keeps_its_form(written: str, expected: str) -> None:
    assert move(written, DAY) == expected


@pytest.mark.parametrize("written", ["yesterday", "2026-01-31T23:59:59", "", "9999-12-31T23:59:59Z"])
def test_what_is_no_instant_cannot_be_moved(written: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        move(written, DAY)


def test_every_instant_of_the_schema_is_moved() -> None:
    assert {"event_timestamp", "scheduled_departure", "actual_departure", "actual_arrival"} == INSTANTS


def test_only_instants_are_changed() -> None:
    line = (
        b'{"event_timestamp":"2026-01-01T00:00:00Z","actual_arrival":null,"fare":1.50,"departure_time":"07:00",'
        b'"note":"2026-01-01T00:00:00Z","deep":{"event_timestamp":"2026-01-01T00:00:00Z","n":1E3}}'
    )
    expected = line.replace(b"2026-01-01", b"2026-01-02", 1)
    assert rebase(line, DAY) == expected


def test_the_newest_event_is_found_across_offsets() -> None:
    lines = [
        b'{"event_timestamp":"2026-01-01T12:00:00+02:00"}',
        b'{"event_timestamp":"2026-01-01T11:00:00Z"}',
        b'{"event_timestamp":"no"}',
        b"{",
    ]
    assert newest(lines) == datetime(2026, 1, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("days", [-3, 0, 400])
def test_the_newest_event_comes_within_a_second_of_now_and_not_after(days: int) -> None:
    now = datetime(2026, 11, 24, 9, 30, 15, 987654, tzinfo=UTC)
    latest = now - timedelta(days=days, microseconds=5)
    assert timedelta(0) <= now - (latest + span_to(now.timestamp(), latest)) < timedelta(seconds=1)

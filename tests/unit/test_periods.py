"""Ranges, days and buckets."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from openride_analytics.errors import Invalid
from openride_analytics.schema.queries import Granularity
from openride_analytics.stats import periods
from openride_analytics.stats.periods import (
    Period,
    buckets,
    day_start,
    last_days,
    local,
    month_before,
    period,
    previous,
    zone,
)

LAGOS, KATHMANDU, NEW_YORK = (ZoneInfo(n) for n in ("Africa/Lagos", "Asia/Kathmandu", "America/New_York"))
CAIRO, LORD_HOWE = ZoneInfo("Africa/Cairo"), ZoneInfo("Australia/Lord_Howe")
NOW = datetime(2026, 11, 15, 23, 30, tzinfo=UTC)  # the 16th in Lagos


def ask(start: str | None, end: str | None, where: ZoneInfo = LAGOS, max_days: int = 400) -> Period:
    return period(start, end, zone=where, now=NOW, max_days=max_days)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "since", "until"),
    [
        (LAGOS, "2026-09-30T23:00", "2026-10-31T23:00"),
        (ZoneInfo("UTC"), "2026-10-01T00:00", "2026-11-01T00:00"),
        (KATHMANDU, "2026-09-30T18:15", "2026-10-31T18:15"),
        (NEW_YORK, "2026-10-01T04:00", "2026-11-01T04:00"),
    ],
)
def test_dates_are_whole_local_days_both_ends_included(where: ZoneInfo, since: str, until: str) -> None:
    asked = ask("2026-10-01", "2026-10-31", where)
    assert (asked.since, asked.until) == (utc(since), utc(until))


@pytest.mark.parametrize(
    ("days", "since"), [(1, "2026-11-05T05:00"), (5, "2026-11-01T04:00"), (7, "2026-10-30T04:00")]
)
def test_the_last_days_of_a_range_are_local_days_whole_at_their_start(days: int, since: str) -> None:
    # New York's clocks change on 1 November; where the range begins does not matter.
    asked = ask("2026-11-05T08:00:00", "2026-11-05T12:00:00", NEW_YORK)
    assert last_days(asked, days) == utc(since)


def test_the_label_names_both_days() -> None:
    assert ask("2026-10-01", "2026-10-31").label == "2026-10-01 to 2026-10-31"


def test_the_label_of_a_datetime_end_does_not_name_a_day_that_it_excludes() -> None:
    assert ask("2026-10-01T08:00:00", "2026-11-01T00:00:00").label == "2026-10-01 to 2026-10-31"


def test_the_default_is_the_last_30_local_days() -> None:
    assert ask(None, None).label == "2026-10-18 to 2026-11-16"


def test_without_a_start_it_is_the_30_days_up_to_the_end() -> None:
    assert ask(None, "2026-10-31").label == "2026-10-02 to 2026-10-31"


def test_the_default_is_no_longer_than_a_range_may_be() -> None:
    assert ask(None, None, max_days=7) == ask("2026-11-10", None)


def test_without_an_end_it_goes_on_through_today() -> None:
    assert ask("2026-11-10", None).until == utc("2026-11-16T23:00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01T08:00:00", "2026-10-01T07:00"),
        ("2026-10-01T08:00:00Z", "2026-10-01T08:00"),
        ("2026-10-01T08:00:00-05:30", "2026-10-01T13:30"),
        ("2026-10-01T08:00:00+02:00", "2026-10-01T06:00"),
        ("2026-10-01T08:00:00 02:00", "2026-10-01T06:00"),
        ("2026-10-01T08:00", "2026-10-01T07:00"),
        ("2026-10-01T08:00:00.0005", "2026-10-01T07:00:00.001"),
        ("20261001T080000Z", "2026-10-01T08:00"),
    ],
)
def test_a_datetime_is_an_instant(text: str, moment: str) -> None:
    assert ask(text, "2026-10-31").since == utc(moment)


def test_a_datetime_end_is_excluded() -> None:
    assert ask("2026-10-01", "2026-10-02T00:00:00").until == utc("2026-10-01T23:00")


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-02-30", "01/10/2026", "1999-12-31", "2100-01-01", "9999-12-31",
             "2026-10-01T25:00", "\uff12026-10-01", "2026-10-01 ; DROP TABLE x", "0001-01-01T00:00:00+23:59"]
)  # fmt: skip
@pytest.mark.parametrize("field", ["start_date", "end_date"])
def test_what_is_no_date_is_refused_by_name(field: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(text if field == "start_date" else "2026-10-01", text if field == "end_date" else "2026-10-31")
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-10-02", "2026-10-01"),
        ("2026-10-01T08:00:00", "2026-10-01T08:00:00"),
        ("2026-12-01", None),
        ("2026-10-01T10:00:00+01:00", "2026-10-01T09:30:00+01:00"),
    ],
)
def test_a_reversed_or_empty_range_is_refused(start: str, end: str | None) -> None:
    with pytest.raises(Invalid, match="start_date: is not before end_date"):
        ask(start, end)


def test_the_longest_range_is_allowed() -> None:
    assert ask("2026-01-01", "2026-12-31", NEW_YORK, max_days=365).last_day == date(2026, 12, 31)


def test_a_longer_range_is_refused() -> None:
    with pytest.raises(Invalid, match="start_date: the range is longer than 364 days"):
        ask("2026-01-01", "2026-12-31", NEW_YORK, max_days=364)


def test_a_day_of_25_hours_counts_as_one() -> None:
    assert ask("2026-11-01", "2026-11-01", NEW_YORK, max_days=1).label == "2026-11-01 to 2026-11-01"


@pytest.mark.parametrize(
    "name", ["", "Lagos", "Africa/lagos", "../../etc/passwd", "/etc/localtime", "localtime", "+01:00", "\0"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="timezone"):
        zone(name)


def test_a_known_zone_is_found() -> None:
    assert zone("Asia/Kathmandu") == KATHMANDU


def test_a_day_whose_midnight_is_skipped_begins_when_clocks_change() -> None:
    # In Cairo clocks went from 00:00 to 01:00 at the start of 2026-04-24.
    assert local(day_start(date(2026, 4, 24), CAIRO), CAIRO) == "2026-04-24T01:00:00+03:00"


def starts(asked: Period, granularity: Granularity) -> list[str]:
    return [local(start, asked.zone) for start in buckets(asked, granularity)]


def test_daily_buckets_are_the_days_of_the_range() -> None:
    assert starts(ask("2026-10-30", "2026-11-01"), Granularity.DAILY) == [
        "2026-10-30T00:00:00+01:00",
        "2026-10-31T00:00:00+01:00",
        "2026-11-01T00:00:00+01:00",
    ]


def test_a_daily_bucket_begins_at_midnight_even_when_the_range_does_not() -> None:
    asked = ask("2026-10-30T08:00:00", "2026-10-31T00:00:00")
    assert starts(asked, Granularity.DAILY) == ["2026-10-30T00:00:00+01:00"]


def test_weeks_begin_on_the_monday_even_before_the_range() -> None:
    asked = ask("2026-10-01", "2026-10-12")
    assert starts(asked, Granularity.WEEKLY) == [
        "2026-09-28T00:00:00+01:00",
        "2026-10-05T00:00:00+01:00",
        "2026-10-12T00:00:00+01:00",
    ]


def test_months_begin_on_their_first_day() -> None:
    assert starts(ask("2026-01-31", "2026-03-01"), Granularity.MONTHLY) == [
        "2026-01-01T00:00:00+01:00",
        "2026-02-01T00:00:00+01:00",
        "2026-03-01T00:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("day", "where", "hours"),
    [
        ("2026-10-01", LAGOS, 24),
        ("2026-10-01", KATHMANDU, 24),
        ("2026-03-08", NEW_YORK, 23),
        ("2026-11-01", NEW_YORK, 25),
        ("2026-04-24", CAIRO, 23),
        ("2026-04-05", LORD_HOWE, 25),  # 24.5 hours: the half at its end is a bucket too
    ],
)
def test_a_day_has_as_many_hourly_buckets_as_hours(day: str, where: ZoneInfo, hours: int) -> None:
    assert len(buckets(ask(day, day, where), Granularity.HOURLY)) == hours


def test_the_repeated_hour_is_two_buckets() -> None:
    asked = ask("2026-11-01", "2026-11-01", NEW_YORK)
    assert starts(asked, Granularity.HOURLY)[1:3] == [
        "2026-11-01T01:00:00-04:00",
        "2026-11-01T01:00:00-05:00",
    ]


def test_hourly_buckets_begin_with_the_hour_that_holds_the_start() -> None:
    asked = ask("2026-10-01T08:20:00", "2026-10-01T10:00:00", KATHMANDU)
    assert starts(asked, Granularity.HOURLY) == ["2026-10-01T08:00:00+05:45", "2026-10-01T09:00:00+05:45"]


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("where", [LAGOS, KATHMANDU, NEW_YORK, CAIRO, LORD_HOWE])
def test_buckets_follow_one_another_without_a_gap(where: ZoneInfo, granularity: Granularity) -> None:
    edges = buckets(ask("2026-01-05", "2026-12-20", where), granularity)
    longest = {"hourly": 1 / 24, "daily": 25 / 24, "weekly": 7 + 1 / 24, "monthly": 31 + 1 / 24}[granularity]
    steps = [(b - a) / timedelta(days=1) for a, b in pairwise(edges)]
    assert all(0 < step <= longest + 1e-9 for step in steps)


@pytest.mark.parametrize(
    ("granularity", "days", "names"),
    [
        (Granularity.DAILY, ["2024-12-31", "2025-01-01"], ["2024-12-31", "2025-01-01"]),
        (Granularity.WEEKLY, ["2024-12-30", "2025-01-06"], ["2025-W01", "2025-W02"]),
        (Granularity.MONTHLY, ["2024-12-01", "2025-01-01"], ["2024-12", "2025-01"]),
    ],
)
def test_periods_in_a_row_and_their_names(
    granularity: Granularity, days: list[str], names: list[str]
) -> None:
    found = periods.successive(granularity, date(2024, 12, 31), 2)
    assert [day.isoformat() for day in found] == days
    assert [periods.name(granularity, day) for day in found] == names


@pytest.mark.parametrize("start", ["2026-03-01", "2026-03-01T00:30:00", "2026-02-28T23:30:00+00:00"])
def test_a_start_names_its_local_day(start: str) -> None:
    found = periods.start_day(start, None, zone=LAGOS, now=NOW)
    assert found == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2026-10-01", "2026-10-31", ("2026-08-31T00:00:00-04:00", "2026-10-01T00:00:00-04:00")),
        ("2026-11-02", "2026-11-02", ("2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00")),
        ("2026-10-02T06:00", "2026-10-02T08:00", ("2026-10-02T04:00:00-04:00", "2026-10-02T06:00:00-04:00")),
    ],
)
def test_the_previous_period_is_as_long_and_just_before(
    start: str, end: str, before: tuple[str, str]
) -> None:
    found = previous(ask(start, end, NEW_YORK))
    assert (local(found.since, NEW_YORK), local(found.until, NEW_YORK)) == before


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2026-10-01", "2026-10-31", "2026-09-01 to 2026-09-30"),
        ("2027-03-01", "2027-03-31", "2027-02-01 to 2027-02-28"),
        ("2027-01-01", "2027-01-31", "2026-12-01 to 2026-12-31"),
        ("2026-10-01", "2026-10-30", None),
        ("2026-10-02", "2026-11-01", None),
        ("2026-10-26", "2026-10-31", None),
        ("2026-10-01T00:00", "2026-10-31T12:00", None),
    ],
)
def test_before_a_calendar_month_is_a_calendar_month(start: str, end: str, before: str | None) -> None:
    found = month_before(ask(start, end, NEW_YORK))
    assert (found and found.label) == before

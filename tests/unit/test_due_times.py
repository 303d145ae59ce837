"""When scheduled reports are due: once in each local period, whatever clocks and calendars do."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_analytics.schema.queries import Granularity
from openride_analytics.stats.periods import Due, Rhythm, complete, day_start, dues

LONDON = ZoneInfo("Europe/London")
APIA = ZoneInfo("Pacific/Apia")
BEIRUT = ZoneInfo("Asia/Beirut")

rhythms = st.builds(
    Rhythm,
    every=st.sampled_from([Granularity.DAILY, Granularity.WEEKLY, Granularity.MONTHLY]),
    zone=st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    weekday=st.integers(0, 6),
    day=st.integers(1, 31),
)
moments = st.datetimes(datetime(2000, 2, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def daily(zone: ZoneInfo, at: str) -> Rhythm:
    return Rhythm(Granularity.DAILY, zone, time.fromisoformat(at))


def monthly(zone: ZoneInfo, day: int) -> Rhythm:
    return Rhythm(Granularity.MONTHLY, zone, time(8), day=day)


def first(rhythm: Rhythm, after: str, count: int) -> list[Due]:
    return list(islice(dues(rhythm, utc(after)), count))


def times(rhythm: Rhythm, after: str, count: int) -> list[str]:
    """As UTC, to the minute."""
    return [f"{due.at:%Y-%m-%dT%H:%M}" for due in first(rhythm, after, count)]


@given(rhythms, moments)
def test_every_period_is_covered_once(rhythm: Rhythm, after: datetime) -> None:
    found = list(islice(dues(rhythm, after), 14))
    assert all(one.period.until == other.period.since for one, other in pairwise(found))


@given(rhythms, moments)
def test_no_two_are_due_at_once_or_out_of_order(rhythm: Rhythm, after: datetime) -> None:
    found = [due.at for due in islice(dues(rhythm, after), 14)]
    assert all(one < other for one, other in pairwise([after, *found]))


@given(rhythms, moments)
def test_what_is_covered_is_over_by_then(rhythm: Rhythm, after: datetime) -> None:
    assert all(due.period.until <= due.at for due in islice(dues(rhythm, after), 14))


@given(rhythms, moments)
def test_the_answer_does_not_depend_on_when_it_is_asked(rhythm: Rhythm, after: datetime) -> None:
    found = list(islice(dues(rhythm, after), 6))
    assert list(islice(dues(rhythm, found[2].at), 3)) == found[3:]


@given(rhythms, moments)
def test_what_is_due_covers_what_was_complete_then(rhythm: Rhythm, after: datetime) -> None:
    due = next(dues(rhythm, after))
    assert complete(rhythm, due.at) == due.period


@given(
    st.sampled_from([LONDON, ZoneInfo("America/New_York"), BEIRUT]),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_every_local_day_has_one(zone: ZoneInfo, day: date) -> None:
    """Whether 02:30 is there, is not, or comes twice."""
    rhythm, start = daily(zone, "02:30"), day_start(day, zone)
    end = day_start(day + timedelta(days=1), zone)
    assert len([due for due in islice(dues(rhythm, start), 3) if due.at < end]) == 1


def test_a_time_that_clocks_skip_is_due_that_day() -> None:
    """On 2026-03-29 London's clocks go from 01:00 to 02:00."""
    assert times(daily(LONDON, "01:30"), "2026-03-28T02:00Z", 3) == [
        "2026-03-29T01:30",
        "2026-03-30T00:30",
        "2026-03-31T00:30",
    ]


def test_a_time_that_comes_twice_is_due_once() -> None:
    """On 2026-10-25 London's clocks go from 02:00 to 01:00."""
    assert times(daily(LONDON, "01:30"), "2026-10-24T02:00Z", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]


def test_a_midnight_that_clocks_skip_is_the_day_s_first_instant() -> None:
    [due] = first(daily(BEIRUT, "00:00"), "2026-03-28T12:00Z", 1)
    assert (due.at, due.period.until) == (utc("2026-03-28T22:00Z"), utc("2026-03-28T22:00Z"))


def test_a_day_that_a_zone_skips_has_none() -> None:
    """Samoa had no 2011-12-30."""
    found = first(daily(APIA, "08:00"), "2011-12-29T00:00Z", 3)
    assert [(f"{due.at:%m-%dT%H:%M}", due.period.label) for due in found] == [
        ("12-29T18:00", "2011-12-28 to 2011-12-28"),
        ("12-30T18:00", "2011-12-29 to 2011-12-29"),
        ("12-31T18:00", "2011-12-31 to 2011-12-31"),
    ]


def test_the_31st_of_a_shorter_month_is_its_last_day() -> None:
    found = [due.at.date().isoformat() for due in first(monthly(LONDON, 31), "2027-12-31T12:00Z", 5)]
    assert found == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]


@pytest.mark.parametrize(
    ("rhythm", "covered"),
    [
        (daily(LONDON, "08:00"), "2026-11-23 to 2026-11-23"),
        (Rhythm(Granularity.WEEKLY, LONDON, time(8), weekday=1), "2026-11-16 to 2026-11-22"),
        (Rhythm(Granularity.MONTHLY, LONDON, time(8), day=24), "2026-10-01 to 2026-10-31"),
    ],
)
def test_what_is_covered_is_the_whole_period_before(rhythm: Rhythm, covered: str) -> None:
    """2026-11-24 is a Tuesday."""
    [due] = first(rhythm, "2026-11-24T00:00Z", 1)
    assert (due.at, due.period.label) == (utc("2026-11-24T08:00Z"), covered)


def test_what_is_complete_is_never_a_day_that_a_zone_skipped() -> None:
    assert complete(daily(APIA, "08:00"), utc("2011-12-31T00:00Z")).label == "2011-12-29 to 2011-12-29"

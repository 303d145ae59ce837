"""What the audit looks at: periods, ranges of offsets, and how a column's values are brought together."""

from datetime import UTC, datetime, timedelta

import pytest

from openride_analytics.ingest import recomputed
from openride_analytics.ingest.catalog import Column, merging
from openride_analytics.ingest.kept import Kept
from openride_analytics.ingest.recomputed import END, periods
from openride_analytics.ingest.topic_log import NEAR, near
from openride_analytics.settings import Retention

NOW = datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
RETENTION = Retention(metrics_days=90, location_days=30, aggregates_days=730)


def kept(age_days: float, since: datetime | None = None) -> Kept:
    return Kept(RETENTION, NOW, NOW - timedelta(days=age_days), since)


@pytest.mark.parametrize(
    ("age_days", "kinds", "days"),
    [
        (10, ["booking"], 729),
        (10, ["booking", "location"], 729),
        (40, ["booking"], 729),
        (40, ["booking", "location"], 28),
        (400, ["booking"], 88),
        (400, ["location"], 28),
    ],
)
def test_events_are_compared_as_far_back_as_none_has_expired(
    age_days: float, kinds: list[str], days: int
) -> None:
    expected = (NOW - timedelta(days=days)).replace(minute=0)
    assert kept(age_days).events(kinds) == expected


def test_since_begins_with_its_hour() -> None:
    since = NOW - timedelta(minutes=20)
    assert kept(400, since).events(["trip"]) == NOW.replace(minute=0)


@pytest.mark.parametrize(("age_days", "days"), [(10, None), (88, None), (90, 89), (400, 89)])
def test_messages_are_accounted_for_as_far_back_as_none_has_expired(
    age_days: float, days: int | None
) -> None:
    assert kept(age_days).arrivals() == (None if days is None else NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("age_days", "since", "whole"), [(10, None, True), (10, NOW, False), (400, None, False)]
)
def test_only_a_young_database_that_is_asked_about_all_is_whole(
    age_days: float, since: datetime | None, whole: bool
) -> None:
    assert kept(age_days, since).whole(["booking"]) is whole


def test_periods_follow_each_other_to_the_end_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recomputed, "PART_EVENTS", 10)
    first, *hours = (NOW.replace(minute=0) + timedelta(hours=n) for n in range(6))
    counts = dict(zip(hours, (4, 6, 30, 3, 3), strict=True))
    expected = [(first, hours[2]), (hours[2], hours[3]), (hours[3], END)]
    assert list(periods(first, counts)) == expected


def test_a_period_without_events_is_compared_too() -> None:
    assert list(periods(NOW, {})) == [(NOW, END)]


def test_ranges_near_each_other_are_read_in_one_go() -> None:
    ranges = [(0, 0), (NEAR, NEAR), (2 * NEAR + 1, 3 * NEAR), (9 * NEAR, 9 * NEAR)]
    assert [list(group) for group in near(ranges)] == [ranges[:2], ranges[2:3], ranges[3:]]


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("MergeTree ORDER BY n", (False, None)),
        ("ReplicatedMergeTree('/t/1/rides/t', '{replica}') ORDER BY n", (False, None)),
        ("AggregatingMergeTree ORDER BY n", (True, None)),
        ("ReplicatedAggregatingMergeTree('/t/1/rides/t', '{replica}') ORDER BY n", (True, None)),
        ("ReplacingMergeTree(v) ORDER BY n", (True, "v")),
        ("ReplicatedReplacingMergeTree('/t/1/rides/t', '{replica}', v) ORDER BY n", (True, "v")),
    ],
)
def test_engines_tell_how_rows_of_one_key_become_one(engine: str, expected: tuple[bool, str | None]) -> None:
    assert merging(engine) == expected


@pytest.mark.parametrize(
    ("type_", "merged"),
    [
        ("SimpleAggregateFunction(max, UInt8)", "max(x)"),
        ("SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32))", "arraySort(groupUniqArrayArray(x))"),
        ("AggregateFunction(uniqExact, UUID)", "uniqExactMerge(x)"),
        ("AggregateFunction(argMinIf, Tuple(a UUID), DateTime, UInt8)", "argMinIfMerge(x)"),
        ("AggregateFunction(quantileExact(0.5), UInt64)", "quantileExactMerge(0.5)(x)"),
        ("AggregateFunction(1, sumMap, Array(UInt8), Array(UInt8))", "sumMapMerge(x)"),
        ("LowCardinality(String)", "any(x)"),
    ],
)
def test_values_of_one_key_are_brought_together_by_their_function(type_: str, merged: str) -> None:
    assert Column("x", type_, key=False).merged == merged

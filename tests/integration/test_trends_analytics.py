"""Trends, against the same numbers computed the slow and obvious way."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from openride_analytics.errors import Invalid
from openride_analytics.schema.analytics import Trend, TrendPoint
from openride_analytics.schema.queries import Comparison, Granularity, TrendMetric, TrendsQuery
from openride_analytics.stats import trends as module
from openride_analytics.stats.periods import Period
from openride_analytics.stats.trends import trends
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.drives import EVENTS, FIRST, LAST, NOW, ZONES, ask, ranges
from tests.support.drives_reference import Reference
from tests.support.events import example
from tests.support.warehouse import Event, store

FIRST_MOMENT = datetime.combine(FIRST, time(12), UTC)
DIMENSIONS: dict[TrendMetric, tuple[str, ...]] = {
    metric: ("state", "city", "payment_method") if metric in ("payments", "revenue") else ("state", "city")
    for metric in TrendMetric
    if metric is not TrendMetric.ACTIVE_USERS
}


def grouping(reference: Reference, group_by: str | None) -> Callable[[Event], str]:
    if group_by is None:
        return lambda _: ""
    if group_by == "payment_method":
        return lambda event: str(event["payment_method"])
    return lambda event: reference.place(event)[group_by == "city"]


def expected(
    points: list[TrendPoint], period: Period, metric: str, group_by: str | None
) -> dict[tuple[str, str], float]:
    """What each bucket should hold: the buckets themselves are tested where they are made."""
    texts = {datetime.fromisoformat(point.timestamp): point.timestamp for point in points}
    begins = sorted(texts)
    whole = Reference.of(EVENTS, period)
    group = grouping(whole, group_by)
    parts: dict[datetime, list[Event]] = defaultdict(list)
    for event in whole.inside if points else ():
        parts[begins[bisect_right(begins, event["event_timestamp"]) - 1]].append(event)
    found: dict[tuple[str, str], float] = {}
    for start, events in parts.items():
        part = Reference.of(events, period)
        found |= {(name, texts[start]): value for name, value in part.trend(metric, group).items()}
    return found


def values(points: list[TrendPoint]) -> dict[tuple[str, str], float]:
    return {(p.group or "", p.timestamp): p.value for p in points if p.value}


# Every metric in every granularity, and each of both in every zone.
ASKED = [
    (metric, granularity, ZONES[(m + g) % len(ZONES)])
    for m, metric in enumerate(TrendMetric)
    for g, granularity in enumerate(Granularity)
]


@pytest.mark.parametrize(("metric", "granularity", "zone"), ASKED)
async def test_values(drives: ClickHouse, metric: TrendMetric, granularity: Granularity, zone: str) -> None:
    query = TrendsQuery(metric=metric, granularity=granularity)
    for question in ranges(zone):
        answer = await trends(drives, question, query)
        found = expected(answer.data_points, question.period, metric, None)
        assert values(answer.data_points) == {key: value for key, value in found.items() if value}
        whole = Reference.of(EVENTS, question.period).trend(metric, lambda _: "")
        assert answer.totals.value == whole.get("", 0.0)


@pytest.mark.parametrize(
    ("metric", "group_by"), [(metric, name) for metric, names in DIMENSIONS.items() for name in names]
)
async def test_groups(drives: ClickHouse, metric: TrendMetric, group_by: str) -> None:
    query = TrendsQuery(metric=metric, group_by=group_by, granularity=Granularity.WEEKLY)
    for question in ranges("America/New_York"):
        answer = await trends(drives, question, query)
        reference = Reference.of(EVENTS, question.period)
        whole = reference.trend(metric, grouping(reference, group_by))
        totals = msgspec.to_builtins(answer.totals)["groups"]
        assert [(total["group"], total["value"]) for total in totals] == sorted(
            whole.items(), key=lambda item: (-item[1], item[0])
        )
        assert values(answer.data_points) == expected(answer.data_points, question.period, metric, group_by)


async def test_of_quarter_hours_on_the_edges_only_what_is_within_counts(warehouse: ClickHouse) -> None:
    moments = [FIRST_MOMENT + timedelta(minutes=minutes) for minutes in (2, 6, 20, 25)]
    await store(
        warehouse,
        [
            example("user.registered", event_id=str(uuid4()), event_timestamp=at, user_id=str(uuid4()))
            for at in moments
        ],
    )
    begins, ends = FIRST_MOMENT + timedelta(minutes=5), FIRST_MOMENT + timedelta(minutes=22)
    query = TrendsQuery(metric=TrendMetric.ACTIVE_USERS, granularity=Granularity.HOURLY)
    answer = await trends(warehouse, ask(begins, ends, "UTC"), query)
    assert ([point.value for point in answer.data_points], answer.totals.value) == ([2.0], 2.0)


async def test_every_group_has_every_bucket(drives: ClickHouse) -> None:
    query = TrendsQuery(metric=TrendMetric.TRIPS, group_by="city", granularity=Granularity.DAILY)
    answer = await trends(drives, ask(FIRST, LAST, "America/New_York"), query)
    days = [point.timestamp for point in answer.data_points[:25]]
    names = [total["group"] for total in msgspec.to_builtins(answer.totals)["groups"]]
    found = [(point.group, point.timestamp) for point in answer.data_points]
    assert found == [(name, day) for name in names for day in days]


async def test_a_group_of_a_bucket_alone_is_one_too(warehouse: ClickHouse) -> None:
    told: dict[str, Any] = {"user_id": str(uuid4()), "state": "Oyo"}
    events = [
        example("user.registered", event_id=str(uuid4()), event_timestamp=at.isoformat(), city=city, **told)
        for at, city in ((FIRST_MOMENT, "Ibadan"), (FIRST_MOMENT + timedelta(days=1), "Oyo"))
    ]
    await store(warehouse, events)
    query = TrendsQuery(metric=TrendMetric.REGISTRATIONS, group_by="city", granularity=Granularity.DAILY)
    answer = await trends(warehouse, ask(FIRST, FIRST + timedelta(days=1), "UTC"), query)
    assert [(point.group, point.value) for point in answer.data_points] == [
        *(("Ibadan", 1.0), ("Ibadan", 0.0)),
        *(("Oyo", 0.0), ("Oyo", 1.0)),
    ]


async def test_the_groups_of_both_periods_are_in_the_order_of_the_one_asked_for(
    warehouse: ClickHouse,
) -> None:
    now, before = FIRST_MOMENT + timedelta(days=1), FIRST_MOMENT
    events = [
        example("user.registered", event_id=str(uuid4()), event_timestamp=at, user_id=str(uuid4()), city=city)
        for at, city in ((now, "Oyo"), (now, "Oyo"), (now, "Epe"), *[(before, "Epe")] * 3)
    ]
    await store(warehouse, events)
    query = TrendsQuery(metric=TrendMetric.REGISTRATIONS, group_by="city", compare=Comparison.PREVIOUS_PERIOD)
    answer = await trends(warehouse, ask(now.date(), now.date(), "UTC"), query)
    groups = msgspec.to_builtins(answer)["previous_period"]["totals"]["groups"]
    assert [(total["group"], total["value"]) for total in groups] == [("Oyo", 0.0), ("Epe", 3.0)]


async def test_the_period_before_is_the_same_question_about_it(drives: ClickHouse) -> None:
    query = TrendsQuery(metric=TrendMetric.REVENUE, compare=Comparison.PREVIOUS_PERIOD)
    answer = await trends(drives, ask(FIRST + timedelta(days=18), LAST, "America/New_York"), query)
    before = await trends(
        drives,
        ask(FIRST + timedelta(days=11), FIRST + timedelta(days=17), "America/New_York"),
        msgspec.structs.replace(query, compare=None),
    )
    assert msgspec.to_builtins(answer)["previous_period"] == {
        name: msgspec.to_builtins(before)[name] for name in ("date_range", "data_points", "totals")
    }


async def test_both_periods_have_the_groups_of_either(drives: ClickHouse) -> None:
    query = TrendsQuery(metric=TrendMetric.TRIPS, compare=Comparison.PREVIOUS_PERIOD, group_by="city")
    answer = msgspec.to_builtins(await trends(drives, ask(FIRST, FIRST, "UTC"), query))
    now, before = ([p["group"] for p in part["data_points"]] for part in (answer, answer["previous_period"]))
    assert now == before and len(set(now)) == len(now) > 1


async def averaged(client: ClickHouse, window: int) -> Trend:
    query = TrendsQuery(metric=TrendMetric.REVENUE, moving_average=window)
    return await trends(client, ask(FIRST, LAST, "Africa/Lagos"), query)


@pytest.mark.parametrize("window", [2, 7, 25, 26])
async def test_a_moving_average_is_of_the_buckets_up_to_each(drives: ClickHouse, window: int) -> None:
    points = (await averaged(drives, window)).data_points
    series = [point.value for point in points]
    assert [point.moving_average for point in points] == [
        None if n < window else pytest.approx(sum(series[n - window : n]) / window, abs=0.006)
        for n in range(1, len(series) + 1)
    ]


@pytest.mark.parametrize("metric", TrendMetric)
async def test_a_group_that_the_metric_does_not_have_is_refused(
    warehouse: ClickHouse, metric: TrendMetric
) -> None:
    with pytest.raises(Invalid) as refused:
        await trends(warehouse, ask(FIRST, LAST, "UTC"), TrendsQuery(metric=metric, group_by="driver"))
    assert refused.value.allowed.startswith(", ".join(DIMENSIONS.get(metric, ("nothing",))))


async def test_too_many_points_are_refused(drives: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_POINTS", 24)
    with pytest.raises(Invalid, match="granularity: gives 25 data points"):
        await trends(drives, ask(FIRST, LAST, "UTC"), TrendsQuery())


async def test_the_longest_hourly_trend_is_answered(warehouse: ClickHouse) -> None:
    today: date = NOW.date()
    question = ask(today - timedelta(days=399), today, "UTC")
    answer = await trends(warehouse, question, TrendsQuery(granularity=Granularity.HOURLY))
    assert len(answer.data_points) == 400 * 24

"""Whatever happens, in whatever order it arrives, merged or not: every answer is that of the slow and obvious way.

Hypothesis draws the events and the question; with OPENRIDE_FAULTS=full it tries more of them.
"""

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openride_analytics import settings as tree
from openride_analytics.schema import queries as q
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.cohort import calendar, cohort
from openride_analytics.stats.drivers import drivers
from openride_analytics.stats.funnel import DEFAULT_STEPS, Course, funnel
from openride_analytics.stats.geographic import geographic
from openride_analytics.stats.payments import payments
from openride_analytics.stats.periods import buckets, local, period
from openride_analytics.stats.questions import Question
from openride_analytics.stats.retention import retention
from openride_analytics.stats.routes import routes
from openride_analytics.stats.trends import trends
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import users
from openride_analytics.store.clickhouse import ClickHouse
from tests.support import (
    drives_reference,
    reference_actors,
    reference_bookings,
    reference_payments,
    reference_trips,
    reference_users,
)
from tests.support.any_events import DAYS, KINDS, Drawn, deliveries
from tests.support.durations import SCALE
from tests.support.reference_people import ZONES, totals_of
from tests.support.warehouse import Event, empty, merge, store

pytestmark = pytest.mark.clickhouse

EXAMPLES: Final = 200 if SCALE == 1 else 5  # each asks everything twice, which takes two seconds
ABOUT: Final = ("date_range", "timezone", "generated_at", "time_series")

_numbers = itertools.count()


@dataclass(frozen=True)
class Asked:
    """A question, and what is asked beside its range."""

    question: Question
    granularity: q.Granularity
    steps: tuple[str, ...]
    window_days: int
    breakdown: q.Breakdown | None
    cohorts: q.CohortType
    user_type: q.UserType
    mode: q.RetentionMode
    drivers: q.DriverSort
    routes: q.RouteSort

    @property
    def zone(self) -> ZoneInfo:
        return self.question.period.zone


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """Over whole days, or from a moment of one to a moment of another."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    first, last = sorted(draw(st.tuples(*[st.sampled_from(DAYS)] * 2)))
    start, end = first.isoformat(), last.isoformat()
    if draw(st.booleans()):
        start = datetime.combine(first, time(draw(st.sampled_from((0, 6)))), zone).isoformat()
        end = (datetime.combine(last, time(12, 0), zone) + timedelta(milliseconds=1)).isoformat()
    now = datetime.combine(last, time(23, 59), zone) + timedelta(
        days=draw(st.sampled_from((0, 2, 7, 31, 60)))
    )
    granularity = draw(st.sampled_from(q.Granularity))
    asked = period(start, end, zone=zone, now=now, max_days=400)
    return Asked(
        Question(asked, granularity, "NGN", now),
        granularity,
        draw(
            st.one_of(
                st.just(DEFAULT_STEPS), st.lists(st.sampled_from(KINDS), min_size=2, max_size=4).map(tuple)
            )
        ),
        draw(st.sampled_from((1, 7, 30))),
        draw(st.sampled_from((None, *q.Breakdown))),
        *(
            draw(st.sampled_from(choices))
            for choices in (
                q.CohortType,
                q.UserType,
                q.RetentionMode,
                q.DriverSort,
                q.RouteSort,
            )
        ),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Asked, list[Drawn]]:
    """A question, and what has happened around its range."""
    asked = draw(questions())
    return asked, draw(deliveries(asked.question.period.since, asked.question.period.until))


@pytest.fixture
async def warehouse(shared_settings: tree.Settings) -> AsyncIterator[ClickHouse]:
    client = ClickHouse(shared_settings.clickhouse)
    await client.open()
    yield client
    await empty(client)
    await client.close()


@pytest.mark.timeout(120 + 10 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(case=cases())
async def test_every_answer_is_that_of_the_obvious_way(
    warehouse: ClickHouse, shared_settings: tree.Settings, case: tuple[Asked, list[Drawn]]
) -> None:
    asked, batches = case
    await empty(warehouse)
    for batch in batches:
        await store(warehouse, batch, token=f"any events {next(_numbers)}")
    expected = obvious([event for batch in batches for event in batch], asked)
    as_stored = await answers(warehouse, shared_settings, asked)
    await merge(warehouse)
    merged = await answers(warehouse, shared_settings, asked)
    assert as_stored == expected
    assert merged == expected


async def answers(client: ClickHouse, chosen: tree.Settings, asked: Asked) -> dict[str, Any]:
    """What the service says."""
    question = asked.question
    said: dict[str, Any] = {}
    for compute in (users, bookings, payments, trips):
        answer = await compute(client, question)
        said[compute.__name__] = totals_of(answer)
        said[f"{compute.__name__} series"] = msgspec.to_builtins(answer.time_series)
    ranked = {
        "drivers": await drivers(client, question, sort=asked.drivers, limit=1000),
        "routes": await routes(client, question, sort=asked.routes, limit=500),
        "funnel": await funnel(
            client, question, Course(asked.steps, timedelta(days=asked.window_days), asked.breakdown)
        ),
        "retention": await retention(client, question, user_type=asked.user_type, mode=asked.mode),
        "cohort": await cohort(client, calendar(_cohort_query(asked), api=chosen.api, now=question.asked_at)),
    }
    said |= {name: _plain(answer) for name, answer in ranked.items()}
    for place in q.PlaceMetric:
        found = await geographic(client, question, q.GeographicQuery(metric=place, level=q.Level.CITY))
        said[f"geographic {place}"] = [
            ((point.state, point.city), point.value) for point in found.data_points
        ]
    for metric in q.TrendMetric:
        trend = await trends(client, question, q.TrendsQuery(metric=metric, granularity=asked.granularity))
        said[f"trends {metric}"] = [(point.timestamp, point.value) for point in trend.data_points]
    return said


def obvious(events: Drawn, asked: Asked) -> dict[str, Any]:
    """What each answer should be, but for the beginnings of buckets, which are tested where they are made."""
    period_, zone = asked.question.period, asked.zone
    since, until = period_.since, period_.until
    whole = drives_reference.Reference.of(events, period_)
    people = reference_actors.People(events, zone.key)
    today = asked.question.asked_at.astimezone(zone).date()
    rows = whole.drivers(asked.drivers)
    places = {metric: whole.by(metric, whole.place) for metric in q.PlaceMetric}
    cohorts = people.cohorts(asked.cohorts, since.astimezone(zone).date(), 5, today)
    return {
        "users": reference_users.Reference(events, since, until, zone.key).totals(),
        "bookings": reference_bookings.Reference(events, since, until).totals(),
        "payments": reference_payments.Reference(events, since, until).totals(),
        "trips": reference_trips.Reference(events, since, until).totals(),
        "drivers": {
            "drivers": rows,
            "total_drivers": len(rows),
            "earnings_distribution": drives_reference.distribution(rows),
        },
        "routes": {"routes": whole.routes(asked.routes)},
        "funnel": people.funnel(asked.steps, asked.window_days, since, until, asked.breakdown),
        "retention": people.retention(asked.user_type, asked.mode, since, until, today),
        "cohort": {"cohorts": cohorts},
        **{
            f"geographic {metric}": sorted(values.items(), key=lambda item: (-item[1], item[0]))
            for metric, values in places.items()
        },
        **_series(whole.inside, asked),
    }


def _series(inside: Sequence[Event], asked: Asked) -> dict[str, Any]:
    """Bucket by bucket."""
    period_ = asked.question.period
    starts = buckets(period_, asked.granularity)
    cuts = [bisect_left(inside, start, key=lambda event: event["event_timestamp"]) for start in starts[1:]]
    found: dict[str, Any] = defaultdict(list)
    for start, (low, high) in zip(starts, pairwise([0, *cuts, len(inside)]), strict=True):
        told, part = {"timestamp": local(start, period_.zone)}, inside[low:high]
        known: dict[str, Any] = {
            name: module.Reference(part, period_.since, period_.until)
            for name, module in (
                ("users", reference_users),
                ("payments", reference_payments),
                ("trips", reference_trips),
            )
        }
        points = {name: reference.point() for name, reference in known.items()}
        points["bookings"] = reference_bookings.Reference(part, period_.since, period_.until).point(
            period_.since, period_.until
        )
        for name, point in points.items():
            found[f"{name} series"].append(told | point)
        whole = drives_reference.Reference.of(part, period_)
        for metric in q.TrendMetric:
            value = whole.trend(metric, lambda _: "").get("", 0.0)
            found[f"trends {metric}"].append((told["timestamp"], value))
    return dict(found)


def _cohort_query(asked: Asked) -> q.CohortQuery:
    start = asked.question.period.since.astimezone(asked.zone).date()
    return q.CohortQuery(
        start_date=start.isoformat(), timezone=asked.zone.key, cohort_type=asked.cohorts, periods=5
    )


def _plain(answer: object) -> dict[str, Any]:
    """The numbers of an answer."""
    fields = {name: value for name, value in msgspec.to_builtins(answer).items() if name not in ABOUT}
    for whole in (fields, *(fields.get("breakdown") or ())):
        for step in whole.get("funnel_steps", ()):
            del step["step_name"]
    return fields

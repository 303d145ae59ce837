"""Funnels: how far people go through a sequence of events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from openride_analytics.errors import Invalid
from openride_analytics.schema.events import EVENT_TYPES
from openride_analytics.schema.people import Funnel, FunnelAnalytics, FunnelPart, FunnelStep
from openride_analytics.schema.queries import Breakdown, FunnelQuery
from openride_analytics.stats.numbers import rate
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

DEFAULT_STEPS: Final = (
    "user.registered",
    "booking.created",
    "payment.success",
    "booking.confirmed",
    "trip.completed",
)
EARLIER: Final = Earlier(ever=("user.registered",))  # what people are told apart by

_ELSEWHERE: Final = {
    "booking": ("daily_booking_metrics", "rider_id"),
    "payment": ("daily_payment_metrics", "rider_id"),
    "trip": ("daily_trip_metrics", "rider_id"),
    "route": ("route_history", "driver_id"),
}
_COUNTS: Final = range(2, 11)  # the query packs the number of a step into 4 bits
_MILLISECOND: Final = timedelta(milliseconds=1)
_ALLOWED: Final = f"2 to 10 of {', '.join(EVENT_TYPES)}, with commas between"


@dataclass(frozen=True)
class Course:
    """The steps, how long people have for them, and what to tell them apart by."""

    steps: tuple[str, ...]
    window: timedelta
    breakdown: Breakdown | None


def course(query: FunnelQuery) -> Course:
    """Raises Invalid naming `steps`."""
    return Course(_steps(query.steps), timedelta(days=query.window_days), query.breakdown)


async def funnel(clickhouse: ClickHouse, question: Question, course: Course) -> FunnelAnalytics:
    """The funnel of those who enter in the question's range. Raises Retryable."""
    period = question.period
    block = await clickhouse.select(
        _statement(course),
        {
            "steps": course.steps,
            "since": period.since,
            "until": period.until,
            "horizon": period.until + course.window,
            "window": course.window // _MILLISECOND,
            "repeated": int(len(set(course.steps)) < len(course.steps)),
            "breakdown": course.breakdown or "",
        },
        name="analytics/funnel",
    )
    return _shape(question, course, block.dicts())


def _statement(course: Course) -> str:
    kinds = {EVENT_TYPES[step][0] for step in course.steps} | ({"user"} if course.breakdown else set())
    first, _ = EVENT_TYPES[course.steps[0]]
    return statement(
        "analytics/funnel", acts="UNION ALL\n".join(map(_acts, sorted(kinds))), entrances=_acts(first)
    )


def _acts(kind: str) -> str:
    """What people did of that kind."""
    match kind:
        case "user":
            return statement("analytics/funnel_people")
        case "location":
            return statement("analytics/funnel_positions")
        case _:
            table, person = _ELSEWHERE[kind]
            return statement("analytics/funnel_acts", table=table, person=person)


def step_name(event_type: str) -> str:
    """In English: `step_name("user.kyc_verified") == "User KYC verified"`."""
    words = event_type.replace("_", " ").replace(".", " ").replace("kyc", "KYC")
    return words[0].upper() + words[1:]


def _steps(text: str | None) -> tuple[str, ...]:
    if text is None:
        return DEFAULT_STEPS
    steps = tuple(step.strip() for step in text.split(","))
    if len(steps) not in _COUNTS:
        raise Invalid("steps", f"has {len(steps)} of them", _ALLOWED)
    if not EVENT_TYPES.keys() >= set(steps):
        raise Invalid("steps", "has one that is not an event type", _ALLOWED)
    return steps


def _shape(question: Question, course: Course, rows: Sequence[dict[str, Any]]) -> FunnelAnalytics:
    whole = _funnel(course.steps, [row for row in rows if row["together"]])
    return FunnelAnalytics(
        **question.heading,
        **msgspec.structs.asdict(whole),
        breakdown=_parts(course.steps, rows) if course.breakdown else None,
    )


def _parts(steps: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[FunnelPart]:
    """Largest first; those of one size by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if not row["together"]:
            found.setdefault(row["value"], []).append(row)
    parts = [
        FunnelPart(value=value, **msgspec.structs.asdict(_funnel(steps, own))) for value, own in found.items()
    ]
    return sorted(parts, key=lambda part: (-part.total_users_entered, part.value))


def _funnel(steps: Sequence[str], rows: Sequence[dict[str, Any]]) -> Funnel:
    """Rows of the query, at most one a step."""
    people = [0] * len(steps)
    waits: list[float | None] = [None] * len(steps)
    for row in rows:
        n = row["step"] - 1
        people[n] = row["people"]
        waits[n] = row["waited"] / 1000 if n else None
    return Funnel(
        funnel_steps=[_step(event_type, n, people, waits[n]) for n, event_type in enumerate(steps)],
        total_users_entered=people[0],
        total_users_converted=people[-1],
        overall_conversion_rate=rate(people[-1], people[0]),
    )


def _step(event_type: str, n: int, people: Sequence[int], wait: float | None) -> FunnelStep:
    before = people[n - 1] if n else people[0]
    return FunnelStep(
        step_name=step_name(event_type),
        step_number=n + 1,
        event_type=event_type,
        count=people[n],
        conversion_rate=rate(people[n], people[0]),
        drop_off_rate=rate(before - people[n], before),
        median_seconds_from_previous=wait,
    )

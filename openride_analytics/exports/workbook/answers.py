"""What the workbook is made of: the answers that the API gives, over a period and over the one before."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from openride_analytics.errors import Retryable, TooMuch
from openride_analytics.schema import results
from openride_analytics.schema.queries import DriverSort, Granularity, RouteSort
from openride_analytics.stats.bookings import bookings
from openride_analytics.stats.drivers import drivers
from openride_analytics.stats.payments import payments
from openride_analytics.stats.periods import Period, previous
from openride_analytics.stats.questions import Question
from openride_analytics.stats.routes import routes
from openride_analytics.stats.trips import trips
from openride_analytics.stats.users import users
from openride_analytics.store.clickhouse import ClickHouse

log = logging.getLogger("openride.workbook")

AREAS: Final = ("Users", "Bookings", "Payments", "Trips", "Drivers", "Routes")
MOST_DRIVERS: Final = 1000
MOST_ROUTES: Final = 500
AT_ONCE: Final = 2  # questions: a workbook leaves most of the pool to everybody else

_ABSENT: Final[Any] = None  # the answer of an area that `Content.areas` does not name: nobody looks at it


@dataclass(frozen=True)
class Answers:
    """The areas over one period. Of the period before nobody sees series, drivers or routes: they are left out."""

    users: results.UserMetrics
    bookings: results.BookingMetrics
    payments: results.PaymentMetrics
    trips: results.TripMetrics
    drivers: results.DriverMetrics


@dataclass(frozen=True)
class Content:
    """All that a workbook tells. `areas`: of what there are answers; `missing`: what else was asked for."""

    question: Question
    granularity: Granularity
    before: Period
    now: Answers
    then: Answers  # over `before`
    routes: list[results.RouteRow]
    more_routes: bool  # than are listed
    areas: Sequence[str] = AREAS
    missing: Sequence[str] = field(default=())


async def content(clickhouse: ClickHouse, question: Question) -> Content:
    """Everything or nothing. Raises a group of Retryable."""
    return await _content(clickhouse, question, previous(question.period), AREAS, tolerant=False)


async def content_of(
    clickhouse: ClickHouse, question: Question, before: Period, areas: Sequence[str]
) -> Content:
    """Of those areas, what can be had, compared with `before`. Raises Retryable if that is nothing."""
    found = await _content(clickhouse, question, before, areas, tolerant=True)
    if not found.areas:
        raise Retryable("clickhouse", "none of the areas could be asked for")
    return found


async def _content(
    clickhouse: ClickHouse, question: Question, before: Period, areas: Sequence[str], *, tolerant: bool
) -> Content:
    granularity = question.series or Granularity.DAILY
    asked = replace(question, series=granularity)
    earlier = replace(question, series=None, period=before)
    slots = asyncio.Semaphore(AT_ONCE)
    tasks: dict[tuple[str, bool], asyncio.Task[Any]] = {}
    async with asyncio.TaskGroup() as group:
        for area in areas:
            for now in (True, False) if area != "Routes" else (True,):
                ask = _bound(area, clickhouse, asked if now else earlier, now=now)
                tasks[area, now] = group.create_task(_in_turn(slots, area, ask, tolerant=tolerant))
    answers = {key: task.result() for key, task in tasks.items()}
    missing = [area for area in areas if any(answers[key] is None for key in answers if key[0] == area)]
    listed = answers["Routes", True].routes if answers.get(("Routes", True)) else []
    return Content(
        question=asked,
        granularity=granularity,
        before=before,
        now=_answers(answers, now=True),
        then=_answers(answers, now=False),
        routes=listed[:MOST_ROUTES],
        more_routes=len(listed) > MOST_ROUTES,
        areas=[area for area in areas if area not in missing],
        missing=missing,
    )


def _bound(
    area: str, clickhouse: ClickHouse, question: Question, *, now: bool
) -> Callable[[], Awaitable[Any]]:
    most = MOST_DRIVERS if now else 1
    known: Mapping[str, Callable[[], Awaitable[Any]]] = {
        "Users": partial(users, clickhouse, question),
        "Bookings": partial(bookings, clickhouse, question),
        "Payments": partial(payments, clickhouse, question),
        "Trips": partial(trips, clickhouse, question),
        "Drivers": partial(drivers, clickhouse, question, sort=DriverSort.EARNINGS, limit=most),
        # One more than is listed: whoever reads the list is told whether it is all.
        "Routes": partial(routes, clickhouse, question, sort=RouteSort.BOOKINGS, limit=MOST_ROUTES + 1),
    }
    return known[area]


def _answers(found: Mapping[tuple[str, bool], Any], *, now: bool) -> Answers:
    return Answers(*(found.get((area, now), _ABSENT) for area in AREAS[:-1]))


async def _in_turn(
    slots: asyncio.Semaphore, area: str, answer: Callable[[], Awaitable[Any]], *, tolerant: bool
) -> Any:
    """The answer; where the rest goes on without it, None."""
    async with slots:
        try:
            return await answer()
        except (Retryable, TooMuch) as error:
            if not tolerant:
                raise
            log.warning("area left out", extra={"area": area, "problem": str(error)})
            return None

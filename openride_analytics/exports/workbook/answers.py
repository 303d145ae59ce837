"""What the workbook is made of: the answers that the API gives, over a period and over the one before."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

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

T = TypeVar("T")

MOST_DRIVERS: Final = 1000
MOST_ROUTES: Final = 500
AT_ONCE: Final = 2  # questions: a workbook leaves most of the pool to everybody else


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
    """All that a workbook tells."""

    question: Question
    granularity: Granularity
    before: Period
    now: Answers
    then: Answers  # over `before`
    routes: list[results.RouteRow]
    more_routes: bool  # than are listed


async def content(clickhouse: ClickHouse, question: Question) -> Content:
    """Everything or nothing. Raises a group of Retryable."""
    granularity = question.series or Granularity.DAILY
    asked = replace(question, series=granularity)
    before = replace(question, series=None, period=previous(question.period))
    slots = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        now = group.create_task(_answers(clickhouse, asked, slots, most_drivers=MOST_DRIVERS))
        then = group.create_task(_answers(clickhouse, before, slots, most_drivers=1))
        # One more than is listed: whoever reads the list is told whether it is all.
        ranked = partial(routes, clickhouse, asked, sort=RouteSort.BOOKINGS, limit=MOST_ROUTES + 1)
        listed = group.create_task(_in_turn(slots, ranked))
    found = listed.result().routes
    return Content(
        question=asked,
        granularity=granularity,
        before=before.period,
        now=now.result(),
        then=then.result(),
        routes=found[:MOST_ROUTES],
        more_routes=len(found) > MOST_ROUTES,
    )


async def _answers(
    clickhouse: ClickHouse, question: Question, slots: asyncio.Semaphore, *, most_drivers: int
) -> Answers:
    ranked = partial(drivers, clickhouse, question, sort=DriverSort.EARNINGS, limit=most_drivers)
    async with asyncio.TaskGroup() as group:
        found = (
            group.create_task(_in_turn(slots, partial(users, clickhouse, question))),
            group.create_task(_in_turn(slots, partial(bookings, clickhouse, question))),
            group.create_task(_in_turn(slots, partial(payments, clickhouse, question))),
            group.create_task(_in_turn(slots, partial(trips, clickhouse, question))),
            group.create_task(_in_turn(slots, ranked)),
        )
    of_users, of_bookings, of_payments, of_trips, of_drivers = found
    return Answers(
        of_users.result(), of_bookings.result(), of_payments.result(), of_trips.result(), of_drivers.result()
    )


async def _in_turn(slots: asyncio.Semaphore, answer: Callable[[], Awaitable[T]]) -> T:
    async with slots:
        return await answer()

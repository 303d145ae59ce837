"""Routes, against the same numbers computed the slow and obvious way; bookings created more than once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from openride_analytics.schema.queries import RouteSort
from openride_analytics.stats.routes import routes
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.drives import EVENTS, FIRST, LAST, ZONES, ask, ranges
from tests.support.drives_reference import Reference
from tests.support.events import example
from tests.support.warehouse import store

LEFT = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(hours=12)
# Routes of four seats; what is booked first takes two of HALF's.
HALF, FULL = str(UUID(int=1)), str(UUID(int=2))


def event(kind: str, hours: int, **changes: Any) -> dict[str, Any]:
    """One so many hours after LEFT."""
    at = LEFT + timedelta(hours=hours)
    return example(kind, event_id=str(uuid4()), event_timestamp=at, **changes)


@pytest.mark.parametrize("sort", RouteSort)
@pytest.mark.parametrize("zone", ZONES)
async def test_routes_of_a_range(drives: ClickHouse, zone: str, sort: RouteSort) -> None:
    for question in ranges(zone):
        answer = await routes(drives, question, sort=sort, limit=500)
        assert msgspec.to_builtins(answer.routes) == Reference.of(EVENTS, question.period).routes(sort)


@pytest.mark.parametrize("sort", RouteSort)
async def test_a_limit_leaves_the_last_out(drives: ClickHouse, sort: RouteSort) -> None:
    question = ask(FIRST, LAST, "UTC")
    every = await routes(drives, question, sort=sort, limit=500)
    assert (await routes(drives, question, sort=sort, limit=4)).routes == every.routes[:4]


async def test_the_events_have_what_is_awkward(drives: ClickHouse) -> None:
    rows = (await routes(drives, ask(FIRST, LAST, "UTC"), sort=RouteSort.BOOKINGS, limit=500)).routes
    assert any(row.avg_occupancy is None for row in rows)  # no seats are known
    assert any(row.route_name is None for row in rows)  # nothing is known
    assert any((row.avg_occupancy or 0) > 100 for row in rows)


@pytest.mark.parametrize(
    "again",
    [
        {},
        {"seats_booked": 4},
        {"scheduled_departure": LEFT + timedelta(days=1)},
        {"route_id": FULL, "seats_booked": 3},
    ],
    ids=["says the same", "other seats", "another departure", "another route"],
)
@pytest.mark.parametrize("newest", ["stored first", "stored last"])
async def test_a_booking_created_again_sits_where_it_was_created_first(
    warehouse: ClickHouse, again: dict[str, Any], newest: str
) -> None:
    two = {"booking_id": str(UUID(int=3)), "route_id": HALF, "seats_booked": 2, "scheduled_departure": LEFT}
    four = {"booking_id": str(UUID(int=4)), "route_id": FULL, "seats_booked": 4, "scheduled_departure": LEFT}
    creations = [event("booking.created", -9, **two), event("booking.created", -8, **two | again)]
    if newest == "stored first":
        creations.reverse()
    for token, created in enumerate(creations):
        await store(warehouse, [created], token=str(token))
    rest = [event("booking.confirmed", -7, **booking) for booking in (two, four)]
    rest += [event("route.created", -99, route_id=route, seats_total=4) for route in (HALF, FULL)]
    await store(warehouse, [*rest, event("booking.created", -9, **four)], token="rest")

    found = await routes(warehouse, ask(FIRST, FIRST, "UTC"), sort=RouteSort.OCCUPANCY, limit=500)
    assert {str(row.route_id): row.avg_occupancy for row in found.routes} == {HALF: 50.0, FULL: 100.0}


@pytest.mark.parametrize(("first", "then"), [(HALF, FULL), (FULL, HALF)], ids=["lower", "higher"])
async def test_a_booking_created_again_on_a_route_left_out_of_the_answer_sits_where_it_was_created_first(
    warehouse: ClickHouse, first: str, then: str
) -> None:
    booking = {"booking_id": str(UUID(int=3)), "seats_booked": 2, "scheduled_departure": LEFT}
    await store(
        warehouse,
        [
            event("route.created", -99, route_id=first, seats_total=4),
            event("booking.created", -9, **booking, route_id=first),
            event("booking.created", -8, **booking, route_id=then),
            event("booking.confirmed", -7, **booking, route_id=first),
        ],
    )
    found = await routes(warehouse, ask(FIRST, FIRST, "UTC"), sort=RouteSort.BOOKINGS, limit=1)
    assert [(str(row.route_id), row.avg_occupancy) for row in found.routes] == [(first, 50.0)]


async def test_seats_that_change_with_the_departure_are_those_it_had(warehouse: ClickHouse) -> None:
    booking = {
        "booking_id": str(UUID(int=3)),
        "route_id": HALF,
        "seats_booked": 2,
        "scheduled_departure": LEFT,
    }
    seats = [
        event("route.created", hours, route_id=HALF, seats_total=n) for hours, n in ((-9, 8), (0, 4), (1, 2))
    ]
    booked = [event(kind, -7, **booking) for kind in ("booking.created", "booking.confirmed")]
    await store(warehouse, [*seats, *booked])
    found = await routes(warehouse, ask(FIRST, FIRST, "UTC"), sort=RouteSort.OCCUPANCY, limit=500)
    assert [row.avg_occupancy for row in found.routes] == [50.0]

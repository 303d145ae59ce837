"""Routes, against the same numbers computed the slow and obvious way."""

import msgspec
import pytest

from openride_analytics.schema.queries import RouteSort
from openride_analytics.stats.routes import routes
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.drives import EVENTS, FIRST, LAST, ZONES, ask, ranges
from tests.support.drives_reference import Reference


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

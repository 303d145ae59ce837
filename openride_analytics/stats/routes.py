"""Routes: which are booked most in a range, what they bring and how full they are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import numpy as np

from openride_analytics.schema.events import types_of
from openride_analytics.schema.queries import RouteSort
from openride_analytics.schema.results import RouteMetrics, RouteRow
from openride_analytics.stats.columns import (
    CENTS,
    COUNT,
    ID,
    MONEY,
    Column,
    amount_of,
    blocks_of,
    cents_of,
    columns,
    looked_up,
    money_added,
    uuid_of,
    values,
)
from openride_analytics.stats.numbers import mean, money
from openride_analytics.stats.periods import Period
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.stats.repeated import Firsts
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock
from openride_analytics.store.sql import statement

UNKNOWN: Final = "Unknown"
EARLIER: Final = Earlier(ever=types_of("route", "booking"))  # of departures in the range, and who booked them

_PARTS: Final = 840  # metrics/departures.sql counts in these parts of a full departure
_NOBODY: Final = UUID(int=0)  # if a replica that was asked later does not have yet what another had


@dataclass(frozen=True)
class _Route:
    """Bookings confirmed in a range and what they brought; departures, and the _PARTS of them that were filled."""

    route_id: UUID
    bookings: int
    revenue: Decimal
    departures: int
    filled: int


async def routes(clickhouse: ClickHouse, question: Question, *, sort: RouteSort, limit: int) -> RouteMetrics:
    """Routes with a booking confirmed in the question's range. Raises Retryable."""
    counted = await _counted(clickhouse, question.period, sort, limit)
    ids = [row.route_id for row in counted]
    names = await _names(clickhouse, ids)
    drivers = await _drivers(clickhouse, question.period, [route for route in ids if route not in names])
    return RouteMetrics(
        **question.heading,
        routes=[_row(row, names.get(row.route_id), drivers) for row in counted],
    )


async def _counted(clickhouse: ClickHouse, period: Period, sort: RouteSort, limit: int) -> list[_Route]:
    asked = {"since": period.since, "until": period.until}
    confirmed, departed = await together(
        blocks_of(clickhouse, "metrics/routes", asked),
        _departed(clickhouse, asked),
    )
    # A tenth of a second of 100,000 routes.
    return await asyncio.to_thread(lambda: _first(_booked(confirmed), departed, sort, limit))


async def _departed(clickhouse: ClickHouse, asked: Mapping[str, object]) -> dict[str, Column]:
    """How full routes were; asked again, of events, if creations of one booking disagree. Seldom: it takes longer."""
    types = {"route": ID, "departures": COUNT, "filled": COUNT, "disputed": COUNT}
    for bookings in ("metrics/departures_plain", "metrics/departures_disputed"):
        found = await columns(clickhouse, "metrics/departures", types, asked, bookings=statement(bookings))
        if not found["disputed"].any():
            break
    return found


def _booked(confirmed: Sequence[RawBlock]) -> dict[str, Column]:
    """Routes that bookings were first confirmed on, how many, and what these brought."""
    repeated = Firsts(confirmed)
    found = {
        "route": values(confirmed, "route", ID),
        "bookings": repeated.added_to(values(confirmed, "bookings", COUNT), np.ones(repeated.row.size)),
        "revenue": money_added(
            values(confirmed, "revenue", MONEY), repeated.row, repeated.of("price", CENTS)
        ),
    }
    # A confirmation that is not the first may be all that a route has.
    known = np.flatnonzero(found["bookings"])
    return {name: column[known] for name, column in found.items()}


def _first(
    booked: Mapping[str, Column], departed: Mapping[str, Column], sort: RouteSort, limit: int
) -> list[_Route]:
    """The first in that order, equal ones by their ids."""
    routes, bookings, revenue = booked["route"], booked["bookings"], booked["revenue"]
    departures, filled = (
        looked_up(routes, departed["route"], departed[name]) for name in ("departures", "filled")
    )
    # ~ turns the order of whole numbers round; lexsort's last key is the first to decide.
    keys = {
        RouteSort.BOOKINGS: (~bookings,),
        RouteSort.REVENUE: (~revenue["low"], ~revenue["high"]),
        RouteSort.OCCUPANCY: (-(filled / np.maximum(departures, 1)), departures == 0),
    }
    first = np.lexsort((routes, *keys[sort]))[:limit]
    ids, confirmed, left, parts = (
        column[first].tolist() for column in (routes, bookings, departures, filled)
    )
    return [
        _Route(uuid_of(id_), *counted)
        for id_, *counted in zip(
            ids, confirmed, map(amount_of, cents_of(revenue[first])), left, parts, strict=True
        )
    ]


async def _names(clickhouse: ClickHouse, routes: list[UUID]) -> dict[UUID, dict[str, Any]]:
    """What those routes are of which any event is known."""
    if not routes:
        return {}
    params = {"routes": routes}
    block = await clickhouse.select(statement("metrics/route_names"), params, name="metrics/route_names")
    return {row["route_id"]: row for row in block.dicts()}


async def _drivers(clickhouse: ClickHouse, period: Period, routes: list[UUID]) -> dict[UUID, UUID]:
    """Who drives the routes of which only bookings are known: few, if any."""
    if not routes:
        return {}
    params = {"since": period.since, "until": period.until, "routes": routes}
    block = await clickhouse.select(statement("metrics/route_drivers"), params, name="metrics/route_drivers")
    return {row["route_id"]: row["driver_id"] for row in block.dicts()}


def _row(row: _Route, names: dict[str, Any] | None, drivers: dict[UUID, UUID]) -> RouteRow:
    known = names or {}
    return RouteRow(
        route_id=row.route_id,
        route_name=known.get("route_name"),
        origin_city=known.get("origin_city") or UNKNOWN,
        destination_city=known.get("destination_city") or UNKNOWN,
        driver_id=known.get("driver_id") or drivers.get(row.route_id, _NOBODY),
        total_bookings=row.bookings,
        total_revenue=money(row.revenue),
        avg_occupancy=mean(100 * row.filled / _PARTS, row.departures),
        seats_total=known.get("seats_total") or None,
    )

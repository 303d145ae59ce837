"""Routes: which are booked most in a range, what they bring and how full they are."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
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

_Known: TypeAlias = dict[UUID, dict[str, Any]]  # what routes are, as far as any event tells


async def routes(clickhouse: ClickHouse, question: Question, *, sort: RouteSort, limit: int) -> RouteMetrics:
    """Routes with a booking confirmed in the question's range, the first `limit`: some hundreds. Raises Retryable."""
    period = question.period
    if sort is RouteSort.OCCUPANCY:
        booked, departed = await together(_booked(clickhouse, period), _departed(clickhouse, period))
        first = await asyncio.to_thread(lambda: _first(_departing(booked, departed), sort, limit))
        known = await _known(clickhouse, period, _ids(first))
    else:  # what was booked tells which are the first: how full they were is asked of these alone
        booked = await _booked(clickhouse, period)
        first = await asyncio.to_thread(_first, booked, sort, limit)
        ids = _ids(first)
        known, departed = await together(_known(clickhouse, period, ids), _departed(clickhouse, period, ids))
        first = _departing(first, departed)
    return RouteMetrics(**question.heading, routes=_rows(first, known))


def _ids(found: Mapping[str, Column]) -> list[UUID]:
    return [uuid_of(id_) for id_ in found["route"].tolist()]


async def _booked(clickhouse: ClickHouse, period: Period) -> dict[str, Column]:
    """Routes that bookings were first confirmed on, how many, and what these brought."""
    asked = {"since": period.since, "until": period.until}
    confirmed = await blocks_of(clickhouse, "metrics/routes", asked)
    # A tenth of a second of 100,000 routes, and then to order them.
    return await asyncio.to_thread(_counted, confirmed)


async def _departed(clickhouse: ClickHouse, period: Period, routes: Sequence[UUID] = ()) -> dict[str, Column]:
    """How full those routes were, or all; asked again, of events, if creations of one booking disagree: seldom, as it
    takes longer."""
    asked = {"since": period.since, "until": period.until, "routes": [*routes]}
    types = {"route": ID, "departures": COUNT, "filled": COUNT, "disputed": COUNT}
    for bookings in ("metrics/departures_plain", "metrics/departures_disputed"):
        found = await columns(clickhouse, "metrics/departures", types, asked, bookings=statement(bookings))
        if not found["disputed"].any():
            break
    return found


def _counted(confirmed: Sequence[RawBlock]) -> dict[str, Column]:
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


def _departing(found: Mapping[str, Column], departed: Mapping[str, Column]) -> dict[str, Column]:
    """The same routes, and how many departures they had, and how many _PARTS of them were filled."""
    more = {
        name: looked_up(found["route"], departed["route"], departed[name])
        for name in ("departures", "filled")
    }
    return {**found, **more}


def _first(found: Mapping[str, Column], sort: RouteSort, limit: int) -> dict[str, Column]:
    """The first in that order, equal ones by their ids."""
    # ~ turns the order of whole numbers round; lexsort's last key is the first to decide.
    keys: tuple[Column, ...]
    match sort:
        case RouteSort.BOOKINGS:
            keys = (~found["bookings"],)
        case RouteSort.REVENUE:
            keys = (~found["revenue"]["low"], ~found["revenue"]["high"])
        case RouteSort.OCCUPANCY:
            departures = found["departures"]
            keys = (-(found["filled"] / np.maximum(departures, 1)), departures == 0)
    first = np.lexsort((found["route"], *keys))[:limit]
    return {name: column[first] for name, column in found.items()}


async def _known(clickhouse: ClickHouse, period: Period, routes: list[UUID]) -> _Known:
    names = await _names(clickhouse, routes)
    drivers = await _drivers(clickhouse, period, [route for route in routes if route not in names])
    return {route: names.get(route, {"driver_id": drivers.get(route, _NOBODY)}) for route in routes}


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


def _rows(first: Mapping[str, Column], known: _Known) -> list[RouteRow]:
    """`known`: in the same order."""
    names = ("bookings", "departures", "filled")
    columns_ = [first[name].tolist() for name in names]
    revenue = map(amount_of, cents_of(first["revenue"]))
    return [
        RouteRow(
            route_id=id_,
            route_name=route.get("route_name"),
            origin_city=route.get("origin_city") or UNKNOWN,
            destination_city=route.get("destination_city") or UNKNOWN,
            driver_id=route["driver_id"],
            total_bookings=bookings,
            total_revenue=money(amount),
            avg_occupancy=mean(100 * filled / _PARTS, departures),
            seats_total=route.get("seats_total") or None,
        )
        for (id_, route), amount, bookings, departures, filled in zip(
            known.items(), revenue, *columns_, strict=True
        )
    ]

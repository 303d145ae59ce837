"""Routes: which are booked most in a range, what they bring and how full they are."""

from datetime import UTC
from typing import Any, Final
from uuid import UUID

from openride_analytics.schema.events import types_of
from openride_analytics.schema.queries import RouteSort
from openride_analytics.schema.results import RouteMetrics, RouteRow
from openride_analytics.stats.numbers import mean, money
from openride_analytics.stats.periods import Period
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

UNKNOWN: Final = "Unknown"
EARLIER: Final = Earlier(ever=types_of("route", "booking"))  # of departures in the range, and who booked them

_PARTS: Final = 840  # metrics/routes*.sql count in these parts of a full departure
_NOBODY: Final = UUID(int=0)


async def routes(clickhouse: ClickHouse, question: Question, *, sort: RouteSort, limit: int) -> RouteMetrics:
    """Routes with a booking confirmed in the question's range. Raises Retryable."""
    found = await _found(clickhouse, question.period, sort, limit)
    drivers = await _drivers(clickhouse, question.period, [row["route_id"] for row in found if not _told(row)])
    return RouteMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        routes=[_row(row, drivers) for row in found],
    )


async def _found(clickhouse: ClickHouse, period: Period, sort: RouteSort, limit: int) -> list[dict[str, Any]]:
    params: dict[str, object] = {"since": period.since, "until": period.until, "limit": limit}
    if sort is RouteSort.OCCUPANCY:
        name = "metrics/routes_by_occupancy"
    else:
        name = "metrics/routes"
        params["sort"] = sort
    block = await clickhouse.select(statement(name), params, name=name)
    return block.dicts()


async def _drivers(clickhouse: ClickHouse, period: Period, routes: list[UUID]) -> dict[UUID, UUID]:
    """Who drives the routes of which only bookings are known: asked apart, for these are few, if any."""
    if not routes:
        return {}
    params: dict[str, object] = {"since": period.since, "until": period.until, "routes": routes}
    block = await clickhouse.select(statement("metrics/route_drivers"), params, name="metrics/route_drivers")
    return {row["route_id"]: row["driver_id"] for row in block.dicts()}


def _told(row: dict[str, Any]) -> bool:
    return row["driver_id"] != _NOBODY


def _row(row: dict[str, Any], drivers: dict[UUID, UUID]) -> RouteRow:
    return RouteRow(
        route_id=row["route_id"],
        route_name=row["route_name"] if _told(row) else None,
        origin_city=row["origin_city"] or UNKNOWN,
        destination_city=row["destination_city"] or UNKNOWN,
        driver_id=row["driver_id"] if _told(row) else drivers.get(row["route_id"], _NOBODY),
        total_bookings=row["bookings"],
        total_revenue=money(row["revenue"]),
        avg_occupancy=mean(100 * row["filled"] / _PARTS, row["departures"]),
        seats_total=row["seats"][0] if row["seats"] else None,
    )

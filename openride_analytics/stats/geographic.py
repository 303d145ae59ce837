"""Places: where bookings, trips, revenue and people are."""

from typing import Any, Final

from msgspec import UNSET

from openride_analytics.errors import Invalid
from openride_analytics.schema.analytics import Geography, Place
from openride_analytics.schema.queries import GeographicQuery, Level, PlaceMetric
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

EARLIER: Final = Earlier(ever=("route.created", "booking.created"))  # which tell where something is

# What each query takes beside the range, and which names it may be told.
_BY_PLACE: Final[dict[PlaceMetric, tuple[str, dict[str, str]]]] = {
    PlaceMetric.BOOKINGS: (
        "analytics/geographic_origins",
        {
            "table": "daily_booking_metrics",
            "entity": "booking_id",
            "event_type": "booking.created",
        },
    ),
    PlaceMetric.TRIPS: (
        "analytics/geographic_origins",
        {
            "table": "daily_trip_metrics",
            "entity": "trip_id",
            "event_type": "trip.completed",
        },
    ),
    PlaceMetric.REVENUE: ("analytics/geographic_revenue", {}),
    PlaceMetric.USERS: ("analytics/geographic_users", {}),
}
_BY_HEX: Final = {
    PlaceMetric.BOOKINGS: "analytics/geographic_bookings_hex",
    PlaceMetric.TRIPS: "analytics/geographic_trips_hex",
    PlaceMetric.REVENUE: "analytics/geographic_revenue_hex",
}
_IDENTIFIERS: Final = frozenset(
    {
        "daily_booking_metrics",
        "booking_id",
        "daily_trip_metrics",
        "trip_id",
    }
)


async def geographic(clickhouse: ClickHouse, question: Question, query: GeographicQuery) -> Geography:
    """The metric by place, over the question's range. Raises Retryable, Invalid."""
    by_hex = query.level is Level.HEX
    rows = await (_hexes if by_hex else _places)(clickhouse, question, query)
    points = [_hex(row) for row in rows] if by_hex else _points(rows, query.level)
    return Geography(
        **question.heading,
        metric=query.metric,
        level=query.level,
        resolution=query.resolution if by_hex else UNSET,
        data_points=sorted(points, key=_order),
        total_value=float(sum(row["value"] for row in rows)),
    )


async def _places(clickhouse: ClickHouse, question: Question, query: GeographicQuery) -> list[dict[str, Any]]:
    name, params = _BY_PLACE[query.metric]
    block = await clickhouse.select(
        statement(name), _params(question, query) | params, name=name, identifiers=_IDENTIFIERS
    )
    return block.dicts()


async def _hexes(clickhouse: ClickHouse, question: Question, query: GeographicQuery) -> list[dict[str, Any]]:
    if query.metric not in _BY_HEX:
        raise Invalid("level", f"{query.metric} have no pickup, so no hex", f"{Level.STATE}, {Level.CITY}")
    name = _BY_HEX[query.metric]
    block = await clickhouse.select(
        statement(name), _params(question, query) | {"resolution": query.resolution}, name=name
    )
    return block.dicts()


def _params(question: Question, query: GeographicQuery) -> dict[str, object]:
    params: dict[str, object] = {"since": question.period.since, "until": question.period.until}
    if query.metric is PlaceMetric.REVENUE:
        params["currency"] = question.currency
    return params


def _points(rows: list[dict[str, Any]], level: Level) -> list[Place]:
    values: dict[tuple[str, str | None], Any] = {}
    for row in rows:
        place = (row["state"], row["city"] if level is Level.CITY else None)
        values[place] = values.get(place, 0) + row["value"]
    return [Place(state=state, city=city, value=float(value)) for (state, city), value in values.items()]


def _hex(row: dict[str, Any]) -> Place:
    return Place(
        state=None, city=None, value=float(row["value"]), hex=row["hex"], lat=row["lat"], lon=row["lon"]
    )


def _order(place: Place) -> tuple[float, str, str, str]:
    return -place.value, place.state or "", place.city or "", place.hex or ""

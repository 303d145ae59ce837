"""The datasets: which columns they have, in which order their rows come, and which statement gives them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from openride_analytics.exports.columns import Column, Kind
from openride_analytics.schema.columns import LANDING
from openride_analytics.schema.columns import Column as Landed
from openride_analytics.schema.exports import Dataset


@dataclass(frozen=True)
class Source:
    """`statement` of the SQL files; `order`: columns by which rows are ordered, and no two rows are equal."""

    description: str
    statement: str
    order: tuple[str, ...]
    columns: tuple[Column, ...]
    table: str | None = None  # of events: where they are
    parameters: frozenset[str] = frozenset()  # of the statement, beside since and until

    def column(self, name: str) -> Column | None:
        """The column of that name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)


_LABELS: Final = frozenset(
    "role city state kyc_status previous_role new_role booking_status cancelled_by currency payment_method provider "
    "error_code origin_city origin_state destination_city destination_state departure_time previous_status "
    "new_status".split()
)
_PERSONAL: Final = frozenset(
    {"phone", "email", "full_name", "metadata"}
)  # metadata is all that a message said
_DAYS: Final = frozenset({"days", "dates"})

_EVENT: Final = (
    Column("event_id", Kind.UUID),
    Column("event_type", Kind.LABEL),
    Column("event_timestamp", Kind.INSTANT),
)
_BOOKKEEPING: Final = (
    Column("kafka_epoch", Kind.LABEL, bookkeeping=True),
    Column("kafka_topic", Kind.LABEL, bookkeeping=True),
    Column("kafka_partition", Kind.INTEGER, integer="UInt32", bookkeeping=True),
    Column("kafka_offset", Kind.INTEGER, bookkeeping=True),
)
_INGESTED: Final = Column("ingested_at", Kind.INSTANT)


def _landed(column: Landed) -> Column:
    inner = re.sub(r"^Nullable\((.*)\)$", r"\1", column.type)
    nullable = inner != column.type
    if inner.startswith("Array"):
        return Column(column.name, Kind.LIST)
    if inner.startswith(("UInt", "Int")):
        return Column(column.name, Kind.INTEGER, nullable, integer=inner)
    kind = {"UUID": Kind.UUID, "Float64": Kind.FLOAT, "Bool": Kind.BOOLEAN}.get(inner)
    if inner.startswith("Decimal"):
        kind = Kind.MONEY
    elif inner.startswith("DateTime64"):
        kind = Kind.INSTANT
    elif inner == "String":
        kind = Kind.LABEL if column.name in _LABELS else Kind.TEXT
    if kind is None:
        raise TypeError(f"column {column.name}: no kind for {column.type}")
    return Column(column.name, kind, nullable, personal=column.name in _PERSONAL)


def _events(kind: str, about: str) -> Source:
    table = f"{kind}_events"
    fields = tuple(map(_landed, LANDING[kind]))
    return Source(
        about,
        "exports/events",
        ("event_type", "event_timestamp", fields[0].name, "event_id"),
        (*_EVENT, *fields, *_BOOKKEEPING, _INGESTED),
        table,
        frozenset({"table"}),
    )


_RAW: Final = Source(
    "Every message as it was received",
    "exports/events",
    ("event_type", "event_timestamp", "entity_id", "event_id"),
    (
        *_EVENT,
        Column("entity_id", Kind.TEXT),
        Column("entity_type", Kind.LABEL),
        Column("user_id", Kind.TEXT, nullable=True),
        Column("metadata", Kind.TEXT, personal=True),
        *_BOOKKEEPING,
        _INGESTED,
    ),
    "events_raw",
    frozenset({"table"}),
)


def _daily(name: str, about: str, keys: tuple[Column, ...], *columns: Column, **more: str) -> Source:
    parameters = _DAYS | set(more.values())
    dimensions = (Column("date", Kind.DATE), *keys)
    order = tuple(column.name for column in dimensions)
    return Source(about, f"exports/{name}", order, (*dimensions, *columns), None, parameters)


def _counts(*names: str) -> Iterator[Column]:
    return (Column(name, Kind.INTEGER) for name in names)


def _of(kind: Kind, *names: str) -> Iterator[Column]:
    return (Column(name, kind) for name in names)


SOURCES: Final[dict[Dataset, Source]] = {
    Dataset.EVENTS_RAW: _RAW,
    Dataset.USER_EVENTS: _events("user", "Registrations, KYC decisions, upgrades to driver"),
    Dataset.BOOKING_EVENTS: _events("booking", "Bookings created, confirmed, cancelled, completed"),
    Dataset.PAYMENT_EVENTS: _events("payment", "Payments initiated, succeeded, failed, refunded"),
    Dataset.TRIP_EVENTS: _events("trip", "Trips started, completed, cancelled"),
    Dataset.ROUTE_EVENTS: _events("route", "Routes created, activated, cancelled, updated"),
    Dataset.LOCATION_EVENTS: _events("location", "Sampled positions of drivers"),
    Dataset.USER_METRICS: _daily(
        "user_metrics",
        "People by local day",
        (),
        *_counts("dau", "wau", "mau"),
        Column("stickiness", Kind.RATE),
        *_counts("new_registrations", "total_users"),
        known="known",
    ),
    Dataset.BOOKING_METRICS: _daily(
        "booking_metrics",
        "Bookings by local day",
        (),
        *_counts("bookings_created", "bookings_confirmed", "bookings_cancelled", "bookings_completed"),
        *_of(Kind.RATE, "conversion_rate", "cancellation_rate", "completion_rate"),
        Column("avg_booking_value", Kind.MEAN_MONEY),
        Column("total_booking_value", Kind.MONEY),
        *_counts("cancelled_by_rider", "cancelled_by_driver", "cancelled_by_system"),
    ),
    Dataset.PAYMENT_METRICS: _daily(
        "payment_metrics",
        "Payments by local day, method and currency",
        (Column("payment_method", Kind.LABEL), Column("currency", Kind.LABEL)),
        *_counts("payments_initiated", "payments_success", "payments_failed", "payments_refunded"),
        Column("success_rate", Kind.RATE),
        *_of(Kind.MONEY, "revenue", "refunds", "net_revenue"),
        Column("avg_processing_time_ms", Kind.MEAN),
    ),
    Dataset.TRIP_METRICS: _daily(
        "trip_metrics",
        "Trips by local day",
        (),
        *_counts("trips_started", "trips_completed", "trips_cancelled"),
        Column("completion_rate", Kind.RATE),
        *_of(Kind.MEAN, "avg_duration_minutes", "avg_distance_km"),
        Column("on_time_performance", Kind.RATE),
        *_of(Kind.MONEY, "total_driver_earnings", "total_platform_commission"),
        *_counts("active_drivers"),
    ),
    Dataset.DRIVER_EARNINGS: _daily(
        "driver_earnings",
        "Drivers who completed a trip, by local day",
        (Column("driver_id", Kind.UUID),),
        *_counts("total_trips"),
        Column("total_earnings", Kind.MONEY),
        Column("avg_earnings_per_trip", Kind.MEAN_MONEY),
        Column("total_platform_commission", Kind.MONEY),
        Column("total_distance_km", Kind.FLOAT),
        Column("on_time_performance", Kind.RATE),
    ),
    Dataset.POPULAR_ROUTES: _daily(
        "popular_routes",
        "Routes with a booking confirmed, by local day",
        (Column("route_id", Kind.UUID),),
        *_counts("total_bookings"),
        Column("total_revenue", Kind.MONEY),
        Column("avg_occupancy", Kind.MEAN),
        Column("route_name", Kind.TEXT),
        Column("driver_id", Kind.UUID),
        *_of(Kind.LABEL, "origin_city", "destination_city"),
        Column("seats_total", Kind.INTEGER, nullable=True, integer="UInt8"),
    ),
    Dataset.GEOGRAPHIC_METRICS: _daily(
        "geographic_metrics",
        "Places (the route's origin; of people, where they registered) by local day",
        (Column("state", Kind.LABEL), Column("city", Kind.LABEL)),
        *_counts("bookings"),
        Column("revenue", Kind.MONEY),
        *_counts("users", "trips"),
        currency="currency",
    ),
}

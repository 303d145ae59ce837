"""The columns of the landing tables: the one table from which the DDL is written and the inserts are made.

A landing table holds every field of every event type of its kind, under the field's own name. A column is
Nullable when some type of the kind lacks the field or may leave it out; an Array cannot be: it is empty.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, NamedTuple

from openride_analytics.schema.events import ENTITY, KINDS, Event, event_type, first_actors


class Column(NamedTuple):
    """A column's `name` (for a typed column: the field's own) and its ClickHouse `type`."""

    name: str
    type: str


def _columns(**types: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_) for name, type_ in types.items())


_INSTANT = "DateTime64(3, 'UTC')"
_MONEY = "Decimal(14, 2)"

# What every landing table begins with: where the message came from and what it says whatever its type.
# `actor_id` is what `events_raw` calls user_id (the first actor, as lower-case text): landing_user has a
# typed user_id of its own, which is set also where nobody acted (user.kyc_verified).
COMMON = _columns(
    event_id="UUID",
    event_type="String",
    event_timestamp=_INSTANT,
    entity_id="String",
    actor_id="Nullable(String)",
    metadata="String",
    kafka_epoch="String",
    kafka_topic="String",
    kafka_partition="UInt32",
    kafka_offset="UInt64",
)

# kind -> its typed columns, in the order of the DDL, after the common ones.
LANDING: dict[str, tuple[Column, ...]] = {
    "user": _columns(
        user_id="UUID",
        phone="Nullable(String)",
        role="Nullable(String)",
        full_name="Nullable(String)",
        email="Nullable(String)",
        city="Nullable(String)",
        state="Nullable(String)",
        referral_code="Nullable(String)",
        kyc_status="Nullable(String)",
        verification_notes="Nullable(String)",
        verified_by="Nullable(String)",
        previous_role="Nullable(String)",
        new_role="Nullable(String)",
    ),
    "booking": _columns(
        booking_id="UUID",
        rider_id="UUID",
        driver_id="UUID",
        route_id="UUID",
        seats_booked="Nullable(UInt8)",
        total_price=f"Nullable({_MONEY})",
        booking_status="Nullable(String)",
        pickup_stop_id="Nullable(UUID)",
        dropoff_stop_id="Nullable(UUID)",
        pickup_lat="Nullable(Float64)",
        pickup_lon="Nullable(Float64)",
        dropoff_lat="Nullable(Float64)",
        dropoff_lon="Nullable(Float64)",
        scheduled_departure=f"Nullable({_INSTANT})",
        payment_id="Nullable(UUID)",
        confirmation_code="Nullable(String)",
        cancellation_reason="Nullable(String)",
        cancelled_by="Nullable(String)",
        refund_initiated="Nullable(Bool)",
        trip_id="Nullable(UUID)",
        actual_departure=f"Nullable({_INSTANT})",
        actual_arrival=f"Nullable({_INSTANT})",
        duration_minutes="Nullable(UInt32)",
    ),
    "payment": _columns(
        payment_id="UUID",
        booking_id="UUID",
        rider_id="UUID",
        amount=f"Nullable({_MONEY})",
        currency="String",
        payment_method="Nullable(String)",
        provider="Nullable(String)",
        provider_transaction_id="Nullable(String)",
        processing_time_ms="Nullable(UInt64)",
        card_last4="Nullable(String)",
        error_code="Nullable(String)",
        error_message="Nullable(String)",
        refund_amount=f"Nullable({_MONEY})",
        original_amount=f"Nullable({_MONEY})",
        refund_reason="Nullable(String)",
        refunded_by="Nullable(String)",
        provider_refund_id="Nullable(String)",
    ),
    "trip": _columns(
        trip_id="UUID",
        booking_id="UUID",
        driver_id="UUID",
        rider_id="UUID",
        route_id="UUID",
        scheduled_departure=f"Nullable({_INSTANT})",
        actual_departure=f"Nullable({_INSTANT})",
        start_lat="Nullable(Float64)",
        start_lon="Nullable(Float64)",
        passengers_count="Nullable(UInt8)",
        actual_arrival=f"Nullable({_INSTANT})",
        duration_minutes="Nullable(UInt32)",
        distance_km="Nullable(Float64)",
        end_lat="Nullable(Float64)",
        end_lon="Nullable(Float64)",
        driver_earnings=f"Nullable({_MONEY})",
        platform_commission=f"Nullable({_MONEY})",
        on_time="Nullable(Bool)",
        cancellation_reason="Nullable(String)",
        cancelled_by="Nullable(String)",
        was_started="Nullable(Bool)",
        partial_distance_km="Nullable(Float64)",
    ),
    "route": _columns(
        route_id="UUID",
        driver_id="UUID",
        route_name="String",
        origin_city="Nullable(String)",
        destination_city="Nullable(String)",
        origin_state="Nullable(String)",
        destination_state="Nullable(String)",
        stops_count="Nullable(UInt32)",
        seats_total="Nullable(UInt8)",
        base_price=f"Nullable({_MONEY})",
        departure_time="Nullable(String)",
        active_days="Array(String)",
        previous_status="Nullable(String)",
        new_status="Nullable(String)",
        cancellation_reason="Nullable(String)",
        active_bookings_count="Nullable(UInt32)",
        updated_fields="Array(String)",
    ),
    "location": _columns(
        driver_id="UUID",
        trip_id="Nullable(UUID)",
        lat="Float64",
        lon="Float64",
        speed_kmh="Nullable(Float64)",
        bearing="Nullable(Float64)",
        accuracy_meters="Nullable(Float64)",
        city="Nullable(String)",
        state="Nullable(String)",
    ),
}


def _getters(struct: type[Event], kind: str) -> dict[str, Callable[[Event], Any]]:
    """How to take each typed column that the struct has from one of its events."""
    names = [column.name for column in LANDING[kind] if column.name in struct.__struct_fields__]
    return {name: attrgetter(name) for name in names}


_GETTERS = {struct: _getters(struct, kind) for kind, structs in KINDS.items() for struct in structs}


def columns_of(kind: str, events: Sequence[Event]) -> tuple[dict[str, list[Any]], list[int]]:
    """The columns that `events` of one kind make, and the `order` of their rows: row i is events[order[i]].

    Rows are grouped by event type, in the order of KINDS, and keep their order within it: the same events
    always make the same columns. Holds the typed columns and those of COMMON that an event knows itself:
    event_type, event_timestamp, entity_id, actor_id. Values: UUID, Decimal, aware datetime (of any offset),
    str, int, float, bool, list[str], and None where a struct lacks the field. The store writes a UUID into a
    String column as lower-case text, which costs less than str() here.
    """
    rows: dict[type[Event], list[int]] = {struct: [] for struct in KINDS[kind]}
    for row, event in enumerate(events):
        rows[type(event)].append(row)
    order = list(chain.from_iterable(rows.values()))
    groups = {struct: [events[row] for row in places] for struct, places in rows.items() if places}

    def each(values: Callable[[type[Event], list[Event]], Iterable[Any]]) -> list[Any]:
        return list(chain.from_iterable(values(struct, group) for struct, group in groups.items()))

    columns: dict[str, list[Any]] = {
        "event_type": each(lambda struct, group: repeat(event_type(struct), len(group))),
        "event_timestamp": each(lambda _, group: map(attrgetter("event_timestamp"), group)),
        "entity_id": each(lambda _, group: map(attrgetter(ENTITY[kind].field), group)),
        "actor_id": each(first_actors),
    }
    for column in LANDING[kind]:
        columns[column.name] = each(partial(_values, column))
    return columns, order


def _values(column: Column, struct: type[Event], events: Sequence[Event]) -> Iterable[Any]:
    """What events of one type have in a typed column."""
    getter = _GETTERS[struct].get(column.name)
    if getter is not None:
        return map(getter, events)
    return repeat([] if column.type.startswith("Array") else None, len(events))

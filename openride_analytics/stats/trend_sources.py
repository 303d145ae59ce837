"""Where each trend comes from: its query, what that is told, and by what it can be grouped."""

from dataclasses import dataclass, field
from typing import Final

from openride_analytics.errors import Invalid
from openride_analytics.schema.queries import TrendMetric

IDENTIFIERS: Final = frozenset(
    {
        *("daily_user_metrics", "daily_booking_metrics", "daily_payment_metrics", "daily_trip_metrics"),
        *("user_id", "booking_id", "payment_id", "trip_id"),
        *("state", "city", "origin_state", "origin_city"),
    }
)

WHOLE: Final = 0  # for a bucket: the range as a whole


@dataclass(frozen=True)
class Source:
    """A query for buckets of a range; `params` beside `since`, `until` and `edges`.

    `value` is the column to take; `in_currency`: the query wants the currency of revenue, too; `in_all`: it says what
    each bucket adds to the whole range, where the others have a bucket WHOLE.
    """

    query: str
    params: dict[str, str] = field(default_factory=dict)
    value: str = "value"
    in_currency: bool = False
    in_all: bool = False


def source(metric: TrendMetric, group_by: str | None) -> Source:
    """Raises Invalid if the metric does not have that dimension."""
    if group_by is None:
        return _PLAIN[metric]
    grouped = _GROUPED.get(metric, {})
    if group_by not in grouped:
        allowed = ", ".join(grouped) or "nothing: leave group_by out"
        raise Invalid("group_by", f"is not a dimension of {metric}", allowed)
    return grouped[group_by]


def _entities(table: str, entity: str, event_type: str) -> dict[str, str]:
    return {"table": table, "entity": entity, "event_type": event_type}


_ENTITIES: Final = {
    TrendMetric.BOOKINGS: _entities("daily_booking_metrics", "booking_id", "booking.created"),
    TrendMetric.CONFIRMED_BOOKINGS: _entities("daily_booking_metrics", "booking_id", "booking.confirmed"),
    TrendMetric.CANCELLED_BOOKINGS: _entities("daily_booking_metrics", "booking_id", "booking.cancelled"),
    TrendMetric.COMPLETED_BOOKINGS: _entities("daily_booking_metrics", "booking_id", "booking.completed"),
    TrendMetric.PAYMENTS: _entities("daily_payment_metrics", "payment_id", "payment.success"),
    TrendMetric.TRIPS: _entities("daily_trip_metrics", "trip_id", "trip.completed"),
    TrendMetric.REGISTRATIONS: _entities("daily_user_metrics", "user_id", "user.registered"),
}
_PLAIN: Final = {
    **{metric: Source("analytics/trends_counts", params) for metric, params in _ENTITIES.items()},
    TrendMetric.REVENUE: Source("analytics/trends_revenue", in_currency=True, in_all=True),
    TrendMetric.ACTIVE_USERS: Source("analytics/trends_active_users"),
}
_PLACES: Final = ("state", "city")
_OF_ROUTES: Final = ("daily_booking_metrics", "daily_trip_metrics")


def _by_origin(metric: TrendMetric) -> dict[str, Source]:
    entities = _ENTITIES[metric]
    return {
        place: Source("analytics/trends_by_origin", {**entities, "place": f"origin_{place}"}, in_all=True)
        for place in _PLACES
    }


def _of_payments(value: str, *, in_currency: bool) -> dict[str, Source]:
    every = {} if in_currency else {"currency": ""}
    by_place = {
        place: Source(
            "analytics/trends_payments_by_origin",
            {**every, "place": f"origin_{place}"},
            value,
            in_currency,
            in_all=True,
        )
        for place in _PLACES
    }
    method = Source("analytics/trends_payments_by_method", every, value, in_currency, in_all=True)
    return {**by_place, "payment_method": method}


_GROUPED: Final = {
    **{
        metric: _by_origin(metric)
        for metric, entities in _ENTITIES.items()
        if entities["table"] in _OF_ROUTES
    },
    TrendMetric.REGISTRATIONS: {
        place: Source("analytics/trends_registrations_by_place", {"place": place}) for place in _PLACES
    },
    TrendMetric.PAYMENTS: _of_payments("payments", in_currency=False),
    TrendMetric.REVENUE: _of_payments("revenue", in_currency=True),
}

"""Events as hypothesis draws them: few people and things, and all that makes numbers wrong.

Times lie on the edges of local days and of ranges, a millisecond off them, on the days on which clocks change, and on
each other. Events come more than once, in any order; steps are missing, early, or by others than before; people act
who never registered, on routes that nobody made, in several currencies, and get back more than they paid.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.support.events import example
from tests.support.reference_people import FIRST, ZONES

Drawn = list[dict[str, Any]]

_DAY: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def _clocks_change(year: int) -> date:
    """The first Sunday of November: New York's day of 25 hours."""
    return next(day for day in (date(year, 11, n) for n in range(1, 8)) if day.weekday() == 6)


DAYS: Final = (
    FIRST,
    FIRST + timedelta(days=1),
    FIRST + timedelta(days=7),
    _clocks_change(FIRST.year),
    _clocks_change(FIRST.year) + _DAY,
    FIRST + timedelta(days=30),
)
_OFFSETS: Final = tuple(
    timedelta(**{name: value})
    for name, value in (
        ("milliseconds", -1),
        ("milliseconds", 0),
        ("milliseconds", 1),
        ("minutes", 15),
        ("hours", 1),
        ("minutes", 90),
        ("hours", 12),
        ("hours", 23),
        ("minutes", -1),
    )
)


def _ids(kind: int, count: int) -> st.SearchStrategy[str]:
    """One of so many; UUIDs do not sort by their first digits in ClickHouse, so these differ there."""
    return st.sampled_from(
        [str(UUID(int=(n * 0x5A5A_A5A5 % 251 << 120) + (kind << 32) + n)) for n in range(1, count + 1)]
    )


PEOPLE: Final = _ids(1, 5)  # riders and drivers alike
ROUTES: Final = _ids(2, 3)
BOOKINGS: Final = _ids(3, 3)
PAYMENTS: Final = _ids(4, 3)
TRIPS: Final = _ids(5, 3)
PLACES: Final = st.sampled_from([("Lagos", "Ikeja"), ("Lagos", "Epe"), ("Ogun", "Epe")])
MONEY: Final = st.integers(0, 99_999).map(lambda cents: str(Decimal(cents) / 100))


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """An instant, a whole millisecond, near the beginning of a local day somewhere."""
    begins = datetime.combine(draw(st.sampled_from(DAYS)), time(), ZoneInfo(draw(st.sampled_from(ZONES))))
    return begins.astimezone(UTC) + draw(st.sampled_from(_OFFSETS))


Strategies = dict[str, st.SearchStrategy[Any]]

_BY: Final = st.sampled_from(("RIDER", "DRIVER", "SYSTEM"))
_RIDE: Final[Strategies] = {
    "booking_id": BOOKINGS,
    "rider_id": PEOPLE,
    "driver_id": PEOPLE,
    "route_id": ROUTES,
}
_PAID: Final[Strategies] = {
    "payment_id": PAYMENTS,
    "booking_id": BOOKINGS,
    "rider_id": PEOPLE,
    "currency": st.sampled_from(("NGN", "NGN", "USD", "GHS")),
}
_CHARGED: Final[Strategies] = {
    **_PAID,
    "amount": MONEY,
    "payment_method": st.sampled_from(("card", "wallet")),
}
_ROUTE: Final[Strategies] = {
    "route_id": ROUTES,
    "driver_id": PEOPLE,
    "route_name": st.sampled_from(("A", "B")),
}

# What is drawn of an event of each type, beside its id and time.
_FIELDS: Final[dict[str, Strategies]] = {
    "user.registered": {"user_id": PEOPLE, "role": st.sampled_from(("RIDER", "DRIVER", "ADMIN"))},
    "user.kyc_verified": {"user_id": PEOPLE, "kyc_status": st.sampled_from(("VERIFIED", "REJECTED"))},
    "user.upgraded_to_driver": {"user_id": PEOPLE},
    "booking.created": {
        **_RIDE,
        "seats_booked": st.integers(1, 8),
        "scheduled_departure": moments(),
    },
    "booking.confirmed": {**_RIDE, "total_price": MONEY},
    "booking.cancelled": {**_RIDE, "cancelled_by": _BY},
    "booking.completed": _RIDE,
    "payment.initiated": _CHARGED,
    "payment.success": {**_CHARGED, "processing_time_ms": st.integers(0, 5_000)},
    "payment.failed": {**_CHARGED, "error_code": st.sampled_from(("51", "timeout"))},
    "payment.refunded": {**_PAID, "refund_amount": st.one_of(MONEY, st.just("5000.00"))},
    "trip.started": {**_RIDE, "trip_id": TRIPS},
    "trip.completed": {
        **_RIDE,
        "trip_id": TRIPS,
        "duration_minutes": st.integers(0, 600),
        "distance_km": st.integers(0, 40_000).map(lambda n: n / 64),  # whose sums are exact in any order
        "on_time": st.booleans(),
        "driver_earnings": MONEY,
        "platform_commission": MONEY,
    },
    "trip.cancelled": {**_RIDE, "trip_id": TRIPS, "cancelled_by": _BY},
    "route.created": {**_ROUTE, "seats_total": st.integers(1, 8)},
    "route.activated": _ROUTE,
    "route.cancelled": _ROUTE,
    "route.updated": {**_ROUTE, "seats_total": st.one_of(st.none(), st.integers(1, 8))},
    "driver.location.updated": {"driver_id": PEOPLE},
}
KINDS: Final = tuple(_FIELDS)


@st.composite
def an_event(draw: st.DrawFn, kinds: list[str], times: list[datetime]) -> dict[str, Any]:
    """A valid one of these types, at one of these times."""
    kind = draw(st.sampled_from(kinds))
    drawn = {name: draw(values) for name, values in _FIELDS[kind].items()}
    fields = {name: value for name, value in drawn.items() if value is not None}
    if kind == "route.created":
        (fields["origin_state"], fields["origin_city"]), (_, fields["destination_city"]) = (
            draw(PLACES),
            draw(PLACES),
        )
    if kind == "user.registered" and draw(st.booleans()):
        fields["state"], fields["city"] = draw(PLACES)
    event_id = str(draw(st.uuids()))
    return example(kind, event_id=event_id, event_timestamp=draw(st.sampled_from(times)), **fields)


@st.composite
def deliveries(draw: st.DrawFn, since: datetime, until: datetime) -> list[Drawn]:
    """The events in the batches in which they arrive, some of them in both.

    Of some types and at some times only, so that there are several of an entity, and several at a time; among the
    times are those at which a range begins and ends.
    """
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=3, max_size=9))
    times = [since, until, until - _MILLISECOND, *draw(st.lists(moments(), min_size=2, max_size=6))]
    one = an_event(kinds, times)
    events = draw(st.lists(one, min_size=30, max_size=60, unique_by=lambda event: event["event_id"]))
    again = draw(st.lists(st.sampled_from(events), max_size=6))
    arriving = draw(st.permutations([*events, *again]))
    half = draw(st.integers(1, len(arriving) - 1))
    return [arriving[:half], arriving[half:]]

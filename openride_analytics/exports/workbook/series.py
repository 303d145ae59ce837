"""The areas over time, and what they fall into, as tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from openride_analytics.exports.workbook.answers import Content
from openride_analytics.exports.workbook.tables import Column, Table
from openride_analytics.exports.workbook.values import Kind, Value
from openride_analytics.schema.queries import Granularity

_METHODS: Final = {
    "card": "Card",
    "bank_transfer": "Bank transfer",
    "ussd": "USSD",
    "wallet": "Wallet",
    "cash": "Cash",
}
_ACTORS: Final = {"RIDER": "Rider", "DRIVER": "Driver", "SYSTEM": "System"}
_TIMES: Final = {
    Granularity.HOURLY: ("Hour from", Kind.HOUR),
    Granularity.DAILY: ("Day", Kind.DAY),
    Granularity.WEEKLY: ("Week from", Kind.DAY),
    Granularity.MONTHLY: ("Month", Kind.MONTH),
}


class Point(Protocol):
    """One bucket of a series; `timestamp` is local and has its offset."""

    @property
    def timestamp(self) -> str: ...


def users(found: Content) -> list[Table]:
    """People over time."""
    points = found.now.users.time_series or []
    return [
        _series(
            found,
            "UsersOverTime",
            points,
            [
                Column("New registrations", Kind.COUNT, "People who registered."),
                Column(
                    "Active users", Kind.COUNT, "Different people who acted. They do not add up over rows."
                ),
            ],
            [(p.new_registrations, p.active_users) for p in points],
        )
    ]


def bookings(found: Content) -> list[Table]:
    """Bookings over time, and by whom they were cancelled."""
    answer, points = found.now.bookings, found.now.bookings.time_series or []
    by = answer.cancellations_by
    return [
        _series(
            found,
            "BookingsOverTime",
            points,
            [
                Column("Created", Kind.COUNT, "Bookings made then."),
                Column("Confirmed", Kind.COUNT, "Bookings confirmed then."),
                Column("Cancelled", Kind.COUNT, "Bookings cancelled then."),
                Column("Completed", Kind.COUNT, "Bookings of which the ride ended then."),
                Column(_in("Value", found), Kind.MONEY, "Prices of those confirmed then.", bar=True),
            ],
            [
                (
                    p.bookings_created,
                    p.bookings_confirmed,
                    p.bookings_cancelled,
                    p.bookings_completed,
                    p.total_booking_value,
                )
                for p in points
            ],
        ),
        Table(
            "CancellationsBy",
            "Cancelled by",
            [
                Column("Cancelled by", Kind.TEXT, "Who cancelled first, in the period."),
                Column("Bookings", Kind.COUNT, "How many bookings.", bar=True),
            ],
            [(_ACTORS.get(actor, actor), count) for actor, count in by.items()],
            empty="Nobody cancelled a booking in this period.",
        ),
    ]


def payments(found: Content) -> list[Table]:
    """Payments over time, by method, by currency and by what made them fail."""
    points = found.now.payments.time_series or []
    over_time = _series(
        found,
        "PaymentsOverTime",
        points,
        [
            Column("Initiated", Kind.COUNT, "Payments begun then."),
            Column("Succeeded", Kind.COUNT, "Payments that succeeded then."),
            Column("Failed", Kind.COUNT, "Payments that failed then."),
            Column("Refunded", Kind.COUNT, "Payments refunded then."),
            Column(
                _in("Revenue", found), Kind.MONEY, "Total revenue of those that succeeded then.", bar=True
            ),
        ],
        [
            (
                p.payments_initiated,
                p.payments_success,
                p.payments_failed,
                p.payments_refunded,
                p.total_revenue,
            )
            for p in points
        ],
    )
    return [over_time, _by_method(found), _by_currency(found), _failures(found)]


def trips(found: Content) -> list[Table]:
    """Trips over time."""
    points = found.now.trips.time_series or []
    return [
        _series(
            found,
            "TripsOverTime",
            points,
            [
                Column("Started", Kind.COUNT, "Trips started then."),
                Column("Completed", Kind.COUNT, "Trips completed then."),
                Column("Cancelled", Kind.COUNT, "Trips cancelled then."),
                Column(
                    _in("Driver earnings", found),
                    Kind.MONEY,
                    "What drivers earned on those completed then.",
                    bar=True,
                ),
            ],
            [
                (p.trips_started, p.trips_completed, p.trips_cancelled, p.total_driver_earnings)
                for p in points
            ],
        )
    ]


def _by_method(found: Content) -> Table:
    return Table(
        "PaymentsByMethod",
        "By method",
        [
            Column("Method", Kind.TEXT, "How it was paid."),
            Column("Initiated", Kind.COUNT, "Payments begun in the period."),
            Column("Succeeded", Kind.COUNT, "Payments that succeeded in the period."),
            Column("Failed", Kind.COUNT, "Payments that failed in the period."),
            Column(_in("Revenue", found), Kind.MONEY, "Total revenue of those that succeeded.", bar=True),
        ],
        [
            (_METHODS.get(m.payment_method, m.payment_method), m.initiated, m.success, m.failed, m.revenue)
            for m in found.now.payments.by_method
        ],
        empty="Nobody paid in this period.",
    )


def _by_currency(found: Content) -> Table:
    return Table(
        "RevenueByCurrency",
        "By currency",
        [
            Column("Currency", Kind.TEXT, "Of the payments that succeeded in the period."),
            Column("Revenue in it", Kind.MONEY, "In that currency: these amounts do not add up."),
        ],
        list(found.now.payments.revenue_by_currency.items()),
        empty="No payment succeeded in this period.",
    )


def _failures(found: Content) -> Table:
    return Table(
        "FailureReasons",
        "Why payments failed",
        [
            Column(
                "Error code",
                Kind.TEXT,
                "Of a payment's first failure in the period, as the provider gave it.",
            ),
            Column("Payments", Kind.COUNT, "How many payments.", bar=True),
        ],
        [
            (reason.error_code or "(none given)", reason.count)
            for reason in found.now.payments.failure_reasons
        ],
        empty="No payment failed in this period.",
    )


def _series(
    found: Content,
    name: str,
    points: Sequence[Point],
    columns: Sequence[Column],
    rows: Sequence[Sequence[Value]],
) -> Table:
    """A row for each bucket. Hours have their offset too: where clocks go back, one comes twice."""
    title, kind = _TIMES[found.granularity]
    times = [Column(title, kind)]
    if found.granularity is Granularity.HOURLY:
        times.append(Column("UTC offset", Kind.TEXT))
    starts = [_start(point.timestamp)[: len(times)] for point in points]
    return Table(
        name,
        "Over time",
        [*times, *columns],
        [(*start, *row) for start, row in zip(starts, rows, strict=True)],
    )


def _start(timestamp: str) -> tuple[Value, Value]:
    """Local time, without its zone since cells know none; and its offset."""
    moment = datetime.fromisoformat(timestamp)
    return moment.replace(tzinfo=None), moment.isoformat()[19:]


def _in(title: str, found: Content) -> str:
    return f"{title} ({found.question.currency})"

"""Bookings counted in Python, one event at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.support.reference_people import cents
from tests.support.warehouse import Event

STEPS = ("created", "confirmed", "cancelled", "completed")


class Reference:
    """Counted in Python, one event at a time."""

    def __init__(self, events: Sequence[Event], since: datetime, until: datetime) -> None:
        unique = {event["event_id"]: event for event in events}.values()
        self.all = sorted(unique, key=lambda e: (e["event_timestamp"], e["event_id"]))
        self.inside = [e for e in self.all if since <= e["event_timestamp"] < until]

    def first(self, step: str, events: Sequence[Event]) -> dict[str, Event]:
        found: dict[str, Event] = {}
        for event in events:
            if event["event_type"] == f"booking.{step}":
                found.setdefault(event["booking_id"], event)
        return found

    def totals(self) -> dict[str, Any]:
        first = {step: self.first(step, self.inside) for step in STEPS}
        prices = [Decimal(event["total_price"]) for event in first["confirmed"].values()]
        value = sum(prices, Decimal(0))
        by = Counter(event["cancelled_by"] for event in first["cancelled"].values())
        return {
            **{f"bookings_{step}": len(found) for step, found in first.items()},
            **{
                name: self.share(first["created"], step)
                for name, step in (
                    ("conversion_rate", "confirmed"),
                    ("cancellation_rate", "cancelled"),
                    ("completion_rate", "completed"),
                )
            },
            "total_booking_value": cents(value),
            "avg_booking_value": cents(value / len(prices)) if prices else None,
            "cancellations_by": dict(by),
        }

    def share(self, created: dict[str, Event], step: str) -> float | None:
        ever = self.first(step, self.all)
        return round(100 * len(created.keys() & ever.keys()) / len(created), 2) if created else None

    def point(self, begins: datetime, ends: datetime) -> dict[str, Any]:
        part = Reference(self.inside, begins, ends)
        totals = part.totals()
        return {f"bookings_{step}": totals[f"bookings_{step}"] for step in STEPS} | {
            "total_booking_value": totals["total_booking_value"]
        }

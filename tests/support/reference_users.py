"""How many act, register and drive, counted in Python, one event at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.support import reference_people as reference
from tests.support.reference_people import percent
from tests.support.warehouse import Event

RIDER = {
    "booking.created",
    "booking.confirmed",
    "payment.initiated",
    "payment.success",
    "payment.failed",
}
BOTH = {"booking.completed", "trip.started", "trip.completed"}
ROUTES = ("route.created", "route.activated", "route.cancelled", "route.updated")


class Reference:
    """Counted in Python, one event at a time."""

    def __init__(self, events: Sequence[Event], since: datetime, until: datetime, zone: str = "UTC") -> None:
        self.before = [event for event in reference.unique(events) if event["event_timestamp"] < until]
        self.inside = reference.between(self.before, since, until)
        self.zone = ZoneInfo(zone)
        self.last = (until - timedelta(milliseconds=1)).astimezone(self.zone).date()

    def totals(self) -> dict[str, Any]:
        dau, wau, mau = (self.active(days) for days in (1, 7, 30))
        drivers = self.drivers()
        return {
            "dau": dau,
            "wau": wau,
            "mau": mau,
            "stickiness": percent(dau, mau),
            "new_registrations": self.registered(self.inside),
            "total_users": self.registered(self.before),
            "kyc_completion_rate": percent(len(drivers & self.verified()), len(drivers)),
            "driver_activation_rate": percent(len(drivers & self.on_road()), len(drivers)),
        }

    def active(self, days: int) -> int:
        since = self.last - timedelta(days=days - 1)
        own = [e for e in self.before if e["event_timestamp"].astimezone(self.zone).date() >= since]
        return len({person for event in own for person in acting(event)})

    def registered(self, events: Sequence[Event]) -> int:
        return len(reference.first(events, "user.registered", "user_id"))

    def drivers(self) -> set[str]:
        return {
            event["user_id"]
            for event in self.before
            if event["event_type"] == "user.upgraded_to_driver"
            or (event["event_type"] == "user.registered" and event["role"] == "DRIVER")
        }

    def verified(self) -> set[str]:
        latest = {
            e["user_id"]: e["kyc_status"] for e in self.before if e["event_type"] == "user.kyc_verified"
        }
        return {user for user, status in latest.items() if status == "VERIFIED"}

    def on_road(self) -> set[str]:
        latest = {e["route_id"]: e for e in self.before if e["event_type"] in ROUTES[:3]}
        return {e["driver_id"] for e in latest.values() if e["event_type"] != "route.cancelled"}

    def point(self) -> dict[str, int]:
        active = {person for event in self.inside for person in acting(event)}
        return {"new_registrations": self.registered(self.inside), "active_users": len(active)}


def acting(event: Event) -> list[str]:
    """Whose act it is."""
    kind = event["event_type"]
    if kind in ("user.registered", "user.upgraded_to_driver"):
        return [event["user_id"]]
    if kind in RIDER:
        return [event["rider_id"]]
    if kind in BOTH:
        return [event["rider_id"], event["driver_id"]]
    if kind in ("booking.cancelled", "trip.cancelled"):
        names = {"RIDER": ["rider_id"], "DRIVER": ["driver_id"], "SYSTEM": []}[event["cancelled_by"]]
        return [event[name] for name in names]
    if kind in ROUTES or kind == "driver.location.updated":
        return [event["driver_id"]]
    assert kind in ("user.kyc_verified", "payment.refunded")
    return []

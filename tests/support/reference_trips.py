"""Trips counted in Python, one event at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.support import reference_people as reference
from tests.support.reference_people import cents, percent
from tests.support.warehouse import Event

STEPS = ("started", "completed", "cancelled")


class Reference:
    """Counted in Python, one event at a time."""

    def __init__(self, events: Sequence[Event], since: datetime, until: datetime) -> None:
        self.all = reference.unique(events)
        self.inside = reference.between(self.all, since, until)
        self.first = {step: first(self.inside, step) for step in STEPS}
        self.done = list(self.first["completed"].values())

    def counts(self) -> dict[str, int]:
        return {f"trips_{step}": len(found) for step, found in self.first.items()}

    def totals(self) -> dict[str, Any]:
        started = self.first["started"]
        return self.counts() | {
            "completion_rate": percent(
                len(started.keys() & first(self.all, "completed").keys()), len(started)
            ),
            "avg_duration_minutes": reference.average([event["duration_minutes"] for event in self.done]),
            "avg_distance_km": reference.average([event["distance_km"] for event in self.done]),
            "on_time_performance": percent(sum(event["on_time"] for event in self.done), len(self.done)),
            "total_driver_earnings": self.sum_of("driver_earnings"),
            "total_platform_commission": self.sum_of("platform_commission"),
            "active_drivers": len({event["driver_id"] for event in (*started.values(), *self.done)}),
        }

    def sum_of(self, name: str) -> str:
        return cents(reference.total(event[name] for event in self.done))

    def point(self) -> dict[str, Any]:
        return {**self.counts(), "total_driver_earnings": self.sum_of("driver_earnings")}


def first(events: Sequence[Event], step: str) -> dict[str, Event]:
    return reference.first(events, f"trip.{step}", "trip_id")

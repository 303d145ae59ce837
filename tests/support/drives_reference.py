"""Drivers, routes, places and trends counted in Python, one event at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from openride_analytics.stats.periods import Period
from tests.support.warehouse import Event

KIND = {
    "bookings": ("booking.created", "booking_id"),
    "confirmed_bookings": ("booking.confirmed", "booking_id"),
    "cancelled_bookings": ("booking.cancelled", "booking_id"),
    "completed_bookings": ("booking.completed", "booking_id"),
    "payments": ("payment.success", "payment_id"),
    "trips": ("trip.completed", "trip_id"),
    "registrations": ("user.registered", "user_id"),
    "users": ("user.registered", "user_id"),
    "revenue": ("payment.success", "payment_id"),
}
BOTH = ("booking.completed", "trip.started", "trip.completed")


def cents(amount: Decimal) -> str:
    return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP))


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


class Reference:
    """What is known of a period's events, and of all others."""

    def __init__(self, events: Iterable[Event], since: datetime, until: datetime, zone: ZoneInfo) -> None:
        unique = {event["event_id"]: event for event in events}.values()
        self.all = sorted(unique, key=lambda e: (e["event_timestamp"], e["event_id"]))
        self.since, self.until, self.zone = since, until, zone
        self.inside = [e for e in self.all if since <= e["event_timestamp"] < until]

    @classmethod
    def of(cls, events: Iterable[Event], period: Period) -> "Reference":
        return cls(events, period.since, period.until, period.zone)

    @staticmethod
    def first(events: Sequence[Event], event_type: str, key: str) -> dict[str, Event]:
        found: dict[str, Event] = {}
        for event in events:
            if event["event_type"] == event_type:
                found.setdefault(event[key], event)
        return found

    def drivers(self, sort: str) -> list[dict[str, Any]]:
        own: dict[str, list[Event]] = defaultdict(list)
        for event in self.first(self.inside, "trip.completed", "trip_id").values():
            own[event["driver_id"]].append(event)
        rows = [self.driver(driver, trips) for driver, trips in own.items()]
        name = {"earnings": "total_earnings", "trips": "total_trips", "distance": "total_distance_km"}[sort]
        return sorted(rows, key=lambda row: (-Decimal(row[name]), row["driver_id"]))

    def driver(self, driver: str, trips: list[Event]) -> dict[str, Any]:
        created = self.first(self.inside, "booking.created", "booking_id")
        own = {booking for booking, event in created.items() if event["driver_id"] == driver}
        dropped = {
            event["booking_id"]
            for event in self.all
            if event["event_type"] == "booking.cancelled"
            and (event["cancelled_by"], event["driver_id"]) == ("DRIVER", driver)
        }
        earned = sum((Decimal(trip["driver_earnings"]) for trip in trips), Decimal(0))
        return {
            "driver_id": driver,
            "total_trips": len(trips),
            "total_earnings": cents(earned),
            "avg_earnings_per_trip": cents(earned / len(trips)),
            "total_distance_km": round(sum(trip["distance_km"] for trip in trips), 2),
            "active_days": len({trip["event_timestamp"].astimezone(self.zone).date() for trip in trips}),
            "on_time_performance": percent(sum(trip["on_time"] for trip in trips), len(trips)),
            "cancellation_rate": percent(len(own & dropped), len(own)),
        }

    def routes(self, sort: str) -> list[dict[str, Any]]:
        own: dict[str, list[Event]] = defaultdict(list)
        for event in self.first(self.inside, "booking.confirmed", "booking_id").values():
            own[event["route_id"]].append(event)
        full = self.occupancy()
        rows = [self.route(route, booked, full.get(route)) for route, booked in own.items()]
        order: dict[str, Callable[[dict[str, Any]], Any]] = {
            "bookings": lambda row: -row["total_bookings"],
            "revenue": lambda row: -Decimal(row["total_revenue"]),
            "occupancy": lambda row: (row["avg_occupancy"] is None, -(full.get(row["route_id"]) or 0)),
        }
        return sorted(rows, key=lambda row: (order[sort](row), row["route_id"]))

    def route(self, route: str, booked: list[Event], full: Fraction | None) -> dict[str, Any]:
        history = [e for e in self.all if e["event_type"].startswith("route.") and e["route_id"] == route]
        made = next((e for e in reversed(history) if e["event_type"] == "route.created"), {})
        seats = [e["seats_total"] for e in history if e.get("seats_total")]
        confirmed = [
            e for e in self.inside if e["event_type"] == "booking.confirmed" and e["route_id"] == route
        ]
        return {
            "route_id": route,
            "route_name": history[-1]["route_name"] if history else None,
            "origin_city": made.get("origin_city", "Unknown"),
            "destination_city": made.get("destination_city", "Unknown"),
            "driver_id": history[-1]["driver_id"] if history else min(e["driver_id"] for e in confirmed),
            "total_bookings": len(booked),
            "total_revenue": cents(sum((Decimal(e["total_price"]) for e in booked), Decimal(0))),
            "avg_occupancy": None if full is None else round(float(full), 2),
            "seats_total": seats[-1] if seats else None,
        }

    def occupancy(self) -> dict[str, Fraction]:
        """Percent, of each route with a departure in the period whose seats are known."""
        confirmed, cancelled = (
            self.first(self.all, f"booking.{step}", "booking_id").keys()
            for step in ("confirmed", "cancelled")
        )
        held: dict[tuple[str, datetime], int] = defaultdict(int)
        for booking, event in self.first(self.all, "booking.created", "booking_id").items():
            if self.since <= event["scheduled_departure"] < self.until:
                keeps = booking in confirmed and booking not in cancelled
                held[event["route_id"], event["scheduled_departure"]] += event["seats_booked"] * keeps
        shares: dict[str, list[Fraction]] = defaultdict(list)
        for (route, leaves), seats in held.items():
            known = [
                e["seats_total"]
                for e in self.all
                if e.get("seats_total") and e["route_id"] == route and e["event_timestamp"] <= leaves
            ]
            if known:
                shares[route].append(Fraction(100 * seats, known[-1]))
        return {route: sum(found, Fraction(0)) / len(found) for route, found in shares.items()}

    @cached_property
    def made(self) -> dict[str, Event]:
        return self.first(self.all, "booking.created", "booking_id")

    @cached_property
    def origins(self) -> dict[str, tuple[str, str]]:
        return {
            e["route_id"]: (e["origin_state"], e["origin_city"])
            for e in self.all
            if e["event_type"] == "route.created"
        }

    def place(self, event: Event) -> tuple[str, str]:
        """State and city that an event is of."""
        if "user_id" in event:
            return event.get("state") or "Unknown", event.get("city") or "Unknown"
        told = event if "route_id" in event else self.made.get(event["booking_id"], {"route_id": None})
        return self.origins.get(told["route_id"], ("Unknown", "Unknown"))

    def pickup(self, event: Event) -> tuple[float, float] | None:
        if event["event_type"] != "booking.created":
            if event["booking_id"] not in self.made:
                return None
            event = self.made[event["booking_id"]]
        return event["pickup_lat"], event["pickup_lon"]

    def by(self, metric: str, where: Callable[[Event], Any]) -> dict[Any, float]:
        """A metric of a map, by what `where` says of an event."""
        values: dict[Any, Decimal] = defaultdict(Decimal)
        for event in self.first(self.inside, *KIND[metric]).values():
            if metric == "revenue" and event["currency"] == "NGN":
                values[where(event)] += Decimal(event["amount"])
            elif metric != "revenue":
                values[where(event)] += 1
        return {place: float(value) for place, value in values.items()}

    def trend(self, metric: str, group: Callable[[Event], str]) -> dict[str, float]:
        """A trend's value by group, over the whole period as one bucket."""
        if metric == "active_users":
            return {"": float(len({actor for event in self.inside for actor in actors(event)}))}
        events = [e for e in self.inside if metric != "revenue" or e.get("currency") == "NGN"]
        values: dict[str, Decimal] = defaultdict(Decimal)
        for event in self.first(events, *KIND[metric]).values():
            values[group(event)] += Decimal(event["amount"]) if metric == "revenue" else 1
        return {name: float(value) for name, value in values.items()}


def actors(event: Event) -> set[str]:
    """Whose act it is."""
    name = event["event_type"]
    if name in ("user.kyc_verified", "payment.refunded"):
        return set()
    if name in ("booking.cancelled", "trip.cancelled"):
        by = event["cancelled_by"]
        return set() if by == "SYSTEM" else {event[f"{by.lower()}_id"]}
    if name in BOTH:
        return {event["rider_id"], event["driver_id"]}
    if name.startswith("user."):
        return {event["user_id"]}
    return {event["driver_id" if name.startswith(("route.", "driver.")) else "rider_id"]}


def distribution(rows: list[dict[str, Any]]) -> dict[str, str | None]:
    """Of what drivers earned, from their rows."""
    earned = sorted(Decimal(row["total_earnings"]) for row in rows)
    levels = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
    return {
        **{name: cents(earned[int(q * len(earned))]) if earned else None for name, q in levels.items()},
        "mean": cents(sum(earned, Decimal(0)) / len(earned)) if earned else None,
    }

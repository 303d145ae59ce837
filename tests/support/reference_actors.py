"""Funnels, cohorts and retention, counted in Python, one person and one event at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.warehouse import Event

DAY = timedelta(days=1)
_RIDERS = ("booking.created", "booking.confirmed", "payment.initiated", "payment.success", "payment.failed")
_BOTH = ("booking.completed", "trip.started", "trip.completed")


class People:
    """What each person did, in order, each event once."""

    def __init__(self, events: Iterable[Event], zone: str) -> None:
        self.zone = ZoneInfo(zone)
        unique = {event["event_id"]: event for event in events}.values()
        ordered = sorted(unique, key=lambda event: (event["event_timestamp"], event["event_id"]))
        self.own: dict[str, list[Event]] = defaultdict(list)
        self.days: dict[str, set[date]] = defaultdict(set)  # on which they acted
        self.registered: dict[str, Event] = {}
        for event in ordered:
            self.own[event.get("user_id") or event.get("rider_id") or event["driver_id"]].append(event)
            if event["event_type"] == "user.registered":
                self.registered.setdefault(event["user_id"], event)
            for who in _acting(event):
                self.days[who].add(self.day(event["event_timestamp"]))

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def funnel(
        self, steps: Sequence[str], days: int, since: datetime, until: datetime, breakdown: str | None = None
    ) -> dict[str, Any]:
        walks = {who: walk(own, steps, days, since, until) for who, own in self.own.items()}
        entered = {who: steps_at for who, steps_at in walks.items() if steps_at}
        answer = summary(steps, list(entered.values()))
        if breakdown is None:
            return answer | {"breakdown": None}
        parts = defaultdict(list)
        for who, steps_at in entered.items():
            parts[self.registered.get(who, {}).get(breakdown) or "Unknown"].append(steps_at)
        order = sorted(parts, key=lambda value: (-len(parts[value]), value))
        return answer | {"breakdown": [{**summary(steps, parts[v]), "value": v} for v in order]}

    def cohorts(self, kind: str, start: date, periods: int, today: date) -> list[dict[str, Any]]:
        answer = []
        for n in range(periods):
            first = later(kind, start, n)
            if first > today:
                break
            born = [
                who
                for who, event in self.registered.items()
                if first <= self.day(event["event_timestamp"]) < later(kind, start, n + 1)
            ]
            kept: dict[str, float | None] = {"period_0": 100.0 if born else None}
            for k in range(1, periods):
                begins, ends = later(kind, start, n + k), later(kind, start, n + k + 1)
                active = [who for who in born if any(begins <= day < ends for day in self.days[who])]
                kept[f"period_{k}"] = percent(len(active), len(born)) if ends <= today else None
            answer.append(
                {"cohort_period": label(kind, first), "cohort_size": len(born), "retention_by_period": kept}
            )
        return answer

    def retention(
        self, user_type: str, mode: str, since: datetime, until: datetime, today: date
    ) -> dict[str, Any]:
        born = {
            who: self.day(event["event_timestamp"])
            for who, event in self.registered.items()
            if since <= event["event_timestamp"] < until and user_type in ("all", event["role"].lower())
        }
        answer: dict[str, Any] = {"total_users": len(born)}
        for n in (1, 7, 30):
            due = {who: day + n * DAY for who, day in born.items() if day + n * DAY < today}
            kept = sum(
                day in self.days[who] if mode == "exact" else max(self.days[who], default=date.min) >= day
                for who, day in due.items()
            )
            answer[f"d{n}"] = {
                "eligible_users": len(due),
                "retained_users": kept,
                "retention_rate": percent(kept, len(due)),
            }
        return answer


def walk(
    events: Sequence[Event], steps: Sequence[str], days: int, since: datetime, until: datetime
) -> list[datetime]:
    """When a person reached each of the steps that they did."""
    left = list(events)
    reached: list[datetime] = []
    for step in steps:
        begins, ends = (
            (reached[-1], reached[0] + days * DAY) if reached else (since, until - DAY / 86_400_000)
        )
        found = [e for e in left if e["event_type"] == step and begins <= e["event_timestamp"] <= ends]
        if not found:
            break
        left.remove(found[0])
        reached.append(found[0]["event_timestamp"])
    return reached


def summary(steps: Sequence[str], walks: Sequence[list[datetime]]) -> dict[str, Any]:
    counts = [sum(len(reached) > n for reached in walks) for n in range(len(steps))]
    return {
        "funnel_steps": [
            {
                "step_number": n + 1,
                "event_type": step,
                "count": counts[n],
                "conversion_rate": percent(counts[n], counts[0]),
                "drop_off_rate": percent(counts[max(n - 1, 0)] - counts[n], counts[max(n - 1, 0)]),
                "median_seconds_from_previous": median(waits(walks, n)),
            }
            for n, step in enumerate(steps)
        ],
        "total_users_entered": counts[0],
        "total_users_converted": counts[-1],
        "overall_conversion_rate": percent(counts[-1], counts[0]),
    }


def waits(walks: Iterable[list[datetime]], n: int) -> Iterator[float]:
    for reached in walks:
        if 0 < n < len(reached):
            yield (reached[n] - reached[n - 1]).total_seconds()


def median(values: Iterable[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def later(kind: str, day: date, n: int) -> date:
    """The first day of the n-th period after the one that holds `day`."""
    if kind == "monthly":
        month = day.year * 12 + day.month - 1 + n
        return date(month // 12, month % 12 + 1, 1)
    return day + n * DAY if kind == "daily" else day + (7 * n - day.weekday()) * DAY


def label(kind: str, day: date) -> str:
    return day.strftime({"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m"}[kind])


def _acting(event: Event) -> list[str]:
    """Those who acted; registering does not count here."""
    type_ = event["event_type"]
    if type_ == "user.upgraded_to_driver":
        return [event["user_id"]]
    if type_ in _RIDERS:
        return [event["rider_id"]]
    if type_ in _BOTH:
        return [event["rider_id"], event["driver_id"]]
    if type_ in ("booking.cancelled", "trip.cancelled"):
        by = event["cancelled_by"].lower()
        return [] if by == "system" else [event[f"{by}_id"]]
    return [event["driver_id"]] if type_.startswith(("route.", "driver.")) else []

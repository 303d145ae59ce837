"""Payments counted in Python, one event at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.support import reference_people as reference
from tests.support.reference_people import cents, percent
from tests.support.warehouse import Event

STEPS = ("initiated", "success", "failed", "refunded")
METHODS = ("card", "bank_transfer", "ussd", "wallet")  # and nobody pays cash


class Reference:
    """Counted in Python, one event at a time."""

    def __init__(self, events: Sequence[Event], since: datetime, until: datetime) -> None:
        self.all = reference.unique(events)
        self.inside = reference.between(self.all, since, until)
        self.first = {step: first(self.inside, step) for step in STEPS}
        self.paid = list(self.first["success"].values())

    def counts(self) -> dict[str, int]:
        return {f"payments_{step}": len(found) for step, found in self.first.items()}

    def revenue(self, currency: str, payments: Sequence[Event]) -> str:
        return cents(reference.total(e["amount"] for e in payments if e["currency"] == currency))

    def totals(self) -> dict[str, Any]:
        times = sorted(event["processing_time_ms"] for event in self.paid)
        refunds = [event for event in self.inside if event["event_type"] == "payment.refunded"]
        gross = reference.total(e["amount"] for e in self.paid if e["currency"] == "NGN")
        back = reference.total(e["refund_amount"] for e in refunds if e["currency"] == "NGN")
        reasons = Counter(event["error_code"] for event in self.first["failed"].values())
        return self.counts() | {
            "success_rate": self.share("initiated", "success"),
            "refund_rate": self.share("success", "refunded"),
            "avg_processing_time_ms": reference.average(times),
            "p50_processing_time_ms": times[len(times) // 2] if times else None,
            "p95_processing_time_ms": times[int(len(times) * 0.95)] if times else None,
            "total_revenue": cents(gross),
            "net_revenue": cents(gross - back),
            "by_method": self.by_method(),
            "revenue_by_currency": {
                currency: self.revenue(currency, self.paid)
                for currency in sorted({event["currency"] for event in self.paid})
            },
            "failure_reasons": [
                {"error_code": code, "count": reasons[code]}
                for code in sorted(reasons, key=lambda code: (-reasons[code], code))
            ],
        }

    def share(self, step: str, ever: str) -> float | None:
        of = self.first[step].keys()
        return percent(len(of & first(self.all, ever).keys()), len(of))

    def by_method(self) -> list[dict[str, Any]]:
        rows = []
        for method in sorted(METHODS):
            own = {
                step: [e for e in self.first[step].values() if e["payment_method"] == method]
                for step in ("initiated", "success", "failed")
            }
            if any(own.values()):
                counts = {step: len(found) for step, found in own.items()}
                revenue = self.revenue("NGN", own["success"])
                rows.append({"payment_method": method, **counts, "revenue": revenue})
        return rows

    def point(self) -> dict[str, Any]:
        return {**self.counts(), "total_revenue": self.revenue("NGN", self.paid)}


def first(events: Sequence[Event], step: str) -> dict[str, Event]:
    return reference.first(events, f"payment.{step}", "payment_id")

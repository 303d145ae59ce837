"""Payments: how many, how they end, what they bring, how long they take."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Final

from openride_analytics.schema.results import FailureReason, MethodMetrics, PaymentMetrics, PaymentPoint
from openride_analytics.stats.numbers import mean, money, rate
from openride_analytics.stats.questions import Question
from openride_analytics.stats.series import WHOLE, Row, parts, series
from openride_analytics.store.clickhouse import ClickHouse

_INITIATED: Final = "payment.initiated"
_SUCCESS: Final = "payment.success"
_FAILED: Final = "payment.failed"


@dataclass(frozen=True)
class _Group:
    """Payments whose first event of that type in the range was alike: how many, and their amounts added up."""

    event_type: str
    method: str
    currency: str
    error_code: str
    count: int
    amount: Decimal


async def payments(clickhouse: ClickHouse, question: Question) -> PaymentMetrics:
    """Payments in the question's range; revenue in its currency. Raises Retryable."""
    found = await parts(clickhouse, question, "metrics/payments", currency=question.currency)
    return _shape(question, found.get(WHOLE, _EMPTY), series(question, found, _point, _EMPTY))


_EMPTY: Row = {
    "initiated": 0,
    "success": 0,
    "failed": 0,
    "refunded": 0,
    "revenue": Decimal(0),
    "refunds": Decimal(0),
    "times": "0",
    "percentiles": [],
    "terms_of": [],
    "counts": [],
    "amounts": [],
    "became": (0, 0, 0, 0),
}


def _point(timestamp: str, row: Row) -> PaymentPoint:
    return PaymentPoint(
        timestamp=timestamp,
        payments_initiated=row["initiated"],
        payments_success=row["success"],
        payments_failed=row["failed"],
        payments_refunded=row["refunded"],
        total_revenue=money(row["revenue"]),
    )


def _shape(question: Question, row: Row, points: list[PaymentPoint] | None) -> PaymentMetrics:
    groups = _groups(row)
    initiated, paid, settled, returned = row["became"]
    p50, p95 = row["percentiles"] if row["success"] else (None, None)
    return PaymentMetrics(
        date_range=question.period.label,
        timezone=question.period.zone.key,
        generated_at=question.asked_at.astimezone(UTC),
        payments_initiated=row["initiated"],
        payments_success=row["success"],
        payments_failed=row["failed"],
        payments_refunded=row["refunded"],
        success_rate=rate(paid, initiated),
        refund_rate=rate(returned, settled),
        avg_processing_time_ms=mean(int(row["times"]), row["success"]),
        p50_processing_time_ms=p50,
        p95_processing_time_ms=p95,
        total_revenue=money(row["revenue"]),
        net_revenue=money(row["revenue"] - row["refunds"]),
        by_method=_by_method(groups, question.currency),
        revenue_by_currency={name: money(amount) for name, amount in _revenue_by_currency(groups).items()},
        failure_reasons=_failure_reasons(groups),
        time_series=points,
    )


def _groups(row: Row) -> list[_Group]:
    groups = []
    for terms, count, amount in zip(row["terms_of"], row["counts"], row["amounts"], strict=True):
        event_type, method, currency, error_code = terms.split(" ", 3)  # only the last may have spaces
        groups.append(_Group(event_type, method, currency, error_code, count, amount))
    return groups


def _revenue_by_currency(groups: Sequence[_Group]) -> dict[str, Decimal]:
    """By name; a currency in which all payments were of 0 is there too."""
    found: dict[str, Decimal] = {}
    for group in groups:
        if group.event_type == _SUCCESS:
            found[group.currency] = found.get(group.currency, Decimal(0)) + group.amount
    return dict(sorted(found.items()))


def _by_method(groups: Sequence[_Group], currency: str) -> list[MethodMetrics]:
    counts: Counter[tuple[str, str]] = Counter()
    revenue: dict[str, Decimal] = {}
    for group in groups:
        counts[group.method, group.event_type] += group.count
        paid = group.amount if (group.event_type, group.currency) == (_SUCCESS, currency) else Decimal(0)
        revenue[group.method] = revenue.get(group.method, Decimal(0)) + paid
    return [
        MethodMetrics(
            payment_method=method,
            initiated=counts[method, _INITIATED],
            success=counts[method, _SUCCESS],
            failed=counts[method, _FAILED],
            revenue=money(revenue[method]),
        )
        for method in sorted(revenue)
    ]


def _failure_reasons(groups: Sequence[_Group]) -> list[FailureReason]:
    counts: Counter[str] = Counter()
    for group in groups:
        if group.event_type == _FAILED:
            counts[group.error_code] += group.count
    ordered = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return [FailureReason(error_code=code, count=count) for code, count in ordered]

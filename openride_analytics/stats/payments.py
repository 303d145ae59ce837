"""Payments: how many, how they end, what they bring, how long they take."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from openride_analytics.schema.results import FailureReason, MethodMetrics, PaymentMetrics, PaymentPoint
from openride_analytics.stats.columns import Column, amount_of, blocks_of
from openride_analytics.stats.numbers import mean, money, rate
from openride_analytics.stats.payment_events import FAILED, INITIATED, SUCCESS, Group, counted
from openride_analytics.stats.questions import Question
from openride_analytics.stats.repeated import Became, Lives
from openride_analytics.stats.series import WHOLE, Parts, Row, in_buckets, parts, series
from openride_analytics.stats.together import together
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.raw import RawBlock

# Without the bit of refunds: there may be many.
_LIVES: Final = Lives("agg_payments", "payment_id", 0b0111, "initiated", "succeeded")
_NO_REFUNDS: Final = {"refunded": 0, "refunds": Decimal(0)}


async def payments(clickhouse: ClickHouse, question: Question) -> PaymentMetrics:
    """Payments in the question's range; revenue in its currency. Raises Retryable, TooMuch."""
    events, became, refunds = await together(
        blocks_of(clickhouse, "metrics/payments", in_buckets(question)),
        Became.of(clickhouse, question, _LIVES),
        parts(clickhouse, question, "metrics/refunds", currency=question.currency),
    )
    # Some 30 ms where a million succeeded.
    return await asyncio.to_thread(_shape, question, events, became, refunds)


def _shape(question: Question, events: Sequence[RawBlock], became: Became, refunds: Parts) -> PaymentMetrics:
    found = counted(events)
    initiated, paid, *_ = became.new(found.initiated)
    _, settled, _, returned = became.over(found.settled)

    def point(timestamp: str, part: tuple[Sequence[Group], Row]) -> PaymentPoint:
        groups, refunded = part
        return PaymentPoint(
            timestamp=timestamp,
            payments_initiated=_count(groups, INITIATED),
            payments_success=_count(groups, SUCCESS),
            payments_failed=_count(groups, FAILED),
            payments_refunded=refunded["refunded"],
            total_revenue=money(_revenue(groups, question.currency)),
        )

    in_parts = {
        part: (found.groups.get(part, []), refunds.get(part, _NO_REFUNDS))
        for part in found.groups.keys() | refunds.keys()
    }
    groups, refunded = in_parts.get(WHOLE, ([], _NO_REFUNDS))
    revenue = _revenue(groups, question.currency)
    p50, p95 = _percentiles(found.times, 0.5, 0.95)
    return PaymentMetrics(
        **question.heading,
        payments_initiated=_count(groups, INITIATED),
        payments_success=_count(groups, SUCCESS),
        payments_failed=_count(groups, FAILED),
        payments_refunded=refunded["refunded"],
        success_rate=rate(paid, initiated),
        refund_rate=rate(returned, settled),
        avg_processing_time_ms=mean(_sum(found.times), found.times.size),
        p50_processing_time_ms=p50,
        p95_processing_time_ms=p95,
        total_revenue=money(revenue),
        net_revenue=money(revenue - refunded["refunds"]),
        by_method=_by_method(groups, question.currency),
        revenue_by_currency={name: money(amount) for name, amount in _revenue_by_currency(groups).items()},
        failure_reasons=_failure_reasons(groups),
        time_series=series(question, in_parts, point, ([], _NO_REFUNDS)),
    )


def _percentiles(times: Column, *levels: float) -> list[int | None]:
    """Of the n times, sorted, those at floor(level * n), counted from 0; None of none."""
    if not times.size:
        return [None for _ in levels]
    places = [int(level * times.size) for level in levels]
    # One by one: for several at once it takes four times as long.
    return [int(np.partition(times, place)[place]) for place in places]


def _sum(times: Column) -> int:
    """Also past 64 bits."""
    return (int((times >> 32).sum()) << 32) + int((times & 0xFFFF_FFFF).sum())


def _count(groups: Sequence[Group], event_type: str) -> int:
    return sum(group.payments for group in groups if group.event_type == event_type)


def _revenue(groups: Sequence[Group], currency: str) -> Decimal:
    return _revenue_by_currency(groups).get(currency, Decimal(0))


def _revenue_by_currency(groups: Sequence[Group]) -> dict[str, Decimal]:
    """By name; a currency in which all payments were of 0 is there too."""
    cents: Counter[str] = Counter()
    for group in groups:
        if group.event_type == SUCCESS:
            cents[group.currency] += group.cents
    return {name: amount_of(cents[name]) for name in sorted(cents)}


def _by_method(groups: Sequence[Group], currency: str) -> list[MethodMetrics]:
    counts: Counter[tuple[str, str]] = Counter()
    cents: Counter[str] = Counter()
    for group in groups:
        counts[group.method, group.event_type] += group.payments
        paid = (group.event_type, group.currency) == (SUCCESS, currency)
        cents[group.method] += group.cents if paid else 0
    return [
        MethodMetrics(
            payment_method=method,
            initiated=counts[method, INITIATED],
            success=counts[method, SUCCESS],
            failed=counts[method, FAILED],
            revenue=money(amount_of(cents[method])),
        )
        for method in sorted(cents)
    ]


def _failure_reasons(groups: Sequence[Group]) -> list[FailureReason]:
    counts: Counter[str] = Counter()
    for group in groups:
        if group.event_type == FAILED:
            counts[group.error_code] += group.payments
    ordered = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return [FailureReason(error_code=code, count=count) for code, count in ordered]

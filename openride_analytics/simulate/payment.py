"""Paying for a booking: methods, failures with their codes, other methods tried, refunds."""

import random
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta

from openride_analytics.simulate.told import Told, between, new_id, tell

# method: how often it is chosen, how often it works, the median of its processing time in ms
METHODS = {
    "card": (46, 0.88, 2400),
    "bank_transfer": (25, 0.93, 9000),
    "wallet": (13, 0.97, 700),
    "ussd": (11, 0.83, 14000),
    "cash": (5, 1.0, 400),
}
# How often, and what the provider says.
FAILURES = {
    "INSUFFICIENT_FUNDS": (38, "Insufficient funds"),
    "DO_NOT_HONOR": (18, "Declined by the issuer"),
    "ISSUER_UNAVAILABLE": (16, "Issuer or switch is inoperative"),
    "TIMEOUT": (14, "No answer from the bank in time"),
    "WRONG_PIN": (8, "Wrong PIN or one-time password"),
    "EXPIRED_CARD": (6, "Card has expired"),
}
ABANDONED = 0.03
RETRIES = 0.75  # how often a rider whose payment failed tries again
ATTEMPTS = 3
RATES = {"NGN": 1.0, "XOF": 0.4, "GHS": 0.0095}  # of one naira, roughly


@dataclass(frozen=True)
class Order:
    """What is to be paid: `naira` as a money string, charged in `currency`."""

    booking_id: str
    rider_id: str
    naira: str
    currency: str

    @property
    def amount(self) -> str:
        return self.naira if self.currency == "NGN" else f"{float(self.naira) * RATES[self.currency]:.2f}"


@dataclass(frozen=True)
class Payment:
    """An attempt at paying; `at` is when it began or, once it has succeeded, when it did."""

    id: str
    order: Order
    at: datetime


def pay(rng: random.Random, order: Order, booked: datetime) -> Generator[Told, None, Payment | None]:
    """Tells each attempt; returns the payment that succeeded, None when the rider gives up."""
    at = booked + between(rng, timedelta(seconds=10), timedelta(seconds=90))
    tried = ""
    for _ in range(ATTEMPTS):
        method = _method(rng, besides=tried if rng.random() < 0.7 else "")
        payment = Payment(new_id(rng), order, at)
        paying = _paying(payment, method)
        yield tell(rng, "payment.initiated", at, **paying)
        if rng.random() < ABANDONED:
            return None
        _, works, median = METHODS[method]
        took = round(median * rng.lognormvariate(0, 0.5))
        at += timedelta(milliseconds=took)
        if rng.random() < works:
            yield _success(rng, at, paying, took)
            return Payment(payment.id, order, at)
        yield _failure(rng, at, paying, took)
        tried = method
        if rng.random() > RETRIES:
            return None
        at += between(rng, timedelta(seconds=15), timedelta(minutes=3))
    return None


def refund(rng: random.Random, payment: Payment, asked: datetime, share: float, reason: str) -> Told:
    """A refund of a share of the payment, decided minutes to a day after it was asked for."""
    delay = timedelta(minutes=rng.uniform(1, 30))
    if rng.random() < 0.3:
        delay *= 50
    amount = payment.order.amount
    return tell(
        rng,
        "payment.refunded",
        asked + delay,
        payment_id=payment.id,
        booking_id=payment.order.booking_id,
        rider_id=payment.order.rider_id,
        refund_amount=f"{float(amount) * share:.2f}",
        original_amount=amount,
        currency=payment.order.currency,
        refund_reason=reason,
        refunded_by=rng.choice(("system", "system", "support-3", "support-7")),
        provider_refund_id=f"RF{rng.randrange(10**10):010d}" if rng.random() < 0.9 else None,
    )


def _method(rng: random.Random, besides: str) -> str:
    methods = [method for method in METHODS if method != besides]
    return rng.choices(methods, [METHODS[method][0] for method in methods])[0]


def _paying(payment: Payment, method: str) -> dict[str, object]:
    return {
        "payment_id": payment.id,
        "booking_id": payment.order.booking_id,
        "rider_id": payment.order.rider_id,
        "amount": payment.order.amount,
        "currency": payment.order.currency,
        "payment_method": method,
        "provider": "interswitch",
    }


def _success(rng: random.Random, at: datetime, paying: dict[str, object], took: int) -> Told:
    return tell(
        rng,
        "payment.success",
        at,
        **paying,
        provider_transaction_id=f"ISW{rng.randrange(10**12):012d}",
        processing_time_ms=took,
        card_last4=f"{rng.randrange(10_000):04d}" if paying["payment_method"] == "card" else None,
    )


def _failure(rng: random.Random, at: datetime, paying: dict[str, object], took: int) -> Told:
    code = rng.choices(list(FAILURES), [often for often, _ in FAILURES.values()])[0]
    return tell(
        rng,
        "payment.failed",
        at,
        **paying,
        error_code=code,
        error_message=FAILURES[code][1],
        processing_time_ms=took if code != "TIMEOUT" else None,
    )

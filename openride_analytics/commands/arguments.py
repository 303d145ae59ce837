"""What the commands that send events share: kinds of numbers, topics to send to, a quiet client."""

import argparse
import logging
import math
from collections.abc import Callable
from typing import TypeVar

from openride_analytics.kafka import create_topics
from openride_analytics.settings import Settings

REPEAT_SECONDS = 10.0

Number = TypeVar("Number", int, float)


def nonnegative(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    """An argparse type: 0 or more."""
    return _bounded(kind, lambda value: value >= 0, "0 or more")


def positive(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    """An argparse type: more than 0."""
    return _bounded(kind, lambda value: value > 0, "more than 0")


def _bounded(
    kind: Callable[[str], Number], good: Callable[[float], bool], allowed: str
) -> Callable[[str], Number]:
    def parse(text: str) -> Number:
        value = kind(text)
        if not (math.isfinite(value) and good(value)):
            raise argparse.ArgumentTypeError(f"{text}: it must be {allowed}")
        return value

    parse.__name__ = getattr(kind, "__name__", "number")  # argparse says it: invalid int value
    return parse


async def ensure_topics(settings: Settings) -> None:
    """As `serve` does: outside production, topics that are missing are made. Raises Retryable."""
    if settings.app.env != "production":
        await create_topics(settings)


def quiet_clients() -> None:
    """Let the Kafka client complain on standard error, of each thing once in REPEAT_SECONDS.

    What it tries again by itself is no news, and while no broker answers it says so thousands of times.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("kafka: %(message)s"))
    handler.addFilter(_Seldom())
    logger = logging.getLogger("aiokafka")
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logger.addHandler(handler)


class _Seldom(logging.Filter):
    """Lets a message pass when the last one of its kind is long ago."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        last = self._passed.get(record.msg)
        if last is not None and record.created - last < REPEAT_SECONDS:
            return False
        self._passed[record.msg] = record.created
        return True

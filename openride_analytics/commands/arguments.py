"""Kinds of numbers that commands take."""

import argparse
import math
from collections.abc import Callable
from typing import TypeVar

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
        if not (-math.inf < value < math.inf and good(value)):  # an int may be too large for a float
            raise argparse.ArgumentTypeError(f"{text}: it must be {allowed}")
        return value

    parse.__name__ = getattr(kind, "__name__", "number")  # argparse says it: invalid int value
    return parse

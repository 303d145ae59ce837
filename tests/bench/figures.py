"""What a benchmark found, and how it is printed."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psutil


class Figure(NamedTuple):
    """One number: of which benchmark, what it is, in which unit, and what else to know."""

    benchmark: str
    what: str
    value: float
    unit: str
    note: str = ""


def say(text: str) -> None:
    """Progress goes to stderr: stdout has the results alone."""
    print(text, file=sys.stderr, flush=True)


def table(figures: Iterable[Figure]) -> str:
    """One line a figure, in columns."""
    rows = [
        (figure.benchmark, figure.what, _number(figure.value), figure.unit, figure.note) for figure in figures
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}  {what:<{widths[1]}}  {value:>{widths[2]}} {unit:<{widths[3]}}  {note}".rstrip()
        for name, what, value, unit, note in rows
    )


def as_json(figures: Iterable[Figure]) -> str:
    """An array of objects."""
    return json.dumps([figure._asdict() for figure in figures], indent=2)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, its threads' included."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that is not below `share` of them."""
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

"""A range in parts: as a whole, and in buckets, also where nothing happened."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from openride_analytics.stats.periods import buckets, local
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

T = TypeVar("T")
R = TypeVar("R")
Row = Mapping[str, Any]
Parts = Mapping[int, Row]

WHOLE: Final = 0  # where a bucket has its edge: seconds since 1970


async def parts(clickhouse: ClickHouse, question: Question, name: str, **parameters: object) -> Parts:
    """The rows of statement `name`, each by its `part`: the edge of a bucket, or WHOLE. Raises Retryable.

    The statement takes since, until, edges (where each bucket begins, seconds since 1970) and what else is in
    `parameters`. It may leave out parts that are empty. A question without a series has one bucket.
    """
    block = await clickhouse.select(statement(name), {**in_buckets(question), **parameters}, name=name)
    return {row["part"]: row for row in block.dicts()}


def in_buckets(question: Question) -> dict[str, object]:
    """What a statement takes that tells the buckets of a range apart: since, until and edges."""
    period = question.period
    return {"since": period.since, "until": period.until, "edges": [*_buckets(question)]}


def series(
    question: Question, found: Mapping[int, R], point: Callable[[str, R], T], empty: R
) -> list[T] | None:
    """A point of each bucket's beginning, as text, and what was found in it, or `empty`; None where no series is asked
    for."""
    if question.series is None:
        return None
    return [point(text, found.get(edge, empty)) for edge, text in _buckets(question).items()]


def _buckets(question: Question) -> dict[int, str]:
    """Where each begins, in order."""
    period, every = question.period, question.series
    starts = [period.since] if every is None else buckets(period, every)
    return {int(start.timestamp()): local(start, period.zone) for start in starts}

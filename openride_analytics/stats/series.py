"""A range in parts: as a whole, and in buckets, also where nothing happened."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from openride_analytics.stats.periods import buckets, local
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

T = TypeVar("T")
Row = Mapping[str, Any]
Parts = Mapping[int, Row]

WHOLE: Final = 0  # where a bucket has its edge: seconds since 1970


async def parts(clickhouse: ClickHouse, question: Question, name: str, **parameters: object) -> Parts:
    """The rows of statement `name`, each by its `part`: the edge of a bucket, or WHOLE. Raises Retryable.

    The statement takes since, until, edges (where each bucket begins, seconds since 1970) and what else is in
    `parameters`. It may leave out parts that are empty. A question without a series has one bucket.
    """
    period = question.period
    block = await clickhouse.select(
        statement(name),
        {"since": period.since, "until": period.until, "edges": [*_buckets(question)], **parameters},
        name=name,
    )
    return {row["part"]: row for row in block.dicts()}


def series(question: Question, found: Parts, point: Callable[[str, Row], T], empty: Row) -> list[T] | None:
    """A point of each bucket's beginning, as text, and its row, or `empty`; None where no series is asked for."""
    if question.series is None:
        return None
    return [point(text, found.get(edge, empty)) for edge, text in _buckets(question).items()]


def _buckets(question: Question) -> dict[int, str]:
    """Where each begins, in order."""
    period, every = question.period, question.series
    starts = [period.since] if every is None else buckets(period, every)
    return {int(start.timestamp()): local(start, period.zone) for start in starts}

"""Series: a row for every bucket of a range, also where nothing happened."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from openride_analytics.stats.periods import buckets, local
from openride_analytics.stats.questions import Question
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

T = TypeVar("T")
Row = Mapping[str, Any]


async def series(
    clickhouse: ClickHouse,
    question: Question,
    name: str,
    point: Callable[[str, Row], T],
    *,
    empty: Row,
    **parameters: object,
) -> list[T] | None:
    """The points of the series that a question asks for; None where it asks for none. Raises Retryable.

    Statement `name` takes since, until and edges (where each bucket begins, seconds since 1970) and what else is in
    `parameters`, and has one row for each bucket that is not empty: `bucket` is its edge. `point` makes a point of a
    bucket's beginning, as text, and its row, or `empty`.
    """
    if question.series is None:
        return None
    period = question.period
    starts = buckets(period, question.series)
    edges = [int(start.timestamp()) for start in starts]
    block = await clickhouse.select(
        statement(name),
        {"since": period.since, "until": period.until, "edges": edges, **parameters},
        name=name,
    )
    found = {row["bucket"]: row for row in block.dicts()}
    return [
        point(local(start, period.zone), found.get(edge, empty))
        for start, edge in zip(starts, edges, strict=True)
    ]

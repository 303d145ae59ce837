"""Trends: a metric bucket by bucket, as a whole or by groups, beside the period before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET, UnsetType

from openride_analytics.errors import Invalid
from openride_analytics.schema.analytics import GroupTotal, PreviousPeriod, Trend, TrendPoint, TrendTotals
from openride_analytics.schema.queries import Granularity, TrendsQuery
from openride_analytics.stats.geographic import EARLIER as OF_PLACES
from openride_analytics.stats.numbers import mean
from openride_analytics.stats.periods import Period, buckets, local, previous
from openride_analytics.stats.questions import Earlier, Question
from openride_analytics.stats.together import together
from openride_analytics.stats.trend_sources import IDENTIFIERS, WHOLE, Source, source
from openride_analytics.store.clickhouse import Block, ClickHouse
from openride_analytics.store.sql import statement

MAX_POINTS: Final = 100_000  # some 10 MB of JSON; without groups there are never more than hours in the range

Values = dict[tuple[str, int], Any]  # group ("" for all) and bucket → what is there; nothing is left out


@dataclass(frozen=True)
class _Found:
    """One period: where its buckets begin, what is in them, and what each group has in all."""

    period: Period
    starts: list[datetime]
    values: Values
    totals: dict[str, Any]


def earlier(query: TrendsQuery) -> Earlier:
    """What is compared, and what tells the place of what is grouped."""
    return Earlier(
        compared=query.compare is not None, ever=OF_PLACES.ever if query.group_by is not None else ()
    )


async def trends(clickhouse: ClickHouse, question: Question, query: TrendsQuery) -> Trend:
    """The metric over the question's range. Raises Retryable, Invalid."""
    chosen = source(query.metric, query.group_by)

    async def of(period: Period) -> _Found:
        return await _found(clickhouse, question, chosen, period, query.granularity)

    found: Sequence[_Found]
    if query.compare is None:
        found = [await of(question.period)]
    else:
        found = await together(of(question.period), of(previous(question.period)))
    groups = _groups(found) if query.group_by is not None else [""]
    _check_size(found, groups)
    points = [_points(part, groups, query) for part in found]
    totals = [_totals(part, groups, query) for part in found]
    return Trend(
        **question.heading,
        metric=query.metric,
        granularity=query.granularity,
        data_points=points[0],
        totals=totals[0],
        previous_period=_before(found[1:], points[1:], totals[1:]),
    )


async def _found(
    clickhouse: ClickHouse, question: Question, chosen: Source, period: Period, granularity: Granularity
) -> _Found:
    starts = buckets(period, granularity)
    params: dict[str, object] = {
        "since": period.since,
        "until": period.until,
        "edges": [int(start.timestamp()) for start in starts],
        **chosen.params,
    }
    if chosen.in_currency:
        params["currency"] = question.currency
    block = await clickhouse.select(
        statement(chosen.query), params, name=chosen.query, identifiers=IDENTIFIERS
    )
    labels = block.column("label") if "label" in block.names else [""] * block.rows
    values = dict(
        zip(zip(labels, block.column("bucket"), strict=True), block.column(chosen.value), strict=True)
    )
    return _Found(period, starts, values, _whole(block, chosen, labels, values))


def _whole(block: Block, chosen: Source, labels: Sequence[str], values: Values) -> dict[str, Any]:
    """Of each group in the range: an entity in two buckets counts once, so it is not their sum."""
    if not chosen.in_all:
        return {label: value for (label, bucket), value in values.items() if bucket == WHOLE}
    totals: dict[str, Any] = {}
    for label, value in zip(labels, block.column(f"{chosen.value}_in_all"), strict=True):
        totals[label] = totals.get(label, 0) + value
    return totals


def _groups(found: Sequence[_Found]) -> list[str]:
    """Those of any of the periods, so that they can be laid side by side; the largest of the first comes first. Who is
    in one group in the range may be in another one in a bucket, which may have nobody else."""
    names = {group for part in found for group in (*part.totals, *(group for group, _ in part.values))}
    return sorted(names, key=lambda group: (-found[0].totals.get(group, 0), group))


def _check_size(found: Sequence[_Found], groups: Sequence[str]) -> None:
    points = sum(len(part.starts) for part in found) * len(groups)
    if points > MAX_POINTS:
        raise Invalid(
            "granularity",
            f"gives {points} data points in {len(groups)} groups",
            f"at most {MAX_POINTS}: a longer granularity, a shorter range, or a group_by with fewer groups",
        )


def _points(found: _Found, groups: Sequence[str], query: TrendsQuery) -> list[TrendPoint]:
    edges = [int(start.timestamp()) for start in found.starts]
    moments = [local(start, found.period.zone) for start in found.starts]
    points: list[TrendPoint] = []
    for group in groups:
        values = [float(found.values.get((group, edge), 0)) for edge in edges]
        averages = _averages(values, query.moving_average)
        points += [
            TrendPoint(
                timestamp=moment,
                value=value,
                moving_average=average,
                group=UNSET if query.group_by is None else group,
            )
            for moment, value, average in zip(moments, values, averages, strict=True)
        ]
    return points


def _averages(values: Sequence[float], window: int | None) -> Sequence[float | UnsetType | None]:
    """The mean of each value and those just before it, `window` in all; None where there are fewer."""
    if window is None:
        return [UNSET] * len(values)
    return [
        mean(sum(values[end - window : end]), window) if end >= window else None
        for end in range(1, len(values) + 1)
    ]


def _totals(found: _Found, groups: Sequence[str], query: TrendsQuery) -> TrendTotals:
    values = {group: found.totals.get(group, 0) for group in groups}
    # Each entity is in one group, that of its first event: so these add up.
    return TrendTotals(
        value=float(sum(values.values())),
        groups=UNSET
        if query.group_by is None
        else [GroupTotal(group=group, value=float(value)) for group, value in values.items()],
    )


def _before(
    found: Sequence[_Found], points: Sequence[list[TrendPoint]], totals: Sequence[TrendTotals]
) -> PreviousPeriod | UnsetType:
    if not found:
        return UNSET
    return PreviousPeriod(date_range=found[0].period.label, data_points=points[0], totals=totals[0])

"""What the analytics answer. Values are numbers, money too: they are to be drawn."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from openride_analytics.schema.queries import Granularity, Level, PlaceMetric, TrendMetric
from openride_analytics.schema.results import Answer, Moment, about


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place and what is counted there; "Unknown" is a place too."""

    state: Annotated[str | None, about("null for a hex")]
    city: Annotated[str | None, about("null for a state or a hex")]
    value: Annotated[float, about("how many, or how much money in the default currency")]
    hex: Annotated[str | UnsetType, about("a hex's H3 index, as text")] = UNSET
    lat: Annotated[float | UnsetType | None, about("a hex's center; null for the unknown one")] = UNSET
    lon: float | UnsetType | None = UNSET


class Geography(Answer, frozen=True, kw_only=True):
    """A metric by place, the most first."""

    metric: PlaceMetric
    level: Level
    resolution: Annotated[int | UnsetType, about("of hexes")] = UNSET
    data_points: Annotated[list[Place], about("the most first")]
    total_value: Annotated[float, about("of all places together")]


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket, of one group where the trend is grouped."""

    timestamp: Annotated[Moment, about("where the bucket's period begins")]
    value: Annotated[float, about("how many, or how much money in the default currency")]
    moving_average: Annotated[
        float | UnsetType | None, about("of the last buckets up to this one; null until there are enough")
    ] = UNSET
    group: Annotated[
        str | UnsetType, about("a state, city or payment method; only where the trend is grouped")
    ] = UNSET


class GroupTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What one group has over the whole range."""

    group: str
    value: float


class TrendTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Over the whole range: an entity counts once, in however many buckets it is."""

    value: float
    groups: Annotated[
        list[GroupTotal] | UnsetType, about("the largest first; only where the trend is grouped")
    ] = UNSET


class PreviousPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """The same trend over as many days just before."""

    date_range: str
    data_points: list[TrendPoint]
    totals: TrendTotals


class Trend(Answer, frozen=True, kw_only=True):
    """A metric over time: group by group if it is grouped, the largest group first, each without a gap."""

    metric: TrendMetric
    granularity: Granularity
    data_points: Annotated[
        list[TrendPoint], about("every bucket of the range, also those with nothing in them; group by group")
    ]
    totals: TrendTotals
    previous_period: Annotated[PreviousPeriod | UnsetType, about("only where it was asked for")] = UNSET

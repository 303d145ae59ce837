"""What the analytics answer. Values are numbers, money too: they are to be drawn."""

import msgspec
from msgspec import UNSET, UnsetType

from openride_analytics.schema.queries import Granularity, Level, PlaceMetric, TrendMetric
from openride_analytics.schema.results import Answer, Moment


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place and what is counted there; "Unknown" is a place too."""

    state: str | None  # null for a hex
    city: str | None  # null for a state or a hex
    value: float
    hex: str | UnsetType = UNSET  # a hex's H3 index, as text
    lat: float | UnsetType | None = UNSET  # a hex's center; null for the unknown one
    lon: float | UnsetType | None = UNSET


class Geography(Answer, frozen=True, kw_only=True):
    """A metric by place, the most first."""

    metric: PlaceMetric
    level: Level
    resolution: int | UnsetType = UNSET  # of hexes
    data_points: list[Place]
    total_value: float


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket, of one group where the trend is grouped."""

    timestamp: Moment  # where the bucket's period begins
    value: float
    moving_average: float | UnsetType | None = UNSET  # null until there are enough buckets
    group: str | UnsetType = UNSET


class GroupTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What one group has over the whole range."""

    group: str
    value: float


class TrendTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Over the whole range: an entity counts once, in however many buckets it is."""

    value: float
    groups: list[GroupTotal] | UnsetType = UNSET


class PreviousPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """The same trend over as many days just before."""

    date_range: str
    data_points: list[TrendPoint]
    totals: TrendTotals


class Trend(Answer, frozen=True, kw_only=True):
    """A metric over time: group by group if it is grouped, the largest group first, each without a gap."""

    metric: TrendMetric
    granularity: Granularity
    data_points: list[TrendPoint]
    totals: TrendTotals
    previous_period: PreviousPeriod | UnsetType = UNSET

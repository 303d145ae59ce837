"""What is looked at all the while, and whether it grew."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import psutil

from openride_analytics.store.clickhouse import ClickHouse
from tests.bench.steady import PARTS
from tests.support.serving import Served

WARM_SHARE = 0.2  # of the samples: caches fill, parts reach their number, and nothing of that goes on
LEAST = 4  # samples to fit a line to
SURE = 2.0  # standard errors


class Sample(NamedTuple):
    """One look; `at`: seconds since the first."""

    at: float
    memory_mib: float
    lag: float
    parts: float
    p95_ms: float
    descriptors: float


class Series(NamedTuple):
    """One column of the samples: flat if it ends within `share` of its median, or `least`, of where it began."""

    name: str
    unit: str
    field: str
    share: float
    least: float


SERIES = (
    Series("resident memory", "MiB", "memory_mib", 0.05, 10),
    Series("lag", "messages", "lag", 0.0, 2_000),
    Series("active parts of a partition, at most", "parts", "parts", 0.2, 3),
    Series("questions, p95", "ms", "p95_ms", 0.2, 20),
    Series("open descriptors", "descriptors", "descriptors", 0.1, 5),
)


class Fit(NamedTuple):
    """A line through a series from its warming up to its end: where it begins, what it gains in an hour, and whether
    that is surely more, either way, than a flat series has."""

    begin: float
    at_begin: float
    per_hour: float
    trend: Literal["flat", "GROWS", "falls"]


class Sampler:
    """Looks at a service, `every` so many seconds until cancelled."""

    def __init__(self, pid: int, served: Served, clickhouse: ClickHouse, p95_ms: Callable[[], float]) -> None:
        self._process = psutil.Process(pid)
        self._served = served
        self._clickhouse = clickhouse
        self._p95_ms = p95_ms
        self.samples: list[Sample] = []

    async def run(self, every: float) -> None:
        """Raises psutil.NoSuchProcess or httpx.HTTPError once the service has ended."""
        begun = time.monotonic()
        while True:
            self.samples.append(await self._look(time.monotonic() - begun))
            await asyncio.sleep(max(0.0, begun + len(self.samples) * every - time.monotonic()))

    async def _look(self, at: float) -> Sample:
        lag = await asyncio.to_thread(self._served.metric, "openride_consumer_lag_messages")
        parts = (await self._clickhouse.select(PARTS)).one()["n"]
        return Sample(
            at,
            self._process.memory_info().rss / 2**20,
            lag,
            float(parts),
            self._p95_ms(),
            self._process.num_fds(),
        )


def column(samples: Sequence[Sample], series: Series) -> tuple[list[float], list[float]]:
    """Seconds and values, where there is one."""
    pairs = [(one.at, getattr(one, series.field)) for one in samples]
    known = [(at, value) for at, value in pairs if not math.isnan(value)]
    return [at for at, _ in known], [value for _, value in known]


def fit(samples: Sequence[Sample], series: Series) -> Fit | None:
    """By least squares; None of too few samples."""
    at, values = column(samples[int(WARM_SHARE * len(samples)) :], series)
    if len(at) < LEAST:
        return None
    (slope, offset), errors = np.polyfit(at, values, 1, cov=True)
    gained = slope * (at[-1] - at[0])
    allowed = max(series.least, series.share * float(np.median(values)))
    if abs(gained) <= allowed or abs(slope) <= SURE * math.sqrt(max(0.0, errors[0][0])):
        return Fit(at[0], offset + slope * at[0], 3600 * slope, "flat")
    return Fit(at[0], offset + slope * at[0], 3600 * slope, "GROWS" if slope > 0 else "falls")

"""How many questions of dashboards are answered from the cache: an access pattern, replayed twenty times as fast."""

import asyncio
import random

import httpx

from tests.bench.figures import Figure, say

FASTER = 20
TTL_SECONDS = 300 // FASTER  # of CACHE_TTL_METRICS
REFRESH_SECONDS = 60 / FASTER  # a dashboard that is left open asks again
MINUTES = 20
VIEWERS = 12

WIDGETS = (
    "metrics/users",
    "metrics/bookings?include_time_series=true",
    "metrics/payments?include_time_series=true",
    "metrics/trips?include_time_series=true",
    "metrics/drivers?limit=10",
    "metrics/routes?limit=10",
    "analytics/trends?metric=revenue",
    "analytics/trends?metric=active_users",
    "analytics/geographic?metric=bookings",
    "analytics/funnel",
)
# What people look at, and how many of them: the default range, the last week, yesterday, and a month that is over.
RANGES = (
    ("", 6),
    ("start_date={week}&end_date={today}", 3),
    ("start_date={yesterday}&end_date={yesterday}", 2),
    ("start_date={month}&end_date={month_end}", 1),
)


async def hit_ratio(url: str, days: dict[str, str]) -> Figure:
    """Viewers come in turn, each opens a dashboard of WIDGETS over one of the RANGES, and leaves it open."""
    say(f"api: {VIEWERS} dashboards for {MINUTES} minutes, in {MINUTES * 60 // FASTER} s")
    rng = random.Random(1)
    hits: list[bool] = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as client, asyncio.TaskGroup() as viewers:
        for _ in range(VIEWERS):
            (chosen,) = rng.choices([text for text, _ in RANGES], [weight for _, weight in RANGES])
            wait = rng.uniform(0, MINUTES * 60 / FASTER / 2)
            viewers.create_task(_view(client, chosen.format(**days), wait, hits))
    return Figure(
        "api", "dashboards answered from the cache", 100 * sum(hits) / len(hits), "%", "at least 80"
    )


async def _view(client: httpx.AsyncClient, chosen: str, wait: float, hits: list[bool]) -> None:
    await asyncio.sleep(wait)
    for _ in range(int((MINUTES * 60 / FASTER - wait) / REFRESH_SECONDS)):
        for widget in WIDGETS:
            path = f"/v1/{widget}{'&' if '?' in widget else '?'}{chosen}"
            response = await client.get(path.rstrip("?&"))
            response.raise_for_status()
            hits.append(response.headers["X-Cache"] == "HIT")
        await asyncio.sleep(REFRESH_SECONDS)

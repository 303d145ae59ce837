"""A replica, as a process of its own, that takes up a run, begins to mail it, and never comes to an end."""

import asyncio
import sys

from openride_analytics import settings as tree
from openride_analytics.settings import Secret
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.postgres import Postgres
from tests.support.reports import Bureau, MovedClock, claimed, settings


async def hold(url: str, now: str, lease_seconds: float) -> None:
    """Says "sending" once the first mail is under way."""
    postgres = Postgres(tree.Postgres(url=Secret(url)))
    await postgres.open()
    bureau, clock = Bureau(postgres, url, ClickHouse(settings(url).clickhouse)), MovedClock(now)
    bureau.sender.hold = asyncio.Event()
    replica = bureau.replica(clock, lease_seconds=lease_seconds)
    working = asyncio.create_task(replica.work(await claimed(replica, clock), asyncio.Event()))
    while not bureau.sender.sent:
        await asyncio.sleep(0.02)
    print("sending", flush=True)
    await working


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1], sys.argv[2], float(sys.argv[3])))

"""The actor that measures how many exports wait, and for how long.

It makes none: a queue that nobody works on is seen by the processes that take orders.
"""

from contextlib import suppress
from typing import Final

from openride_analytics.clock import wait
from openride_analytics.errors import Retryable
from openride_analytics.store.jobs import Jobs
from openride_analytics.supervisor import Child
from openride_analytics.telemetry import Metrics

EVERY_SECONDS: Final = 5.0


class Queue:
    """Actor `export-queue`."""

    name = "export-queue"

    def __init__(self, jobs: Jobs, metrics: Metrics) -> None:
        self._jobs = jobs
        self._metrics = metrics

    async def run(self, child: Child) -> None:
        """Until told to stop."""
        child.ready()
        while not child.stopping.is_set():
            await self.look()
            await wait(child.stopping, EVERY_SECONDS)

    async def look(self) -> None:
        """Show what waits; where Redis does not answer, nothing."""
        waiting, seconds = None, None
        with suppress(Retryable):  # that Redis is away is said by whoever cannot do without it
            waiting, seconds = await self._jobs.waiting()
        self._metrics.exports_waiting.set(waiting)
        self._metrics.exports_waiting_seconds.set(seconds)

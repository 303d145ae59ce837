"""The actor that looks after exports: takes those whose worker died from it, and removes what has expired.

Every replica has one; what two of them do at once is done once.
"""

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Final

from openride_analytics.clock import Clock, wait
from openride_analytics.errors import Retryable
from openride_analytics.exports.attempt import left_behind
from openride_analytics.exports.files import FileStore, parts_of
from openride_analytics.schema.exports import Status
from openride_analytics.store.jobs import Job, Jobs
from openride_analytics.supervisor import Child

log = logging.getLogger("openride.exports")

EVERY_SECONDS: Final = 5.0
SWEEP_EVERY: Final = 24  # so many turns: what nobody knows any more is looked for every two minutes
STRAY_SECONDS: Final = 600.0  # a file is there some moments before its export says so


class Cleaner:
    """Actor `export-cleaner`."""

    name = "export-cleaner"

    def __init__(self, jobs: Jobs, files: FileStore, scratch: Path, clock: Clock) -> None:
        self._jobs = jobs
        self._files = files
        self._scratch = scratch
        self._clock = clock

    async def run(self, child: Child) -> None:
        """Until told to stop."""
        child.ready()
        turn = 0
        while not child.stopping.is_set():
            try:
                await self.tend()
                if turn % SWEEP_EVERY == 0:
                    await self.sweep()
            except (Retryable, OSError) as error:
                log.warning("exports could not be looked after", extra={"problem": type(error).__name__})
            turn += 1
            await wait(child.stopping, EVERY_SECONDS)

    async def tend(self) -> None:
        """Take up what died, remove what has expired. Raises Retryable."""
        for status in await self._jobs.reclaim():
            log.warning("a worker died", extra={"export_is_now": status})
        for export_id in await self._jobs.expired():
            job = await self._jobs.get(export_id)
            if job is None:
                await self._jobs.forget(export_id, "")
                continue
            if file := job.result.get("file"):
                await self._files.delete(file)
            await self._jobs.forget(job.id, job.owner, job.remembered)

    async def sweep(self) -> None:
        """Remove files and places of work that belong to no export. Raises Retryable, OSError."""
        await self._jobs.drop_lost()
        for name, since in await self._files.names():
            parts = parts_of(name)
            if parts is None or self._clock.time() - since < STRAY_SECONDS:
                continue
            job = await self._jobs.get(parts[0])
            if job is None or (job.result.get("file") != name and not _at_work(job, parts[1])):
                await self._files.delete(name)
        for folder, export_id, generation, since in await asyncio.to_thread(left_behind, self._scratch):
            if self._clock.time() - since < self._jobs.lease_ms / 1000:
                continue
            job = await self._jobs.get(export_id)
            if job is None or not _at_work(job, generation):
                await asyncio.to_thread(shutil.rmtree, folder, True)


def _at_work(job: Job, generation: int) -> bool:
    """Whether that attempt is the one that goes on, however old what it has made is by a clock that may be wrong."""
    return job.status == Status.PROCESSING and job.generation == generation

"""The actors that make exports: each takes one from the queue, has it made, and says how it went."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from openride_analytics import settings as tree
from openride_analytics.clock import Clock, wait
from openride_analytics.errors import Retryable
from openride_analytics.exports.attempt import Attempt, Died, attempt
from openride_analytics.exports.directory import prepare
from openride_analytics.exports.files import FileStore, name_of
from openride_analytics.exports.names import suffix
from openride_analytics.exports.orders import Order
from openride_analytics.exports.writing import Task
from openride_analytics.schema.exports import Status
from openride_analytics.store.jobs import Claim, Jobs
from openride_analytics.supervisor import Child
from openride_analytics.telemetry import Metrics, Traces, spans

log = logging.getLogger("openride.exports")

LOOK_SECONDS: Final = 0.5
BEAT_SECONDS: Final = 1.0
AWAY_SECONDS: Final = 2.0
PUBLISH_TRIES: Final = 3

Result = dict[str, str | int]


class Worker:
    """Actor `export-<number>`: one export at a time."""

    def __init__(
        self,
        number: int,
        jobs: Jobs,
        files: FileStore,
        settings: tree.Settings,
        metrics: Metrics,
        clock: Clock,
        *,
        look_seconds: float = LOOK_SECONDS,
        traces: Traces | None = None,
    ) -> None:
        """`look_seconds`: how often the queue is looked at while nothing waits."""
        self.name = f"export-{number}"
        self._jobs = jobs
        self._files = files
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._look_seconds = look_seconds
        self._traces = traces or Traces()

    @property
    def _scratch(self) -> Path:
        return self._settings.exports.temp_dir

    async def run(self, child: Child) -> None:
        """Until told to stop; what is being made then is handed back to the queue. Raises Fatal if its directory is not
        one for files of others."""
        try:
            await asyncio.to_thread(prepare, self._scratch)
        except Retryable as error:  # each export will say so
            log.warning("EXPORT_TEMP_DIR cannot be used yet", extra={"problem": error.problem})
        child.ready()
        while not child.stopping.is_set():
            try:
                claim = await self._jobs.claim()
            except Retryable as error:
                log.warning("the queue of exports cannot be reached", extra={"problem": str(error)})
                await wait(child.stopping, AWAY_SECONDS)
                continue
            if claim is None:
                await wait(child.stopping, self._look_seconds)
            else:
                await self._work(claim, child.stopping)

    async def _work(self, claim: Claim, stopping: asyncio.Event) -> None:
        begun = self._clock.monotonic()
        try:
            order = msgspec.json.decode(claim.job.order, type=Order)
        except msgspec.MsgspecError:
            await self._end(
                claim, Status.FAILED, {"error": "it was asked of another version of this service"}
            )
            return
        about = {spans.DATASET: str(order.dataset), spans.FORMAT: str(order.format)}
        with (
            self._traces.root(
                spans.EXPORT, spans.SpanKind.CONSUMER, about, traceparent=claim.job.trace
            ) as span,
            self._metrics.exports_running.track_inprogress(),
        ):
            outcome, rows = await self._attempt(claim, order, stopping)
            span.set_attributes({spans.OUTCOME: outcome, spans.ROWS: rows})
            if outcome in (Status.FAILED, "died"):
                spans.failed(span, outcome)
            log.info("export", extra={"export_id": claim.job.id, "outcome": outcome})
        self._metrics.exports_total.labels(order.format, outcome).inc()
        self._metrics.export_seconds.labels(order.format).observe(self._clock.monotonic() - begun)
        if outcome == Status.COMPLETED:
            self._metrics.export_rows_total.labels(order.format).inc(rows)

    async def _attempt(self, claim: Claim, order: Order, stopping: asyncio.Event) -> tuple[str, int]:
        """How it went, and how many rows were written."""
        try:
            async with attempt(self._scratch, claim.job.id, claim.job.generation) as trying:
                return str(await self._try(claim, order, trying, stopping)), trying.told.rows
        except Retryable as error:
            await self._end(claim, Status.FAILED, {"error": f"{error.dependency} cannot be used now"})
            return str(Status.FAILED), 0

    async def _try(self, claim: Claim, order: Order, trying: Attempt, stopping: asyncio.Event) -> str:
        """How it went: completed, failed, cancelled (or taken over), died, or handed_back."""
        making = asyncio.create_task(self._make(claim, order, trying))
        stop = asyncio.create_task(stopping.wait())
        try:
            if not await self._held_until(claim, trying, making, stop):
                return Status.CANCELLED
            if not making.done():
                await self._until_known(self._jobs.hand_back, claim, within=AWAY_SECONDS)
                return "handed_back"
            return await self._close(claim, making)
        finally:
            for task in (making, stop):
                task.cancel()
            await asyncio.gather(making, stop, return_exceptions=True)

    async def _make(self, claim: Claim, order: Order, trying: Attempt) -> tuple[Status, Result]:
        """Have the file made and kept; its end and what is said of it. Raises Died."""
        server = msgspec.structs.replace(self._settings.clickhouse, cluster=None, pool_size=2)
        told = await trying.make(Task(order, server, str(trying.file), spans.traceparent()))
        said: Result = {"rows": told.rows, **({} if told.total is None else {"total": told.total})}
        if told.end != "done":
            return Status.FAILED, said | {"error": told.problem or "an error"}
        name = name_of(claim.job.id, claim.job.generation, suffix(order.format, order.compression))
        size = await self._publish(trying.file, name)
        warnings = msgspec.json.encode(told.warnings).decode()
        return Status.COMPLETED, said | {"file": name, "size": size, "warnings": warnings}

    async def _publish(self, made: Path, name: str) -> int:
        for _ in range(PUBLISH_TRIES - 1):
            try:
                return await self._files.publish(made, name)
            except Retryable as error:
                log.warning("a file could not be put away yet", extra={"problem": str(error)})
                await self._clock.sleep(AWAY_SECONDS)
        return await self._files.publish(made, name)

    async def _held_until(
        self,
        claim: Claim,
        trying: Attempt,
        making: "asyncio.Task[tuple[Status, Result]]",
        stop: "asyncio.Task[bool]",
    ) -> bool:
        """Renew the lease until it is made or we must stop; False if it is ours no longer."""
        renewed = self._clock.monotonic()
        while True:
            done, _ = await asyncio.wait(
                [making, stop], timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return True
            try:
                if not await self._jobs.beat(claim, trying.told.rows, trying.told.total):
                    return False
                renewed = self._clock.monotonic()
            except Retryable:
                if self._clock.monotonic() - renewed > self._jobs.lease_ms / 1000:
                    return False  # by now another one may have it

    async def _close(self, claim: Claim, making: "asyncio.Task[tuple[Status, Result]]") -> str:
        try:
            status, said = making.result()
        except Died:
            await self._until_known(self._jobs.abandon, claim)
            return "died"
        except Retryable as error:
            status, said = Status.FAILED, {"error": f"{error.dependency} cannot be used now"}
        except OSError as error:
            log.warning("a file could not be put away", extra={"problem": error.strerror})
            status, said = Status.FAILED, {"error": "the file could not be written"}
        ended = await self._end(claim, status, said)
        if ended:
            return status
        if ended is False and "file" in said:  # whoever took over makes another
            await self._files.delete(str(said["file"]))
        return Status.CANCELLED

    async def _end(self, claim: Claim, status: Status, said: Result) -> bool | None:
        return await self._until_known(lambda held: self._jobs.finish(held, status, said), claim)

    async def _until_known(
        self, say: Callable[[Claim], Awaitable[bool]], claim: Claim, *, within: float | None = None
    ) -> bool | None:
        """What the queue answers, as long as the lease may last; None if that is not known: it may have been done, or
        another one takes over."""
        until = self._clock.monotonic() + (self._jobs.lease_ms / 1000 if within is None else within)
        while True:
            try:
                return await say(claim)
            except Retryable:
                if self._clock.monotonic() >= until:
                    return None
                await self._clock.sleep(LOOK_SECONDS)

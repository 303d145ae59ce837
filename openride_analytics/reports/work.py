"""One run of a schedule, from the claim to its end: made, then mailed to one recipient after the other.

What becomes of a recipient is written down before and after the mail goes, so that a replica that dies in between
leaves at most one of whom nobody knows; that one is `uncertain`, and not sent to again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, ParamSpec, Protocol, TypeVar

from openride_analytics import settings as tree
from openride_analytics.clock import Clock, utc_now
from openride_analytics.errors import Invalid, Retryable, TooMuch
from openride_analytics.reports.account import problem, status_of, unreached
from openride_analytics.reports.delivery import Delivery, Status
from openride_analytics.reports.edition import UNSUBSCRIBE, Edition, Rendered
from openride_analytics.reports.links import Links
from openride_analytics.reports.patience import AGAIN_SECONDS, answered
from openride_analytics.schema.reports import RunStatus
from openride_analytics.stats.periods import Period, zone
from openride_analytics.store.report_runs import KeptFile, Row, Run, Runs
from openride_analytics.supervisor import Stopped, unless
from openride_analytics.telemetry import Metrics, spans

log = logging.getLogger("openride.reports")

LONGEST_PAUSE: Final = 3600.0
_PAUSE_FACTOR: Final = 3

T = TypeVar("T")
P = ParamSpec("P")


class Render(Protocol):
    """From an edition to what is mailed. Raises Retryable, TooMuch."""

    async def __call__(
        self, edition: Edition, *, unsubscribe: str | None, link: str | None, most: int | None
    ) -> Rendered: ...


class Deliver(Protocol):
    """Mails it; by recipient, what became of it."""

    async def __call__(
        self,
        rendered: Rendered,
        recipients: Sequence[str],
        *,
        message_id: str,
        unsubscribe: Callable[[str], str],
    ) -> Mapping[str, Delivery]: ...


class Lost(Exception):  # noqa: N818
    """The run is another replica's by now, or nobody can say whose."""


@dataclass(frozen=True)
class Work:
    """What it takes to work on runs."""

    runs: Runs
    settings: tree.Settings
    clock: Clock
    links: Links
    render: Render
    deliver: Deliver
    metrics: Metrics

    async def perform(self, run: Run, stopping: asyncio.Event) -> str:
        """How it went: completed, partial, failed, retried, handed_back or lost."""
        working = asyncio.create_task(self._work(run, stopping))
        try:
            await self._hold(run, working)
            return await working
        except Lost:
            return "lost"
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _hold(self, run: Run, working: "asyncio.Task[str]") -> None:
        """Renew the lease until the work is over. Raises Lost."""
        held_until = self.clock.monotonic() + self.runs.lease_seconds
        while not working.done():
            await asyncio.wait([working], timeout=self.runs.lease_seconds / 4)
            if working.done():
                return
            try:
                if not await self.runs.beat(run):
                    # Perhaps the work has just ended, and let go of it itself.
                    if not (await asyncio.wait([working], timeout=AGAIN_SECONDS))[0]:
                        raise Lost
                    return
                held_until = self.clock.monotonic() + self.runs.lease_seconds
            except Retryable:
                if self.clock.monotonic() > held_until:
                    raise Lost from None

    async def _work(self, run: Run, stopping: asyncio.Event) -> str:
        try:
            return await self._made_and_mailed(run, stopping)
        except Stopped:
            await self._told(self.runs.put_back, run, None, None, counts=False)
            return "handed_back"

    async def _made_and_mailed(self, run: Run, stopping: asyncio.Event) -> str:
        if run.attempts > self.settings.reports.max_attempts:
            why = f"it was begun {run.attempts - 1} times and never came to an end"
            return await self._unmade(run, why)
        try:
            rendered = await unless(stopping, self._rendered(run))
        except Retryable as error:
            return await self._later(run, f"{error.dependency} cannot answer now")
        except TooMuch as error:
            return await self._unmade(run, f"it takes {error}")
        except Invalid as error:  # a zone that this system knows no more
            return await self._unmade(run, f"its {error.field} {error.problem}")
        except (Stopped, Lost):
            raise
        except Exception:
            # A defect in one report must not stop the others: it is told here, and to the owner.
            log.exception("a report could not be made", extra={"execution_id": str(run.id)})
            why = "an error in the service; its log has it under the id of this execution"
            return await self._unmade(run, why)
        await self._mail(run, rendered, stopping)
        return await self._account(run, rendered)

    async def _rendered(self, run: Run) -> Rendered:
        now = utc_now(self.clock)
        edition = Edition(
            schedule_id=run.schedule_id,
            execution_id=run.id,
            report_name=run.report_name,
            report_type=run.report_type,
            format=run.format,
            period=Period(run.since, run.until, zone(run.timezone)),
            currency=self.settings.api.default_currency,
            made_at=now,
        )
        most = self.settings.smtp.max_attachment_mb << 20 if run.attach else 0
        link = self.links.file(run.id, now)
        with spans.span(spans.RENDER):
            rendered = await self.render(edition, unsubscribe=UNSUBSCRIBE, link=link, most=most)
        if rendered.attachment is not None and not rendered.attached:
            file = rendered.attachment
            expires = now + timedelta(days=self.settings.smtp.report_files_retention_days)
            await self.runs.keep(run, KeptFile(file.name, file.media_type, file.content), expires)
        return rendered

    async def _mail(self, run: Run, rendered: Rendered, stopping: asyncio.Event) -> None:
        """To whoever has not had it. Raises Lost, Stopped."""
        for row in await self._recipients(run):
            if row["status"] != "pending":
                continue
            if stopping.is_set():
                raise Stopped
            if not await self._mail_one(run, rendered, row["address"]):
                return

    async def _mail_one(self, run: Run, rendered: Rendered, address: str) -> bool:
        """Whether the next one may be tried: not where the server itself is the trouble."""
        if not await self._told(self.runs.sending, run, address):
            if not await self._told(self.runs.beat, run):
                raise Lost
            await self._told(self.runs.leave_out, run)
            return True  # they have left the list meanwhile
        with spans.span(spans.MAIL, spans.SpanKind.CLIENT) as mailed:
            found = await self._send(run, rendered, address)
            mailed.set_attribute(spans.OUTCOME, str(found.status))
            if found.status is not Status.SENT:
                spans.failed(mailed, str(found.status))
        status = "pending" if found.status is Status.RETRY else str(found.status)
        self.metrics.report_mails_total.labels(str(found.status)).inc()
        await self._told(self.runs.sent, run, address, status, found.reason)
        return not (found.general and found.status is Status.RETRY)

    async def _send(self, run: Run, rendered: Rendered, address: str) -> Delivery:
        """No limit is set here: a slow server may have hours for a large file, and `deliver` knows what was sent when
        one is reached.
        """
        now = utc_now(self.clock)
        try:
            found = await self.deliver(
                rendered,
                [address],
                message_id=str(run.id),
                unsubscribe=lambda one: self.links.unsubscribe(run.schedule_id, one, now),
            )
            return found[address]
        except Exception:  # whatever it was, the mail may have gone
            log.exception("a mail's end is not known", extra={"execution_id": str(run.id)})
            return Delivery(Status.UNCERTAIN, "an error")

    async def _account(self, run: Run, rendered: Rendered) -> str:
        """What the run has come to, by what became of its recipients."""
        rows = await self._recipients(run)
        waiting = [row for row in rows if row["status"] == "pending"]
        if waiting:
            if run.attempts < self.settings.reports.max_attempts:
                return await self._later(run, unreached(waiting, rows))
            await self._told(self.runs.give_up, run, f"given up after {run.attempts} tries: ")
            rows = await self._recipients(run)
        return await self._end(
            run, status_of(rows, rendered), error=problem(rows, rendered), rendered=rendered
        )

    async def _later(self, run: Run, why: str) -> str:
        """Again after a pause that grows; the last time it fails."""
        if run.attempts >= self.settings.reports.max_attempts:
            return await self._unmade(run, f"given up after {run.attempts} tries: {why}")
        first = self.settings.reports.retry_seconds
        pause = min(LONGEST_PAUSE, first * _PAUSE_FACTOR ** (run.attempts - 1))
        at = utc_now(self.clock) + timedelta(seconds=pause)
        if not await self._told(self.runs.put_back, run, at, why, counts=True):
            raise Lost
        return "retried"

    async def _unmade(self, run: Run, why: str) -> str:
        """The end of a run of which no report can be made; some may have been sent one that was made before."""
        rows = await self._recipients(run)
        had = [row for row in rows if row["status"] in ("sent", "uncertain")]
        if not had:
            return await self._end(run, RunStatus.FAILED, error=why)
        before = f"{len(had)} of {len(rows)} recipients had been sent it before"
        return await self._end(run, RunStatus.PARTIAL, error=f"{why}; {before}")

    async def _end(
        self, run: Run, status: RunStatus, *, error: str | None, rendered: Rendered | None = None
    ) -> str:
        kept = rendered is not None and rendered.attachment is not None and not rendered.attached
        file = rendered.attachment.name if kept and rendered and rendered.attachment else None
        rows = None if rendered is None else rendered.rows
        pause_after = self.settings.reports.pause_after_failures
        ended = await self._told(
            self.runs.finish,
            run,
            status,
            utc_now(self.clock),
            error=error,
            rows=rows,
            file=file,
            pause_after=pause_after,
        )
        if not ended:
            raise Lost
        return str(status)

    async def _recipients(self, run: Run) -> list[Row]:
        found = await self._told(self.runs.recipients, [run.id])
        return found[run.id]

    async def _told(self, say: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the database answers, as long as the lease may last. Raises Lost."""
        try:
            return await answered(self.clock, self.runs.lease_seconds, lambda: say(*args, **kwargs))
        except Retryable:
            raise Lost from None

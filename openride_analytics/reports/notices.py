"""Telling the owner of a schedule that a run of it failed, or did not reach everybody: once, and why."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from openride_analytics import settings as tree
from openride_analytics.clock import Clock, utc_now
from openride_analytics.reports.delivery import Delivery, Status
from openride_analytics.reports.patience import answered
from openride_analytics.reports.terms import zone_to_tell
from openride_analytics.schema.reports import RunStatus
from openride_analytics.stats.periods import Period
from openride_analytics.store.report_runs import Notice, Runs
from openride_analytics.telemetry import Metrics

log = logging.getLogger("openride.reports")

TRIES: Final = 10
_LONGEST_PAUSE: Final = 3600.0
_OURS: Final = timedelta(
    minutes=5
)  # that nobody else takes one up; whoever took it has died meanwhile, or says so


class Tell(Protocol):
    """Mails a short text; what became of it."""

    async def __call__(self, address: str, *, subject: str, text: str, message_id: str) -> Delivery: ...


@dataclass(frozen=True)
class Notices:
    """A notice is marked right before it is sent: of whoever dies while sending it, nobody sends a second one."""

    runs: Runs
    settings: tree.Settings
    clock: Clock
    tell: Tell
    metrics: Metrics

    async def send(self) -> bool:
        """Tell one owner of one run; whether there was one. Raises Retryable."""
        now = utc_now(self.clock)
        notice = await self.runs.notice(now, now + _OURS)
        if notice is None:
            return False
        lease = self.runs.lease_seconds
        text = self._text(notice)  # before it is marked as being sent
        if await answered(self.clock, lease, lambda: self.runs.notifying(notice)):
            outcome, retry_at = await self._told(notice, text, now)
            self.metrics.report_notices_total.labels("retry" if retry_at else outcome).inc()
            await answered(self.clock, lease, lambda: self.runs.notified(notice, outcome, retry_at))
        return True

    async def _told(self, notice: Notice, text: str, now: datetime) -> tuple[str, datetime | None]:
        """What is kept of the notice: sent, failed, or due again at some time."""
        failed = notice.status == RunStatus.FAILED
        found = await self.tell(
            notice.owner_email,
            subject=f"Report {'failed' if failed else 'incomplete'}: {notice.report_name}",
            text=text,
            message_id=f"{notice.id}.{notice.status}",
        )
        if found.status is Status.RETRY and notice.tries < TRIES:
            first = self.settings.reports.retry_seconds
            pause = min(_LONGEST_PAUSE, first * 2 ** (notice.tries - 1))
            return "due", now + timedelta(seconds=pause)
        if found.status in (Status.SENT, Status.UNCERTAIN):
            return "sent", None
        log.error("an owner cannot be told of a run", extra={"execution_id": str(notice.id)})
        return "failed", None

    def _text(self, notice: Notice) -> str:
        period = Period(notice.since, notice.until, zone_to_tell(notice.timezone))
        failed = notice.status == RunStatus.FAILED
        what = "has failed" if failed else "was sent, but not all of it to everybody"
        lines = [
            f"The report “{notice.report_name}” for {period.label} ({notice.timezone}) {what}.",
            f"Why: {notice.error_message}",
        ]
        if not failed:
            lines.append("Nobody is sent this one again. The next one is sent when it is due.")
        if notice.paused_reason is not None:
            lines.append(f"The schedule is paused now: {notice.paused_reason}")
            lines.append("It goes on when it is made active again.")
        base = self.settings.app.public_url
        lines.append(f"Execution: {base}/v1/reports/executions/{notice.id}")
        lines.append(f"Schedule: {base}/v1/reports/schedule/{notice.schedule_id}")
        return "\n\n".join(lines) + "\n"

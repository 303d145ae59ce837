"""Telling the owner of a schedule that a run of it failed: once, and why."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from openride_analytics import settings as tree
from openride_analytics.clock import Clock
from openride_analytics.reports.delivery import Delivery, Status
from openride_analytics.stats.periods import Period, zone
from openride_analytics.store.report_runs import Notice, Runs

log = logging.getLogger("openride.reports")

TRIES: Final = 10
_LONGEST_PAUSE: Final = 3600.0


class Tell(Protocol):
    """Mails a short text; what became of it."""

    async def __call__(self, address: str, *, subject: str, text: str, message_id: str) -> Delivery: ...


@dataclass(frozen=True)
class Notices:
    """A notice is marked before it is sent: whoever dies while sending it sends no second one."""

    runs: Runs
    settings: tree.Settings
    clock: Clock
    tell: Tell

    async def send(self) -> bool:
        """Tell one owner of one failure; whether there was one. Raises Retryable."""
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        notice = await self.runs.notice(now)
        if notice is None:
            return False
        subject = f"Report failed: {notice.report_name}"
        found = await self.tell(
            notice.owner_email, subject=subject, text=self._text(notice), message_id=f"{notice.id}.failed"
        )
        if found.status is Status.RETRY and notice.tries < TRIES:
            first = self.settings.reports.retry_seconds
            pause = min(_LONGEST_PAUSE, first * 2 ** (notice.tries - 1))
            await self.runs.notified(notice, "due", now + timedelta(seconds=pause))
            return True
        told = found.status in (Status.SENT, Status.UNCERTAIN)
        if not told:
            log.error("an owner cannot be told of a failure", extra={"execution_id": str(notice.id)})
        await self.runs.notified(notice, "sent" if told else "failed")
        return True

    def _text(self, notice: Notice) -> str:
        period = Period(notice.since, notice.until, zone(notice.timezone))
        lines = [
            f"The report “{notice.report_name}” for {period.label} ({notice.timezone}) has failed.",
            f"Why: {notice.error_message}",
        ]
        if notice.paused_reason is not None:
            lines.append(f"The schedule is paused now: {notice.paused_reason}")
            lines.append("It goes on when it is made active again.")
        base = self.settings.app.public_url
        lines.append(f"Execution: {base}/v1/reports/executions/{notice.id}")
        lines.append(f"Schedule: {base}/v1/reports/schedule/{notice.schedule_id}")
        return "\n\n".join(lines) + "\n"

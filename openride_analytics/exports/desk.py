"""Where exports are asked for and about: what the API knows of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from openride_analytics import settings as tree
from openride_analytics.clock import Clock, utc_now
from openride_analytics.exports.files import FileStore, Opened
from openride_analytics.exports.orders import Order, understand
from openride_analytics.schema.exports import ExportList, ExportRequest, ExportStatus, Format, Status
from openride_analytics.store.jobs import Job, Jobs, owner_of
from openride_analytics.store.once import once, reused
from openride_analytics.telemetry.spans import traceparent

_OVER: Final = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Crowded(Exception):  # noqa: N818 - the name says why not
    """Enough exports wait already. `own`: those of whoever asks, else those of all together."""

    def __init__(self, *, own: bool, most: int) -> None:
        super().__init__(f"at most {most}")
        self.own = own
        self.most = most


@dataclass(frozen=True)
class Download:
    """A file that is open, and how it is offered. `tag` is the same for the same bytes only."""

    file: Opened
    name: str
    tag: str
    modified: datetime


class Desk:
    """Everything is asked in the name of a subject, who sees no exports but his own. All calls raise Retryable."""

    def __init__(self, jobs: Jobs, files: FileStore, settings: tree.Settings, clock: Clock) -> None:
        self._jobs = jobs
        self._files = files
        self._settings = settings
        self._clock = clock

    def understood(
        self,
        asked: ExportRequest,
        *,
        personal: bool,
        most_rows: int | None = None,
        filters_in: str = "filters.",
    ) -> Order:
        """What a request comes to; `filters_in` is "" for a query, whose filters are parameters of their own. Raises a
        group of Invalid."""
        return understand(
            asked,
            api=self._settings.api,
            most_rows=most_rows or self._settings.exports.max_rows,
            personal=personal,
            now=utc_now(self._clock),
            filters_in=filters_in,
        )

    async def request(
        self, asked: ExportRequest, subject: str, *, personal: bool, key: str | None
    ) -> ExportStatus | None:
        """A new export; or, with a key that came before, the one that was made then, None if it is gone meanwhile.

        Raises a group of Invalid, Crowded.
        """
        order = self.understood(asked, personal=personal)
        limits = self._settings.exports
        made = await self._jobs.create(
            msgspec.json.encode(order),
            kind=order.format,
            subject=subject,
            most_of_one=limits.max_per_user,
            most=limits.max_waiting,
            once=once(key, asked),
            trace=traceparent(),
        )
        if made.outcome in ("crowded", "full"):
            own = made.outcome == "crowded"
            raise Crowded(own=own, most=limits.max_per_user if own else limits.max_waiting)
        if made.outcome == "other":
            raise reused()
        return await self.status(UUID(made.id), subject) if made.job is None else _status(made.job)

    async def status(self, export_id: UUID, subject: str) -> ExportStatus | None:
        """None if the subject has no such export."""
        job = await self._own(export_id, subject)
        return None if job is None else _status(job)

    async def list(self, subject: str, *, offset: int, limit: int) -> ExportList:
        """The newest first."""
        jobs, total = await self._jobs.of(subject, offset=offset, limit=limit)
        return ExportList([found for job in jobs if (found := _status(job)) is not None], total)

    async def remove(self, export_id: UUID, subject: str) -> bool:
        """Cancel an export that is not over; of one that is, nothing is left but that its key was used. Whether there
        was one."""
        before = await self._jobs.cancel(str(export_id), subject)
        if before in _OVER and (job := await self._own(export_id, subject)) is not None:
            if file := job.result.get("file"):
                await self._files.delete(file)
            await self._jobs.forget(job.id, job.owner)
        return bool(before)

    async def open(self, export_id: UUID, subject: str) -> Download | None:
        """The file of a completed export; None if it is gone, or is not the one that was made."""
        job = await self._own(export_id, subject)
        if job is None or job.status != Status.COMPLETED:
            return None
        order = msgspec.json.decode(job.order, type=Order)
        file = await self._files.open(job.result.get("file", ""))
        if file is None:
            return None
        if str(file.size) != job.result.get("size"):
            await file.close()
            return None
        tag = f'"{job.id}.{job.generation}"'
        return Download(file, order.filename, tag, _moment(job.updated).replace(microsecond=0))

    async def _own(self, export_id: UUID, subject: str) -> Job | None:
        job = await self._jobs.get(str(export_id))
        return job if job is not None and job.owner == owner_of(subject) else None


def _status(job: Job) -> ExportStatus | None:
    """None for an order of another version."""
    try:
        order = msgspec.json.decode(job.order, type=Order)
    except msgspec.MsgspecError:
        return None
    whole = None if job.total is None else min(job.total, order.limit)
    progress = min(1.0, job.rows / whole) if whole else 0.0
    size, warnings = job.result.get("size"), job.result.get("warnings")
    return ExportStatus(
        export_id=UUID(job.id),
        status=Status(job.status),
        dataset=order.dataset,
        format=Format(order.format),
        filename=order.filename,
        date_range=order.period.label,
        timezone=order.zone,
        progress=1.0 if job.status == Status.COMPLETED else round(progress, 4),
        row_count=job.rows,
        total_rows=job.total,
        truncated=job.total is not None and job.total > order.limit,
        file_size=None if size is None else int(size),
        error=job.result.get("error"),
        warnings=msgspec.json.decode(warnings, type=list[str]) if warnings else [],
        created_at=_moment(job.created),
        updated_at=_moment(job.updated),
        expires_at=None if job.expires is None else _moment(job.expires),
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

"""Runs of report schedules in PostgreSQL: enqueued once for each period, held under a lease, ended once.

Whoever holds a run has a claim, a number of its own; every statement that changes the run names it, so that a holder
who was paused for longer than its lease changes nothing any more. Leases are of the server's clock. When a run is due
or tried again is of the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec

from openride_analytics.schema.reports import ExecutionsQuery, Parameters
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.reports import StoredSchedule, Turn, reach
from openride_analytics.store.sql import statement

LEASE_SECONDS: Final = 60.0
_FILE_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Occurrence:
    """One period that a schedule is due for."""

    due_at: datetime
    since: datetime
    until: datetime
    missed: bool


@dataclass(frozen=True)
class Run:
    """What was taken up, and by which claim."""

    id: UUID
    claim: UUID
    schedule_id: UUID
    trigger: str
    due_at: datetime | None
    since: datetime
    until: datetime
    timezone: str
    attempts: int
    report_name: str
    report_type: str
    format: str
    attach: bool
    owner_email: str


@dataclass(frozen=True)
class Notice:
    """A run that an owner is to be told of, `failed` or `partial`; `tries` with this one."""

    id: UUID
    schedule_id: UUID
    status: str
    tries: int
    since: datetime
    until: datetime
    timezone: str
    error_message: str
    report_name: str
    owner_email: str
    paused_reason: str | None


@dataclass(frozen=True)
class KeptFile:
    """A file that mails link to."""

    name: str
    media_type: str
    content: bytes


Row = dict[str, Any]


class Runs:
    """All calls raise Retryable. Those that take a Run change nothing once it is another's."""

    def __init__(self, postgres: Postgres, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._postgres = postgres
        self.lease_seconds = lease_seconds

    async def enqueue(
        self, schedule: StoredSchedule, turn: Turn, occurrences: Sequence[Occurrence], now: datetime
    ) -> list[str]:
        """Move a schedule on to `turn`; the statuses of the executions that came of it: none if another was first."""
        columns = [
            [uuid4() for _ in occurrences],
            ["missed" if one.missed else "pending" for one in occurrences],
            [one.due_at for one in occurrences],
            [one.since for one in occurrences],
            [one.until for one in occurrences],
        ]
        moved = (schedule.turn.covered_until, turn.covered_until, turn.next, now)
        zone = schedule.terms.parameters.timezone
        rows = await self._fetch("enqueue", schedule.id, *moved, *columns, zone)
        return [row["status"] for row in rows]

    async def execute(
        self, schedule_id: UUID, trigger: str, now: datetime, since: datetime, until: datetime, timezone: str
    ) -> UUID | None:
        """A run by hand; None while another one of the schedule has not ended."""
        given = (uuid4(), schedule_id, trigger, now, since, until, timezone)
        rows = await self._fetch("execute", *given)
        return rows[0]["id"] if rows else None

    async def claim(self, now: datetime) -> Run | None:
        """Take up a run that waits or was abandoned, and say whom it is for."""
        claim = uuid4()
        async with reach(self._postgres) as connection, connection.transaction():
            row = await connection.fetchrow(statement("reports/claim"), claim, now, self.lease_seconds)
            if row is None:
                return None
            await connection.execute(statement("reports/address"), row["id"])
            await connection.execute(statement("reports/leave_out"), row["id"])
        same = (
            "id",
            "schedule_id",
            "trigger",
            "due_at",
            "timezone",
            "attempts",
            "report_name",
            "report_type",
        )
        return Run(
            claim=claim,
            since=row["period_since"],
            until=row["period_until"],
            format=row["format"],
            attach=msgspec.json.decode(row["parameters"], type=Parameters).attach,
            owner_email=row["owner_email"],
            **{name: row[name] for name in same},
        )

    async def beat(self, run: Run) -> bool:
        """Hold it for another lease; whether it is still held."""
        return bool(await self._fetch("beat", run.id, run.claim, self.lease_seconds))

    async def put_back(self, run: Run, retry_at: datetime | None, why: str | None, *, counts: bool) -> bool:
        """Let it wait, for `retry_at` or for anybody; whether it was held."""
        return bool(await self._fetch("put_back", run.id, run.claim, retry_at, why, counts))

    async def finish(
        self,
        run: Run,
        status: str,
        now: datetime,
        *,
        error: str | None,
        rows: int | None,
        file: str | None,
        pause_after: int,
    ) -> bool:
        """End it; whether it was held."""
        given = (status, now, error, rows, file, pause_after)
        return bool(await self._fetch("finish", run.id, run.claim, *given))

    async def recipients(self, execution_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
        """address, status, reason, updated_at of each, in the order they were named."""
        found: dict[UUID, list[Row]] = {one: [] for one in execution_ids}
        for row in await self._fetch("deliveries", list(execution_ids)):
            found[row["execution_id"]].append(row)
        return found

    async def sending(self, run: Run, address: str) -> bool:
        """Say that a mail is about to go; whether it may."""
        return bool(await self._fetch("sending", run.id, run.claim, address))

    async def leave_out(self, run: Run) -> None:
        """Forget recipients who have left the list and have not had it."""
        await self._fetch("leave_out", run.id)

    async def sent(self, run: Run, address: str, status: str, reason: str) -> None:
        """Say what became of it; `pending` that it is to be tried again."""
        await self._fetch("sent", run.id, run.claim, address, status, reason)

    async def give_up(self, run: Run, why: str) -> None:
        """Whoever was not reached is refused it."""
        await self._fetch("give_up", run.id, run.claim, why)

    async def notice(self, now: datetime, until: datetime) -> Notice | None:
        """Take up one that the owner does not know of; until then it is ours."""
        for row in await self._fetch("notice", now, until):
            same = ("id", "schedule_id", "status", "timezone", "report_name", "owner_email", "paused_reason")
            return Notice(
                tries=row["notice_tries"],
                since=row["period_since"],
                until=row["period_until"],
                error_message=row["error_message"] or "",
                **{name: row[name] for name in same},
            )
        return None

    async def notifying(self, notice: Notice) -> bool:
        """Say that it is about to go, after which nobody sends it again; whether it may."""
        return bool(await self._fetch("notifying", notice.id, notice.tries))

    async def notified(self, notice: Notice, outcome: str, retry_at: datetime | None = None) -> None:
        """`sent`, `failed`, or `due` again at `retry_at`."""
        await self._fetch("notified", notice.id, outcome, retry_at)

    async def get(self, execution_id: UUID, subject: str | None) -> Row | None:
        """A row of `report_executions`, with file_name and file_size."""
        rows = await self._fetch("execution_one", execution_id, subject)
        return rows[0] if rows else None

    async def page(self, schedule_id: UUID, query: ExecutionsQuery) -> tuple[list[Row], int]:
        """The newest first, and how many there are in all."""
        rows = await self._fetch("execution_list", schedule_id, query.status, query.limit, query.offset)
        [count] = await self._fetch("execution_count", schedule_id, query.status)
        return rows, count["total"]

    async def keep(self, run: Run, file: KeptFile, expires: datetime) -> None:
        """Keep the file that the mails of a run link to."""
        given = (file.name, file.media_type, file.content, expires)
        await self._fetch("file_put", run.id, *given, timeout=_FILE_SECONDS)

    async def file(self, execution_id: UUID, now: datetime) -> KeptFile | None:
        """None if there is none, or its time is over."""
        rows = await self._fetch("file_get", execution_id, now, timeout=_FILE_SECONDS)
        return KeptFile(**rows[0]) if rows else None

    async def call_off(self, schedule_id: UUID | None, now: datetime) -> int:
        """End runs that wait of a schedule (None: of any) that is paused or deleted; how many."""
        return len(await self._fetch("call_off", schedule_id, now))

    async def forget(self, now: datetime, ended_before: datetime) -> None:
        """Remove files whose time is over, runs that ended before then, and schedules deleted before then."""
        await self._fetch("file_expire", now)
        await self._fetch("execution_forget", ended_before, now)
        await self._fetch("schedule_forget", ended_before)

    async def _fetch(self, name: str, *given: object, timeout: float | None = None) -> list[Row]:
        async with reach(self._postgres, timeout=timeout) as connection:
            return [dict(row) for row in await connection.fetch(statement(f"reports/{name}"), *given)]

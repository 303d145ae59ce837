"""Report schedules in PostgreSQL. Every statement is a file of `sql/queries/reports`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from openride_analytics.errors import Retryable
from openride_analytics.schema.reports import (
    Frequency,
    Parameters,
    ReportFormat,
    ReportType,
    SchedulesQuery,
)
from openride_analytics.store.once import Once
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.sql import statement

PATIENCE = 5.0  # seconds that a statement, and a connection for it, are waited for


@dataclass(frozen=True)
class Terms:
    """What its owner decides about a schedule. Addresses and the zone are good ones."""

    report_name: str
    owner_email: str
    report_type: ReportType
    frequency: Frequency
    format: ReportFormat
    recipients: Sequence[str]
    parameters: Parameters
    active: bool
    description: str | None


@dataclass(frozen=True)
class Turn:
    """When a schedule is due next (None: it is not active), and up to where its periods have had their turn."""

    next: datetime | None
    covered_until: datetime


@dataclass(frozen=True)
class StoredSchedule:
    """A row of `report_schedules`."""

    id: UUID
    owner_subject: str
    terms: Terms
    turn: Turn
    created_at: datetime
    updated_at: datetime
    last_execution: datetime | None
    failures: int
    paused_at: datetime | None
    paused_reason: str | None
    deleted_at: datetime | None
    fingerprint: str | None
    unsubscribed: Sequence[str] = field(default=())


class Schedules:
    """`subject` is whose schedules are meant, None anybody's. All calls raise Retryable."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @property
    def configured(self) -> bool:
        """Whether there is a database at all."""
        return self._postgres.configured

    async def add(
        self,
        schedule_id: UUID,
        subject: str,
        terms: Terms,
        turn: Turn,
        now: datetime,
        once: Once | None,
        *,
        most: int,
    ) -> StoredSchedule | None:
        """A new schedule, or the one that came with the key of `once` first.

        None if the subject has `most` of them already; those deleted are not counted.
        """
        key, fingerprint = once or (None, None)
        given = (terms.report_name, terms.report_type, terms.owner_email, terms.frequency, terms.format)
        more = (list(terms.recipients), _json(terms.parameters), terms.active, terms.description)
        ends = (now, turn.next, turn.covered_until, key, fingerprint)
        async with reach(self._postgres) as connection, connection.transaction():
            await connection.execute(statement("reports/schedule_turn"), subject)
            row = await connection.fetchrow(statement("reports/schedule_once"), subject, key)
            if row is None:
                total = await connection.fetchval(statement("reports/schedule_count"), subject, *[None] * 3)
                if total >= most:
                    return None
                row = await connection.fetchrow(
                    statement("reports/schedule_add"), schedule_id, subject, *given, *more, *ends
                )
        return _schedule(row)

    async def get(self, schedule_id: UUID, subject: str | None) -> StoredSchedule | None:
        """Also one that was deleted."""
        async with reach(self._postgres) as connection:
            row = await connection.fetchrow(statement("reports/schedule_one"), schedule_id, subject)
        return None if row is None else _schedule(row)

    async def page(self, subject: str | None, query: SchedulesQuery) -> tuple[list[StoredSchedule], int]:
        """The newest first, and how many there are in all."""
        which = (subject, query.active, query.report_type, query.frequency)
        async with reach(self._postgres) as connection:
            rows = await connection.fetch(
                statement("reports/schedule_list"), *which, query.limit, query.offset
            )
            total = await connection.fetchval(statement("reports/schedule_count"), *which)
        return [_schedule(row) for row in rows], total

    async def change(
        self,
        schedule_id: UUID,
        subject: str | None,
        change: Callable[[StoredSchedule], tuple[Terms, Turn, bool]],
        now: datetime,
    ) -> bool:
        """Replace what `change` makes of it (and whether it begins anew after a pause); whether there is one.

        Nobody else changes it meanwhile. What `change` raises is raised, and nothing is changed.
        """
        async with reach(self._postgres) as connection, connection.transaction():
            row = await connection.fetchrow(statement("reports/schedule_lock"), schedule_id, subject)
            if row is None:
                return False
            terms, turn, anew = change(_schedule(row))
            given = (terms.report_name, terms.report_type, terms.owner_email, terms.frequency, terms.format)
            more = (list(terms.recipients), _json(terms.parameters), terms.active, terms.description)
            ends = (now, turn.next, turn.covered_until, anew)
            await connection.execute(statement("reports/schedule_change"), schedule_id, *given, *more, *ends)
        return True

    async def delete(self, schedule_id: UUID, subject: str | None, now: datetime) -> bool:
        """Its executions stay. Whether there was one."""
        async with reach(self._postgres) as connection:
            found = await connection.fetchval(statement("reports/schedule_delete"), schedule_id, subject, now)
        return found is not None

    async def due(self, now: datetime, but: Sequence[UUID]) -> list[StoredSchedule]:
        """Some of those that are due, `but` these."""
        async with reach(self._postgres) as connection:
            rows = await connection.fetch(statement("reports/due"), now, but)
        return [_schedule(row) for row in rows]

    async def addressed(self, schedule_id: UUID) -> list[str]:
        """Who may have a link of its mails: whom it was sent to, as far as that is remembered, and whom it is for."""
        async with reach(self._postgres) as connection:
            rows = await connection.fetch(statement("reports/addressed"), schedule_id)
        return [row["address"] for row in rows]

    async def unsubscribe(self, schedule_id: UUID, address: str) -> bool:
        """No more of it to that address, on its list or not; whether there is such a schedule."""
        async with reach(self._postgres) as connection:
            found = await connection.fetchval(statement("reports/unsubscribe"), schedule_id, address)
        return found is not None


@asynccontextmanager
async def reach(postgres: Postgres, *, timeout: float | None = None) -> AsyncIterator[Any]:
    """A connection for the block, for PATIENCE unless told otherwise.

    Raises Retryable, also while the tables are not there yet.
    """
    try:
        async with postgres.connection(timeout=PATIENCE if timeout is None else timeout) as connection:
            yield connection
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        raise Retryable("postgres", "its schema is not up to date yet") from None


def _json(parameters: Parameters) -> str:
    return msgspec.json.encode(parameters).decode()


def _schedule(row: Any) -> StoredSchedule:
    terms = Terms(
        row["report_name"],
        row["owner_email"],
        ReportType(row["report_type"]),
        Frequency(row["frequency"]),
        ReportFormat(row["format"]),
        row["recipients"],
        msgspec.json.decode(row["parameters"], type=Parameters),
        row["active"],
        row["description"],
    )
    same = (
        "created_at",
        "updated_at",
        "last_execution",
        "failures",
        "paused_at",
        "paused_reason",
        "deleted_at",
    )
    return StoredSchedule(
        id=row["id"],
        owner_subject=row["owner_subject"],
        terms=terms,
        turn=Turn(row["next_execution"], row["covered_until"]),
        fingerprint=row["fingerprint"],
        unsubscribed=row.get("unsubscribed") or (),
        **{name: row[name] for name in same},
    )

"""What is stored of schedules and their runs, as it is told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from openride_analytics.errors import Invalid
from openride_analytics.reports.terms import next_times, zone_to_tell
from openride_analytics.schema.reports import (
    DeliveryStatus,
    Execution,
    RecipientResult,
    RunFile,
    RunStatus,
    Schedule,
    Trigger,
)
from openride_analytics.stats.periods import Period, local, zone
from openride_analytics.store.reports import StoredSchedule

NEXT_TIMES = 5


def schedule(found: StoredSchedule) -> Schedule:
    """With the next five times at which it is due; none if its zone is known no more, so that it cannot be followed."""
    terms = found.terms
    return Schedule(
        id=found.id,
        report_name=terms.report_name,
        report_type=terms.report_type,
        frequency=terms.frequency,
        format=terms.format,
        recipients=list(terms.recipients),
        unsubscribed=list(found.unsubscribed),
        parameters=terms.parameters,
        active=terms.active,
        description=terms.description,
        owner_email=terms.owner_email,
        owner_subject=found.owner_subject,
        created_at=found.created_at,
        updated_at=found.updated_at,
        last_execution=found.last_execution,
        next_execution=found.turn.next,
        next_executions=_next_times(found),
        failures=found.failures,
        paused_at=found.paused_at,
        paused_reason=found.paused_reason,
    )


def execution(
    row: dict[str, Any], recipients: Sequence[dict[str, Any]], file_link: Callable[[UUID], str]
) -> Execution:
    """`row` and `recipients` as the store has them."""
    period = Period(row["period_since"], row["period_until"], zone_to_tell(row["timezone"]))
    same = ("id", "schedule_id", "due_at", "timezone", "created_at", "started_at", "completed_at", "attempts")
    more = ("retry_at", "rows_exported", "error_message")
    file = row["file_name"]
    return Execution(
        trigger=Trigger(row["trigger"]),
        status=RunStatus(row["status"]),
        date_range=period.label,
        file=None if file is None else RunFile(file, row["file_size"], file_link(row["id"])),
        recipients=[_recipient(one) for one in recipients],
        **{name: row[name] for name in (*same, *more)},
    )


def _next_times(found: StoredSchedule) -> list[str]:
    try:
        where = zone(found.terms.parameters.timezone)
    except Invalid:
        return []
    return [local(at, where) for at in next_times(found.terms, found.turn, NEXT_TIMES)]


def _recipient(row: dict[str, Any]) -> RecipientResult:
    at: datetime = row["updated_at"]
    # That it is being sent is not yet anything that became of it.
    status = "pending" if row["status"] == "sending" else row["status"]
    return RecipientResult(
        address=row["address"],
        status=DeliveryStatus(status),
        reason=row["reason"] or None,
        updated_at=at,
    )

"""Examples of what `/v1/reports/...` is asked, and answers."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from openride_analytics.schema.reports import (
    DeliveryStatus,
    ExecuteRequest,
    Execution,
    ExecutionList,
    Frequency,
    Parameters,
    ParametersGiven,
    RecipientResult,
    ReportFormat,
    ReportType,
    RunStatus,
    Schedule,
    ScheduleList,
    SchedulePatch,
    ScheduleRequest,
    Trigger,
)

_ADA: Final = "ada@example.com"
_OBI: Final = "obi@example.com"
_ID: Final = UUID("6f3c0b0e-54a7-4c41-9c68-3d1d6f6b7a10")
_AT: Final = datetime(2026, 11, 24, 5, 0, 18, 562195, UTC)
_DUE: Final = datetime(2026, 11, 30, 7, 30, tzinfo=UTC)

REQUEST: Final = ScheduleRequest(
    report_name="Bookings of the week",
    owner_email=_ADA,
    report_type=ReportType.BOOKING_METRICS,
    frequency=Frequency.WEEKLY,
    format=ReportFormat.EXCEL,
    recipients=[_ADA, _OBI],
    parameters=ParametersGiven(timezone="Africa/Lagos", time="08:30", weekday="monday"),
    description="For the meeting on Mondays",
)

PATCH: Final = SchedulePatch(parameters=ParametersGiven(time="07:45"), recipients=[_ADA])

EXECUTE: Final = ExecuteRequest(to_self=True)

SCHEDULE: Final = Schedule(
    id=_ID,
    report_name=REQUEST.report_name,
    report_type=REQUEST.report_type,
    frequency=REQUEST.frequency,
    format=REQUEST.format,
    recipients=[_ADA, _OBI],
    unsubscribed=[],
    parameters=Parameters(timezone="Africa/Lagos", time="08:30", weekday="monday", day=1, attach=True),
    active=True,
    description="For the meeting on Mondays",
    owner_email=_ADA,
    owner_subject=_ADA,
    created_at=_AT,
    updated_at=_AT,
    last_execution=None,
    next_execution=_DUE,
    next_executions=[
        "2026-11-30T08:30:00+01:00",
        "2026-12-07T08:30:00+01:00",
        "2026-12-14T08:30:00+01:00",
        "2026-12-21T08:30:00+01:00",
        "2026-12-28T08:30:00+01:00",
    ],
    failures=0,
    paused_at=None,
    paused_reason=None,
)

SCHEDULES: Final = ScheduleList(schedules=[SCHEDULE], total=1)

PENDING: Final = Execution(
    id=UUID("c6b2f0a9-2f0d-4a57-8f5e-0f6d3f1c2b7e"),
    schedule_id=_ID,
    trigger=Trigger.DRY_RUN,
    status=RunStatus.PENDING,
    due_at=None,
    date_range="2026-11-16 to 2026-11-22",
    timezone="Africa/Lagos",
    created_at=_AT,
    started_at=None,
    completed_at=None,
    attempts=0,
    retry_at=None,
    rows_exported=None,
    file=None,
    error_message=None,
    recipients=[],
)

EXECUTION: Final = Execution(
    id=UUID("e0b4d1f6-6c0b-4b8e-9d0c-8a7f5b3c1d2e"),
    schedule_id=_ID,
    trigger=Trigger.SCHEDULE,
    status=RunStatus.PARTIAL,
    due_at=_DUE,
    date_range="2026-11-23 to 2026-11-29",
    timezone="Africa/Lagos",
    created_at=_DUE,
    started_at=_DUE.replace(second=2),
    completed_at=_DUE.replace(second=9),
    attempts=1,
    retry_at=None,
    rows_exported=7,
    file=None,
    error_message=f"1 of 2 recipients refused: {_OBI} (550 5.1.1 no such mailbox)",
    recipients=[
        RecipientResult(
            address=_ADA, status=DeliveryStatus.SENT, reason=None, updated_at=_DUE.replace(second=8)
        ),
        RecipientResult(
            address=_OBI,
            status=DeliveryStatus.REFUSED,
            reason="550 5.1.1 no such mailbox",
            updated_at=_DUE.replace(second=9),
        ),
    ],
)

EXECUTIONS: Final = ExecutionList(executions=[EXECUTION], total=1)

PREVIEW: Final = "<!doctype html>..."

"""Scheduled reports: what may be asked for, and what is said of them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from openride_analytics.schema.results import Instant, Moment, about

MAX_RECIPIENTS = 100
MAX_NAME = 200
MAX_DESCRIPTION = 2000
MAX_ADDRESS = 254


class ReportType(StrEnum):
    """What a report is about; `comprehensive` is all of it."""

    USER_METRICS = "user_metrics"
    BOOKING_METRICS = "booking_metrics"
    PAYMENT_METRICS = "payment_metrics"
    TRIP_METRICS = "trip_metrics"
    DRIVER_EARNINGS = "driver_earnings"
    COMPREHENSIVE = "comprehensive"


class Frequency(StrEnum):
    """A daily report covers the local day before, a weekly one the ISO week before, a monthly one the month before."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ReportFormat(StrEnum):
    """Of the file that goes with a mail."""

    EXCEL = "excel"
    CSV = "csv"


class RunStatus(StrEnum):
    """`partial`: some recipients or sections are missing; `missed`: the service was away, and a later one ran."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial"
    MISSED = "missed"


class Trigger(StrEnum):
    """Why a report was made; a `dry_run` goes to the owner alone."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    DRY_RUN = "dry_run"


class DeliveryStatus(StrEnum):
    """`uncertain`: it was handed over and no answer came, so that it is not sent again."""

    PENDING = "pending"
    SENT = "sent"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"


_EXAMPLE_ID = "6f3c0b0e-54a7-4c41-9c68-3d1d6f6b7a10"

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, description="its name, one line")]
# For whoever reads the description of the API: `reports.addresses` and `reports.terms` are what checks, and says why.
_MAILBOX = {
    "format": "email",
    "pattern": r"^(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?![0-9]+$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
}
_TIME_OF_DAY = {"pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}

Address = Annotated[str, Meta(max_length=MAX_ADDRESS, extra_json_schema=_MAILBOX)]
Owner = Annotated[
    str,
    Meta(
        max_length=MAX_ADDRESS,
        description="who is told when a run fails, or does not reach everybody",
        extra_json_schema=_MAILBOX,
    ),
]
Recipients = Annotated[
    list[Address],
    Meta(min_length=1, max_length=MAX_RECIPIENTS, description="addresses, each of which gets its own mail"),
]
Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
InZone = Annotated[
    str,
    Meta(
        max_length=64,
        description="IANA name of the zone that days and times are of",
        extra_json_schema={"format": "iana-time-zone"},
    ),
]
At = Annotated[
    str,
    Meta(
        max_length=8, description="the local time at which it is due, HH:MM", extra_json_schema=_TIME_OF_DAY
    ),
]
OnWeekday = Annotated[
    str,
    Meta(
        max_length=16,
        description="of a weekly report: the day on which it is due, or its first three letters",
        extra_json_schema={"enum": [*WEEKDAYS, *(day[:3] for day in WEEKDAYS)]},
    ),
]
OnDay = Annotated[
    int,
    Meta(
        ge=1,
        le=31,
        description="of a monthly report: the day on which it is due; of a shorter month its last",
    ),
]
Attach = Annotated[bool, Meta(description="whether the file goes with the mail; else it is linked to")]


class ParametersGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a report is due, and how it is sent. What is not given is 08:00, Monday, the 1st, and the service's zone."""

    timezone: InZone | UnsetType = UNSET
    time: At | UnsetType = UNSET
    weekday: OnWeekday | UnsetType = UNSET
    day: OnDay | UnsetType = UNSET
    attach: Attach | UnsetType = UNSET


class ScheduleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report that is to be made again and again."""

    report_name: Name
    owner_email: Owner
    report_type: ReportType
    frequency: Frequency
    format: ReportFormat
    recipients: Recipients
    parameters: ParametersGiven = ParametersGiven()
    active: bool = True
    description: Description | None = None


class SchedulePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; whatever is not named stays, in `parameters` too."""

    report_name: Name | UnsetType = UNSET
    owner_email: Owner | UnsetType = UNSET
    report_type: ReportType | UnsetType = UNSET
    frequency: Frequency | UnsetType = UNSET
    format: ReportFormat | UnsetType = UNSET
    recipients: Recipients | UnsetType = UNSET
    parameters: ParametersGiven | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET


class ExecuteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`to_self`: a dry run, which only the owner's address gets."""

    to_self: bool = False


class SchedulePath(msgspec.Struct, frozen=True):
    """What paths name."""

    schedule_id: Annotated[UUID, Meta(description="The schedule's id.", examples=[_EXAMPLE_ID])]


class ExecutionPath(msgspec.Struct, frozen=True):
    """What paths name."""

    execution_id: Annotated[UUID, Meta(description="The execution's id.", examples=[_EXAMPLE_ID])]


class LinkPath(msgspec.Struct, frozen=True):
    """What the paths of links end with."""

    link: Annotated[str, Meta(description="What is signed.", examples=["AW88Cw5UP0xBnGg9HW9regU0hbV2a3Ew"])]


class SchedulesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which schedules are listed."""

    active: Annotated[
        bool | None, Meta(description="Only those that are active, or that are not.", examples=[True])
    ] = None
    report_type: Annotated[ReportType | None, Meta(description="Only those of this type.")] = None
    frequency: Annotated[Frequency | None, Meta(description="Only those of this frequency.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="How many at most.")] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000, description="How many to leave out, of the newest.")] = 0


class ExecutionsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions of a schedule are listed."""

    status: Annotated[RunStatus | None, Meta(description="Only those of this status.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="How many at most.")] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000, description="How many to leave out, of the newest.")] = 0


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """When a report is due, and how it is sent."""

    timezone: InZone
    time: At
    weekday: OnWeekday
    day: OnDay
    attach: Attach


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A report that is made again and again."""

    id: UUID
    report_name: str
    report_type: ReportType
    frequency: Frequency
    format: ReportFormat
    recipients: list[str]
    unsubscribed: Annotated[list[str], about("recipients who asked for no more of these mails")]
    parameters: Parameters
    active: bool
    description: str | None
    owner_email: str | None
    owner_subject: Annotated[str, about("who made it, by their token")]
    created_at: Instant
    updated_at: Instant
    last_execution: Annotated[Instant | None, about("when a run ended last")]
    next_execution: Annotated[Instant | None, about("null while it is not active")]
    next_executions: Annotated[list[Moment], about("the next five, in the schedule's zone")]
    failures: Annotated[int, about("failed runs in a row")]
    paused_at: Annotated[Instant | None, about("since when the service pauses it")]
    paused_reason: Annotated[str | None, about("why the service pauses it; `active: true` begins anew")]


class ScheduleList(msgspec.Struct, frozen=True):
    """The newest first; `total`: how many there are in all."""

    schedules: list[Schedule]
    total: int


class RecipientResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the mail to one recipient."""

    address: str
    status: DeliveryStatus
    reason: Annotated[str | None, about("why it is not sent")]
    updated_at: Instant


class RunFile(msgspec.Struct, frozen=True):
    """A file that was linked to, for as long as its link lives."""

    name: str
    size: Annotated[int, about("bytes")]
    url: str


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a schedule."""

    id: UUID
    schedule_id: UUID
    trigger: Trigger
    status: RunStatus
    due_at: Annotated[Instant | None, about("null where somebody asked for it by hand")]
    date_range: Annotated[str, about('the local days it covers, as in "2026-10-01 to 2026-10-31"')]
    timezone: str
    created_at: Instant
    started_at: Instant | None
    completed_at: Instant | None
    attempts: Annotated[int, about("times it was begun")]
    retry_at: Annotated[Instant | None, about("when it is tried again")]
    rows_exported: int | None
    file: RunFile | None
    error_message: str | None
    recipients: list[RecipientResult]


class ExecutionList(msgspec.Struct, frozen=True):
    """The newest first; `total`: how many there are in all."""

    executions: list[Execution]
    total: int

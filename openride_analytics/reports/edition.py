"""One run of a schedule: what it covers, and what is mailed of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from openride_analytics.stats.periods import Period


@dataclass(frozen=True)
class Edition:
    """What to make: a report of `report_type` over `period`; money in `currency`. `made_at` is when, in UTC."""

    schedule_id: UUID
    execution_id: UUID
    report_name: str
    report_type: str
    format: str
    period: Period
    currency: str
    made_at: datetime


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Rendered:
    """What to mail. `images` by content id; `missing` names the sections that could not be made."""

    subject: str
    html: str
    text: str
    images: Mapping[str, bytes]
    attachment: Attachment | None
    rows: int
    missing: list[str] = field(default_factory=list)

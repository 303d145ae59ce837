"""One run of a schedule: what it covers, and what is mailed of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from openride_analytics.stats.periods import Period

# Stands in bodies for a recipient's own link until the message to that recipient is made. No such name ever resolves.
UNSUBSCRIBE: Final = "https://unsubscribe.invalid/"


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
    """What to mail. `images` by content id; `missing` names the sections that could not be made.

    `attachment` is the report's file, whether it goes with the mail (`attached`) or is only linked to.
    """

    subject: str
    html: str
    text: str
    images: Mapping[str, bytes]
    attachment: Attachment | None
    rows: int
    missing: list[str] = field(default_factory=list)
    attached: bool = True

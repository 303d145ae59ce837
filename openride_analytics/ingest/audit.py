"""Does every table hold what it must, if every message was stored once?"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from openride_analytics.settings import Retention
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement

QUERY_SECONDS = 300.0


@dataclass(frozen=True, order=True)
class Check:
    """One thing that was counted twice: where it must be and where it was found."""

    name: str
    group: str
    expected: int
    found: int

    @property
    def passed(self) -> bool:
        """Whether both counts agree."""
        return self.expected == self.found


async def audit(
    clickhouse: ClickHouse, retention: Retention, now: float, since: datetime | None = None
) -> list[Check]:
    """Every check, of events at or after `since` (an instant; by default all that have not begun to expire).

    A message that is stored while the audit reads may show as a difference. Raises Retryable.
    """
    block = await clickhouse.select(
        statement("ingest/audit"),
        {
            "since": _hour(since or _kept(now, retention.metrics_days)),
            "location_since": _hour(
                max(since or _EPOCH, _kept(now, min(retention.location_days, retention.metrics_days)))
            ),
        },
        timeout=QUERY_SECONDS,
        name="ingest/audit",
    )
    return sorted(Check(*row) for row in zip(*block.columns, strict=True))


_EPOCH = datetime.fromtimestamp(0, UTC)


def _kept(now: float, days: int) -> datetime:
    """Events from here on have not expired, nor will within a day: their days count from arrival, and an event
    may arrive a day before its timestamp."""
    return datetime.fromtimestamp(now, UTC) - timedelta(days=max(days - 2, 0))


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

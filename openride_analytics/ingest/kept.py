"""What has not begun to expire, so that one table may be compared with another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from openride_analytics.settings import Retention


@dataclass(frozen=True)
class Kept:
    """What the audit may look at: `made` is when the database was, `since` from which time on the caller asks.

    Events expire by the days since their arrival, which is at most one day before their timestamp; aggregates by
    the days since their timestamp. One more day is left for what expires while we look. In a database younger than
    that everything is there, whatever timestamps it has.
    """

    retention: Retention
    now: datetime
    made: datetime
    since: datetime | None

    def whole(self, kinds: Sequence[str]) -> bool:
        """Whether every event of these kinds that ever arrived is to be looked at, and is there."""
        return self.since is None and not self._expiring(kinds)

    def events(self, kinds: Sequence[str]) -> datetime:
        """From which event time on (a full hour) events of these kinds and all that was made of them is there."""
        bounds = [self._before(self.retention.aggregates_days - 1)]
        if self._expiring(kinds):
            bounds.append(self._before(self._days(kinds) - 2))
        if self.since is not None:
            bounds.append(self.since)
        return max(bounds).astimezone(UTC).replace(minute=0, second=0, microsecond=0)

    def arrivals(self, kinds: Sequence[str] = ()) -> datetime | None:
        """From which arrival on all messages of these kinds are in every table, or just in events_raw; None: all."""
        bounds = [self.since] if self.since is not None else []
        if self._expiring(kinds):
            bounds.append(self._before(self._days(kinds) - 1))
        return max(bounds, default=None)

    def _days(self, kinds: Sequence[str]) -> int:
        metrics, location = self.retention.metrics_days, self.retention.location_days
        return min(metrics, location) if "location" in kinds else metrics

    def _expiring(self, kinds: Sequence[str]) -> bool:
        return self.made < self._before(self._days(kinds) - 1)

    def _before(self, days: int) -> datetime:
        return self.now - timedelta(days=max(days, 0))

"""Is every message that the group has committed stored once, and every table what follows from them?

Two halves: `accounting` asks what became of each offset, `recomputed` makes each table again and compares. Both look
only at what is there, in Kafka and in ClickHouse: nothing the service says of itself is believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from openride_analytics.clock import Clock, utc_now
from openride_analytics.ingest.accounting import Account, Accounting
from openride_analytics.ingest.check import Check
from openride_analytics.ingest.kept import Kept
from openride_analytics.ingest.recomputed import Recomputation
from openride_analytics.ingest.topic_log import TopicLog
from openride_analytics.ingest.unsettled import Unsettled
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.sql import statement


@dataclass(frozen=True)
class Report:
    """Every check there was, and the account of each topic-partition of which anything is committed."""

    checks: Sequence[Check]
    accounts: Sequence[Account]

    @property
    def differences(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]


async def audit(
    settings: Settings,
    clickhouse: ClickHouse,
    clock: Clock,
    *,
    since: datetime | None = None,
    settle: int = 0,
) -> Report:
    """Look at messages that arrived, and events that happened, at or after `since`: by default all that have not
    begun to expire.

    What belongs to an open intent is no difference, nor what came in within the last `settle` seconds: while messages
    flow it takes some, for a batch reaches one table a moment before the next. Raises Retryable.
    """
    made = (await clickhouse.select(statement("audit/age"), name="audit")).one()["made"]
    kept = Kept(settings.retention, utc_now(clock), made, since)
    async with TopicLog.open(settings) as log:
        stretches = await log.stretches(kept.arrivals())
        accounting = Accounting(settings, clickhouse, log)
        checks = await accounting.checks(stretches)
    committed = {tp: (stretch.end, stretch.opened) for tp, stretch in stretches.items()}
    unsettled = Unsettled(settings.kafka.topic_epoch, settle, committed)
    checks += await Recomputation(settings, clickhouse, clock, kept, unsettled).checks()
    return Report(checks, accounting.accounts)

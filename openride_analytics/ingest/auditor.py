"""The audit on a schedule, so that a difference raises an alarm without anybody asking."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from aiokafka import TopicPartition

from openride_analytics.clock import Clock
from openride_analytics.errors import OpenRideError
from openride_analytics.ingest.audit import audit
from openride_analytics.ingest.partition import Partition
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.supervisor import Child, until_stopping
from openride_analytics.telemetry import Metrics

log = logging.getLogger("openride.audit")

# A batch is in every table within seconds.
SETTLE_SECONDS: Final = 60


class Auditor:
    """Actor `audit`: asks every AUDIT_INTERVAL_MINUTES, if it is this process's turn.

    `partitions`: what the process owns of Kafka at the moment of the call.
    """

    name = "audit"

    def __init__(
        self,
        settings: Settings,
        clickhouse: ClickHouse,
        metrics: Metrics,
        clock: Clock,
        partitions: Callable[[], Iterable[Partition]],
    ) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._metrics = metrics
        self._clock = clock
        self._partitions = partitions

    async def run(self, child: Child) -> None:
        """Ask again and again until told to stop, which ends an audit that is under way."""
        child.ready()
        await until_stopping(child, self._work())

    async def _work(self) -> None:
        while True:
            await self._clock.sleep(self._settings.ingest.audit_interval_minutes * 60)
            if self._in_turn():
                await self._audit()
            else:
                # What it last found is for whoever has the turn now to find again.
                self._metrics.audit_differences.set(0)

    def _in_turn(self) -> bool:
        """One replica is enough. The group gives each partition to one member, so whoever has the first one of the
        first topic is alone in that, and when it dies another one has it: no election of our own is needed. While
        the group is rebalancing nobody may have it, or two for a moment; a round left out or done twice is harmless.
        """
        first = TopicPartition(self._settings.kafka.topics.user, 0)
        return any(partition.tp == first for partition in self._partitions())

    async def _audit(self) -> None:
        begun = self._clock.monotonic()
        try:
            report = await audit(self._settings, self._clickhouse, self._clock, settle=SETTLE_SECONDS)
        except OpenRideError as error:  # even a Fatal one: what stops an audit must not stop ingestion
            log.warning("audit not possible now", extra={"problem": str(error)})
            return
        seconds = self._clock.monotonic() - begun
        wrong = report.differences
        self._metrics.audit_differences.set(len(wrong))
        self._metrics.audit_duration_seconds.set(seconds)
        self._metrics.audit_last_success_timestamp_seconds.set(self._clock.time())
        told = {"checks": len(report.checks), "seconds": round(seconds, 1)}
        if wrong:
            names = sorted({check.name for check in wrong})
            log.error("audit found differences", extra={**told, "differing": names})
        else:
            log.info("audit found no difference", extra=told)

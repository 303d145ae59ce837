"""The audit for tests: what every fault must leave clean."""

from openride_analytics.clock import SystemClock
from openride_analytics.ingest.audit import Check, audit
from openride_analytics.settings import Settings
from openride_analytics.store.clickhouse import ClickHouse


async def differences(settings: Settings, clickhouse: ClickHouse) -> list[Check]:
    """The checks that do not pass. Ask it when all is stored and committed, and nothing moves."""
    checks = await audit(clickhouse, settings.retention, SystemClock().time())
    return [check for check in checks if not check.passed]

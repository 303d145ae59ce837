"""The servers that a benchmark measures the service against, each in a process of its own."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.embedded.process import free_port
from openride_analytics.settings import Settings, load
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate
from tests.bench.figures import cpu_seconds
from tests.support.kafka_broker import KafkaBroker

KINDS = ("user", "booking", "payment", "trip", "route", "location")
PARTITIONS = 3  # of each of the six topics


@dataclass(frozen=True)
class Servers:
    """A ClickHouse and a broker; `folder` is for logs."""

    clickhouse: EmbeddedClickHouse
    bootstrap: str
    kafka_pid: int | None
    folder: Path

    def environ(self, name: str, *, topics: str) -> dict[str, str]:
        """The settings of a service with database and consumer group `name`, on the topics `topics`.<kind>.

        Nothing expires: the events are older than a service keeps them by default.
        """
        return {
            **self.clickhouse.env(),
            "CLICKHOUSE_DATABASE": name,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA_CONSUMER_GROUP_ID": name,
            "KAFKA_TOPIC_PARTITIONS": str(PARTITIONS),
            **{f"KAFKA_TOPIC_{kind.upper()}": f"{topics}.{kind}" for kind in (*KINDS, "dlq")},
            "METRICS_RETENTION_DAYS": "3650",
            "LOCATION_RETENTION_DAYS": "3650",
            "PORT": str(free_port()),
        }

    def cpu(self) -> tuple[float, float]:
        """CPU seconds so far of ClickHouse and of Kafka."""
        assert self.clickhouse.pid is not None and self.kafka_pid is not None
        return cpu_seconds(self.clickhouse.pid), cpu_seconds(self.kafka_pid)


@asynccontextmanager
async def servers(broker: str | None, *topics: str) -> AsyncIterator[Servers]:
    """`broker` is kafka, embedded or None (none is needed); `topics` are prefixes of all topics to come."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="openride-bench-")))
        clickhouse = await stack.enter_async_context(EmbeddedClickHouse(folder / "clickhouse"))
        if broker is None:
            yield Servers(clickhouse, "localhost:9092", None, folder)
            return
        if broker == "embedded":
            names = {f"{prefix}.{kind}": PARTITIONS for prefix in topics for kind in (*KINDS, "dlq")}
            embedded = await stack.enter_async_context(EmbeddedKafka(folder / "kafka", topics=names))
            yield Servers(clickhouse, embedded.bootstrap, embedded.pid, folder)
            return
        real = KafkaBroker(folder / "kafka", apart=True)  # so that it can step back
        stack.callback(real.kill)
        await asyncio.to_thread(real.start)
        yield Servers(clickhouse, real.bootstrap, real.pid, folder)


@asynccontextmanager
async def warehouse(environ: dict[str, str]) -> AsyncIterator[tuple[Settings, ClickHouse]]:
    """A client of the migrated database of `environ`, which is dropped in the end."""
    settings = load(environ)
    clickhouse = ClickHouse(settings.clickhouse)
    await clickhouse.open()
    try:
        await migrate(clickhouse, settings)
        yield settings, clickhouse
        name = settings.clickhouse.database
        await clickhouse.execute("DROP DATABASE {name:Identifier} SYNC", {"name": name}, identifiers={name})
    finally:
        await clickhouse.close()

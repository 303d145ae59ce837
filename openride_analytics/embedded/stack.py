"""All embedded servers together: started at once, stopped at once, failing as one."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.embedded.lock import lock_directory
from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.embedded.postgres import EmbeddedPostgres
from openride_analytics.embedded.redis import EmbeddedRedis
from openride_analytics.embedded.server import EmbeddedServer, package_dir
from openride_analytics.settings import Settings

logger = logging.getLogger("openride.embedded")

STOP_SECONDS = 7.5
MAX_LAG = 4_000
"""Messages of a partition that may wait for ingestion: at 1 KiB each, 4 of the 5 MB that the broker keeps."""
SESSION_MS = 2_000
"""The embedded broker lets a new member wait that long for those that were there before, dead or gone."""


@dataclass(frozen=True)
class Ports:
    """A TCP port for each server; 0 = any free one."""

    clickhouse: int = 0
    kafka: int = 0
    redis: int = 0
    postgres: int = 0
    smtp: int = 0


def topics_of(settings: Settings) -> dict[str, int]:
    """The topics that these settings name, and how many partitions each is to have."""
    kafka = settings.kafka
    return dict.fromkeys([*kafka.topics.events().values(), kafka.topics.dlq], kafka.topic_partitions)


class Stack:
    """ClickHouse, Kafka, Redis, PostgreSQL and a mail sink, with their data under `data_dir`.

    Only one stack at a time may use a directory. `topics` (name → partitions) are there from the start.
    """

    def __init__(self, data_dir: Path, *, topics: Mapping[str, int], ports: Ports | None = None) -> None:
        ports = ports or Ports()
        self.data_dir = data_dir
        self.mail = EmbeddedMail(data_dir / "mail", port=ports.smtp)
        self.servers: dict[str, EmbeddedServer] = {
            "clickhouse": EmbeddedClickHouse(data_dir / "clickhouse", port=ports.clickhouse),
            "kafka": EmbeddedKafka(data_dir / "kafka", port=ports.kafka, topics=topics),
            "redis": EmbeddedRedis(data_dir / "redis", port=ports.redis),
            "postgres": EmbeddedPostgres(data_dir / "postgres", port=ports.postgres),
            "mail": self.mail,
        }
        self._epoch = ""
        self._lock: BinaryIO | None = None

    def env(self) -> dict[str, str]:
        """Every setting with which a `serve` finds these servers. Known once started."""
        values = {
            "CLICKHOUSE_SECURE": "false",
            "KAFKA_TOPIC_EPOCH": self._epoch,
            "KAFKA_MAX_LAG": str(MAX_LAG),
            "KAFKA_SESSION_TIMEOUT_MS": str(SESSION_MS),
        }
        for server in self.servers.values():
            values |= server.env()
        return values

    async def start(self) -> None:
        """Return when all servers answer. Raises ServerFailed; none is left running then."""
        package_dir("chdb", "clickhouse")  # it would only be missed in the server's process
        self._lock = lock_directory(self.data_dir)
        self._epoch = new_epoch()
        starting = [
            asyncio.create_task(server.start(), name=f"start {name}") for name, server in self.servers.items()
        ]
        try:
            await asyncio.gather(*starting)
        except BaseException:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all servers at once, within STOP_SECONDS, and let go of the directory. Idempotent."""
        stopping = {
            asyncio.create_task(server.stop(), name=name): name for name, server in self.servers.items()
        }
        _, late = await asyncio.wait(stopping, timeout=STOP_SECONDS)
        for task, name in stopping.items():
            if task in late:
                task.cancel()
                logger.error("%s did not stop within %g s", name, STOP_SECONDS)
            elif (error := task.exception()) is not None:
                logger.error("%s could not be stopped", name, exc_info=error)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def wait(self) -> None:
        """Return once stopped; raise ServerFailed when a server ends by itself. The others still run then."""
        watching = [asyncio.create_task(server.wait(), name=name) for name, server in self.servers.items()]
        try:
            done, _ = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        for task in done:
            task.result()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def new_epoch() -> str:
    """A name for one run of the broker, whose offsets begin again at 0: `20261124T033708-ab12`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"

"""The embedded servers for tests: `embedded_kafka`, `redis_url`, `postgres_url`, `mail_sink`."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openride_analytics.embedded.kafka import EmbeddedKafka
from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.embedded.postgres import EmbeddedPostgres
from openride_analytics.embedded.redis import EmbeddedRedis
from openride_analytics.embedded.server import EmbeddedServer


@pytest.fixture(scope="session")
def embedded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker without topics: one is made, with four partitions, when a client asks about it."""
    server = EmbeddedKafka(tmp_path_factory.mktemp("embedded-kafka"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for the whole run: tests take keys of their own."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server.url


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL for the whole run: tests take a schema or a database of their own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    with running(server):
        yield server.url


@pytest.fixture
async def mail_sink(tmp_path: Path) -> AsyncIterator[EmbeddedMail]:
    """A mail sink of this test's own."""
    async with EmbeddedMail(tmp_path / "mail") as server:
        yield server


@contextmanager
def running(server: EmbeddedServer) -> Iterator[None]:
    """The server from start to stop, in a loop of its own: each test has another."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(server.start())
        try:
            yield
        finally:
            runner.run(server.stop())

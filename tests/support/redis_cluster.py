"""A Redis cluster for tests: of one node, which has all slots and refuses what a cluster refuses."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from openride_analytics.embedded.process import free_port
from openride_analytics.embedded.redis import EmbeddedRedis

READY_SECONDS = 30
SLOTS = 16_384
# A node has two ports, the second so much higher: it too is to be below those that systems give to clients.
SECOND_PORT = 10_000
FIRST_OF_CLIENTS = 32_768


class _Node(EmbeddedRedis):
    def _options(self) -> list[str]:
        return [*super()._options(), "--cluster-enabled", "yes"]


@pytest.fixture(scope="session")
def redis_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the cluster of the run is."""
    folder: Path = tmp_path_factory.mktemp("redis-cluster")
    port = next(port for port in iter(free_port, None) if port + SECOND_PORT < FIRST_OF_CLIENTS)
    node = _Node(folder, port=port)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(node.start())
        try:
            with Redis.from_url(node.url) as client:
                client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
                deadline = time.monotonic() + READY_SECONDS
                while b"cluster_state:ok" not in bytes(client.execute_command("CLUSTER", "INFO")):
                    assert time.monotonic() < deadline, "the cluster did not come up"
                    time.sleep(0.05)
            yield node.url
        finally:
            runner.run(node.stop())

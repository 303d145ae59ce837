"""The embedded Kafka broker: librdkafka's mock cluster in a process of its own.

It speaks the real wire protocol: producers (idempotent ones too), consumer groups with rebalances, manual
commits with metadata, `read_committed`. But mind what it is not:

- it keeps about 5 MB or 100,000 messages of a partition, whichever is less; older ones vanish, read or not;
- it keeps nothing on disk: topics, messages and committed offsets are gone after a stop, and offsets begin
  again at 0 (so every start has a new KAFKA_TOPIC_EPOCH);
- it has no CreateTopics and no ListGroups: a topic is made (with 4 partitions) when a client asks about it;
- a consumer group has room for one member. A second one is refused now and then (InvalidRequestError from
  SyncGroup, whenever the leader was quicker), and who joins after another has left waits for the session
  timeout less one second; after another was killed, about twice that.

aiokafka needs no special options for it. `list_consumer_group_offsets` wants its partitions named, and
`end_offsets` may take a fetch's waiting time (500 ms), because the broker answers a connection in order.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from openride_analytics.embedded.process import ServerProcess, accepts_connections, free_port
from openride_analytics.embedded.server import ProcessServer, package_dir

START_SECONDS = 15.0


class EmbeddedKafka(ProcessServer):
    """One broker. `topics` (name → partitions) exist when it is ready."""

    def __init__(self, data_dir: Path, *, port: int = 0, topics: Mapping[str, int] | None = None) -> None:
        self.data_dir = data_dir
        self.bootstrap = ""
        self._address_file = data_dir / "address"
        self._port = port
        self._topics = dict(topics or {})

    @property
    def url(self) -> str:
        """host:port; Kafka's clients know no URLs."""
        return self.bootstrap

    def env(self) -> dict[str, str]:
        return {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}

    async def start(self) -> None:
        package_dir("confluent_kafka", "kafka")
        if self._port:
            free_port(self._port)
        self._address_file.unlink(missing_ok=True)
        topics = [f"--topic={name}:{partitions}" for name, partitions in self._topics.items()]
        self.process = ServerProcess(
            "kafka",
            [
                sys.executable,
                "-m",
                "openride_analytics.embedded.mock_cluster",
                f"--port={self._port}",
                f"--address-file={self._address_file}",
                *topics,
            ],
            data_dir=self.data_dir,
            log_file=self.data_dir / "kafka.log",
        )
        await self.process.start(self._ready, within=START_SECONDS)

    async def _ready(self) -> bool:
        if not self._address_file.exists():
            return False
        self.bootstrap = self._address_file.read_text()
        return await accepts_connections(int(self.bootstrap.rpartition(":")[2]))

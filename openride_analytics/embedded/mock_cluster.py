"""librdkafka's mock cluster as a program: one broker that speaks Kafka's wire protocol, all in memory.

Run as `python -m openride_analytics.embedded.mock_cluster`; embedded/kafka.py says what it can and cannot do.

librdkafka exports its mock cluster (rdkafka_mock.h), but confluent-kafka only offers `test.mock.num.brokers`:
four partitions in every topic, three seconds until a consumer group's first assignment, no choice of port. So
its functions are called in the library that confluent-kafka has loaded.
"""

import argparse
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

from openride_analytics.embedded.process import HOST

BROKER_ID = 1
PRODUCER = 0  # RD_KAFKA_PRODUCER
NO_CONTROLLER = -1
REBALANCE_DELAY_MS = 100
LIMITS = "only memory: the last 5 MB or 100,000 messages of a partition; older ones vanish, read or not"


class MockCluster:
    """One mock broker listening on the loopback interface. Raises RuntimeError if librdkafka refuses."""

    def __init__(self, port: int = 0) -> None:
        self._library = _library()
        problem = ctypes.create_string_buffer(512)
        handle = self._library.rd_kafka_new(
            PRODUCER, self._library.rd_kafka_conf_new(), problem, len(problem)
        )
        if not handle:
            raise RuntimeError(problem.value.decode())
        self._cluster = self._library.rd_kafka_mock_cluster_new(handle, 1)
        if not self._cluster:
            raise RuntimeError("librdkafka could not create its mock cluster")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, REBALANCE_DELAY_MS)
        # CreateTopics is not served; without a controller a client learns so before it asks.
        self._check(self._library.rd_kafka_mock_set_controller_id(self._cluster, NO_CONTROLLER))
        address = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self.port = int(address.rpartition(":")[2])
        if port:
            self._move(port)

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic with one replica."""
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1))

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)

    def _move(self, port: int) -> None:
        """Listen on `port` instead of the port that librdkafka took, which it does not let us choose.

        A socket of ours takes the place of its listening socket under the same file descriptor. A connection
        to the old one wakes the broker's thread, which would wait on it for up to a second more.
        """
        with socket.socket() as ours, socket.create_connection((HOST, self.port)):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ours.bind((HOST, port))
            ours.listen(128)
            ours.setblocking(False)
            os.dup2(ours.fileno(), _descriptor_of(self.port))
        self._check(
            self._library.rd_kafka_mock_broker_set_host_port(self._cluster, BROKER_ID, HOST.encode(), port)
        )
        self.port = port

    @staticmethod
    def _check(error: int) -> None:
        if error:
            raise RuntimeError(f"librdkafka's mock cluster answered with error {error}")


def _descriptor_of(port: int) -> int:
    """The file descriptor of this process that listens on the loopback `port`."""
    for descriptor in range(3, 1024):
        try:
            probe = socket.socket(fileno=os.dup(descriptor))
        except OSError:  # closed, or not a socket
            continue
        with probe:
            if probe.family == socket.AF_INET and probe.getsockname() == (HOST, port):
                return descriptor
    raise RuntimeError(f"no socket of this process listens on port {port}")


def _library() -> ctypes.CDLL:
    """librdkafka, found through confluent-kafka's extension module, which is linked to it."""
    from confluent_kafka import cimpl  # noqa: PLC0415 - the extra may be missing; only this program needs it

    library = ctypes.CDLL(cimpl.__file__)
    pointer, text, int32 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    signatures = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_new": (pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, ctypes.c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, int32]),
        "rd_kafka_mock_set_controller_id": (ctypes.c_int, [pointer, int32]),
        "rd_kafka_mock_broker_set_host_port": (ctypes.c_int, [pointer, int32, text, int32]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
    }
    for name, (result, parameters) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
    return library


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any free one")
    parser.add_argument(
        "--address-file", type=Path, required=True, help="host:port is written here when ready"
    )
    parser.add_argument("--topic", action="append", default=[], metavar="NAME:PARTITIONS")
    arguments = parser.parse_args()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, signals
    )  # before librdkafka starts threads, so that they inherit it

    cluster = MockCluster(arguments.port)
    for topic in arguments.topic:
        name, _, partitions = topic.rpartition(":")
        cluster.create_topic(name, int(partitions))
    sys.stderr.write(f"Kafka (librdkafka's mock broker) on {HOST}:{cluster.port}: {LIMITS}\n")
    sys.stderr.flush()
    unfinished = arguments.address_file.with_suffix(".new")
    unfinished.write_text(f"{HOST}:{cluster.port}")
    unfinished.replace(arguments.address_file)

    signal.sigwait(signals)
    cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

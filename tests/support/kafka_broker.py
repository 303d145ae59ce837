"""A real Apache Kafka broker for tests and benchmarks: KRaft, one node, from its Maven artifacts, Java 17+.

`KafkaBroker` is synchronous: it needs no event loop. Inside one, `await asyncio.to_thread(broker.restart)`.
"""

import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

KAFKA_VERSION = "4.1.1"
SLF4J_VERSION = "1.7.36"
FETCH_SECONDS = 300
READY_SECONDS = 60
STOP_SECONDS = 15
CLUSTER_ID = "b3BlbnJpZGUtdGVzdHMtMQ"
ROOT = Path(__file__).resolve().parents[2]

POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>openride.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{SLF4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

# A killed broker is admitted again only when its old session is over, which bounds a restart after SIGKILL.
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
message.max.bytes=16777216
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
offsets.topic.num.partitions=2
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=300
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
background.threads=2
"""


class Unavailable(Exception):
    """Kafka cannot be run here; the message says what is missing."""


def fetch_jars(cache: Path | None = None) -> Path:
    """The folder of Kafka's jars, fetched by Maven the first time (45 MB); several processes may ask at once.

    `cache` defaults to OPENRIDE_TEST_CACHE, else `.cache` in the checkout. Raises Unavailable.
    """
    base = (cache or Path(os.environ.get("OPENRIDE_TEST_CACHE") or ROOT / ".cache")) / "kafka"
    jars = base / KAFKA_VERSION
    if jars.is_dir():
        return jars
    base.mkdir(parents=True, exist_ok=True)
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch(base, jars)
    return jars


def _fetch(base: Path, jars: Path) -> None:
    """A folder that exists is whole: it is filled under another name and renamed."""
    if shutil.which("mvn") is None:
        raise Unavailable("no `mvn` on the PATH: Maven fetches Kafka the first time")
    with tempfile.TemporaryDirectory(dir=base) as scratch:
        pom, target = Path(scratch) / "pom.xml", Path(scratch) / "jars"
        pom.write_text(POM)
        command = [
            "mvn",
            "-B",
            "-q",
            "-f",
            str(pom),
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
        ]
        try:
            done = subprocess.run(
                [*command, "-DincludeScope=runtime", f"-DoutputDirectory={target}"],
                capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unavailable(f"Maven did not fetch Kafka {KAFKA_VERSION} within {FETCH_SECONDS} s") from None
        if done.returncode != 0 or not target.is_dir():
            raise Unavailable(
                f"Maven could not fetch Kafka {KAFKA_VERSION}:\n{(done.stdout + done.stderr)[-2000:]}"
            )
        target.rename(jars)


def require_java() -> None:
    """Raises Unavailable without Java 17 or newer."""
    if shutil.which("java") is None:
        raise Unavailable("no `java` on the PATH: Kafka needs Java 17 or newer")
    said = subprocess.run(
        ["java", "-version"], capture_output=True, text=True, timeout=30, check=False
    ).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        raise Unavailable(f"Kafka needs Java 17 or newer, not {said.splitlines()[:1]}")


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now, all different.

    Below the usual ephemeral range: a client that retries against a stopped broker could otherwise be given
    the broker's own port as its source, connect to itself, and keep the broker from coming back.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe:
            if port not in ports and probe.connect_ex(("127.0.0.1", port)) != 0:
                ports.append(port)
    return ports


class KafkaBroker:
    """One broker with its own data folder and ports; both outlive `stop`: a restart finds everything again.

        with KafkaBroker(folder) as broker:
            ... broker.bootstrap ...

    Who comes by `behind_port` is sent to `proxy_port`, where a test may have a proxy that leads back to
    `behind_port`: then nothing goes around the proxy.

    Raises Unavailable when there is no Kafka, RuntimeError with its log's last lines when it does not start.
    """

    def __init__(self, folder: Path, *, jars: Path | None = None, apart: bool = False) -> None:
        """`apart`: in a session of its own, which a terminal's Ctrl-C does not reach."""
        self.folder = folder
        self._apart = apart
        self.log = folder / "server.log"
        require_java()
        self._jars = jars or fetch_jars()
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.behind_port, self.proxy_port, self._controller_port = free_ports(4)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns once the broker serves requests. Formats the storage the first time."""
        assert not self.running, "the broker runs already"
        if not (self.folder / "server.properties").exists():
            self._format()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("512m", "info", "kafka.Kafka", "server.properties"),
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=self._apart,
            )  # fmt: skip
        try:
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """A controlled shutdown; SIGKILL when it takes longer than STOP_SECONDS."""
        if self._process is None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """SIGKILL: what the operating system holds of the logs survives, nothing else."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as when a machine hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log_tail(self, lines: int = 30) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _java(self, heap: str, level: str, *main: str) -> list[str]:
        log = "-Dorg.slf4j.simpleLogger."
        return [
            *(
                "java",
                "-Xms64m",
                f"-Xmx{heap}",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
            ),
            *(
                f"{log}defaultLogLevel={level}",
                f"{log}showDateTime=true",
                *(f"{log}dateTimeFormat=HH:mm:ss.SSS", f"{log}log.state.change.logger=warn"),
            ),
            *("-cp", f"{self._jars}/*", *main),
        ]

    def _format(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        ports = {
            "port": self.port,
            "behind_port": self.behind_port,
            "proxy_port": self.proxy_port,
            "controller_port": self._controller_port,
        }
        properties.write_text(PROPERTIES.format(data=self.folder / "data", **ports))
        arguments = ["format", "-t", CLUSTER_ID, "-c", str(properties)]
        command = self._java("256m", "warn", "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=READY_SECONDS, check=False)
        if done.returncode != 0:
            properties.unlink()
            said = (done.stdout + done.stderr)[-2000:]
            raise RuntimeError(f"Kafka's storage could not be formatted:\n{said}")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                raise RuntimeError(f"Kafka ended while it was starting; its log ends with\n{self.log_tail()}")
            if _live_brokers(self.port) > 0:
                return
            time.sleep(0.05)
        raise RuntimeError(f"Kafka was not ready in {READY_SECONDS} s; its log ends with\n{self.log_tail()}")

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)


def _live_brokers(port: int) -> int:
    """How many unfenced brokers a Metadata (v1) request, asking for no topic, names; 0 while none answers."""
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as answer:
                head = answer.read(12)
    except OSError:
        return 0
    return int(struct.unpack(">iii", head)[2]) if len(head) == 12 else 0


@contextlib.contextmanager
def temporary_broker() -> Iterator[KafkaBroker]:
    """A broker whose data goes away with it: for benchmarks and scripts."""
    with tempfile.TemporaryDirectory(prefix="openride-kafka-") as folder, KafkaBroker(Path(folder)) as broker:
        yield broker

"""S3-compatible storage for tests: S3Proxy over a folder, from its Maven artifacts, Java 17+."""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.kafka_broker import ROOT, Unavailable, free_ports, require_java

VERSION = "2.6.0"
BUCKET = "exports"
READY_SECONDS = 60
FETCH_SECONDS = 300
KEY, SECRET = "tester", "not-a-secret"

POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>openride.tests</groupId><artifactId>s3</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.gaul</groupId><artifactId>s3proxy</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
QUIET = '<configuration><root level="OFF"/></configuration>'
PROPERTIES = """s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={key}
s3proxy.credential={secret}
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
jclouds.filesystem.basedir={data}
"""


def fetch_jars() -> Path:
    """The folder of its jars, fetched by Maven the first time (43 MB). Raises Unavailable."""
    base = Path(os.environ.get("OPENRIDE_TEST_CACHE") or ROOT / ".cache") / "s3proxy"
    jars = base / VERSION
    base.mkdir(parents=True, exist_ok=True)
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch(base, jars)
    return jars


def _fetch(base: Path, jars: Path) -> None:
    if shutil.which("mvn") is None:
        raise Unavailable("no `mvn` on the PATH: Maven fetches S3Proxy the first time")
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
        done = subprocess.run(
            [*command, "--strict-checksums", f"-DoutputDirectory={target}"],
            capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode != 0 or not target.is_dir():
            raise Unavailable(
                f"Maven could not fetch S3Proxy {VERSION}:\n{(done.stdout + done.stderr)[-2000:]}"
            )
        target.rename(jars)


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """A server with one empty bucket; the settings that lead the service there. Raises Unavailable."""
    jars, (port,) = fetch_jars(), free_ports(1)
    (folder / "data" / BUCKET).mkdir(parents=True)
    (folder / "logback.xml").write_text(QUIET)
    properties = folder / "s3proxy.properties"
    properties.write_text(PROPERTIES.format(port=port, key=KEY, secret=SECRET, data=folder / "data"))
    command = [
        "java",
        "-Xmx128m",
        "-XX:TieredStopAtLevel=1",
        f"-Dlogback.configurationFile={folder}/logback.xml",
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "-cp", f"{jars}/*", "org.gaul.s3proxy.Main", "--properties", str(properties)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(server, port)
        yield {
            "EXPORT_STORE_URL": f"s3://{BUCKET}/made",
            "EXPORT_S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "EXPORT_S3_REGION": "us-east-1",
            "EXPORT_S3_ACCESS_KEY_ID": KEY,
            "EXPORT_S3_SECRET_ACCESS_KEY": SECRET,
        }
    finally:
        server.kill()
        server.wait()


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("S3Proxy did not start")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings that lead to an object store of this run. Skips where there is no Java or Maven; fails in CI."""
    try:
        fetch_jars()
        require_java()
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run the tests against real storage: {missing}")
        pytest.skip(f"no object storage here: {missing}")
    with running(tmp_path_factory.mktemp("s3")) as environ:
        yield environ

"""The command line: what it prints and how it exits. `check` stands for every command."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import NameOID

from openride_analytics.__main__ import COMMANDS, main
from openride_analytics.errors import Fatal, Invalid, Retryable
from openride_analytics.settings import VARIABLES, Settings

Run = Callable[[argparse.Namespace, Settings], int]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither this machine's variables nor its .env."""
    for variable in VARIABLES:
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Give the command `check` another body."""
    module = ModuleType("openride_analytics.commands.check", "Stands in.")
    vars(module)["add_arguments"] = lambda parser: parser.add_argument("--number", type=int)

    def body(run: Run) -> None:
        vars(module)["run"] = run
        monkeypatch.setattr("openride_analytics.__main__.importlib.import_module", lambda _: module)

    return body


def raising(error: BaseException) -> Run:
    """A command that fails so."""

    def run(args: argparse.Namespace, settings: Settings) -> int:
        raise error

    return run


def exit_code(*argv: str) -> int:
    """Of a command line that argparse ends."""
    with pytest.raises(SystemExit) as ended:
        main(argv)
    return int(ended.value.code or 0)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("--help")
    printed = capsys.readouterr().out.split()
    assert [name for name, _ in COMMANDS if name not in printed] == []


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_help_of_each_command(name: str) -> None:
    assert exit_code(name, "--help") == 0


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["check", "--nonsense"], ["--nonsense"]])
def test_wrong_usage(argv: list[str]) -> None:
    assert exit_code(*argv) == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("--version")
    assert capsys.readouterr().out.startswith("openride-analytics 0.")


def test_exit_code_of_the_command(command: Callable[[Run], None]) -> None:
    command(lambda args, settings: args.number)
    assert main(["check", "--number", "1"]) == 1


def test_command_is_given_the_settings(
    command: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "81")
    command(lambda args, settings: settings.app.port)
    assert main(["check"]) == 81


def test_wrong_settings_are_told_one_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("EXPORT_WORKERS", "y")
    main(["check"])
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        "PORT",
        "EXPORT_WORKERS",
    ]


def test_wrong_settings_exit_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    assert main(["check"]) == 2


def test_misspelt_setting_is_warned_of(
    command: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVER", "x")
    command(lambda args, settings: 0)
    main(["check"])
    assert capsys.readouterr().err.startswith("warning: KAFKA_BOOTSTRAP_SERVER: no such setting")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Retryable("kafka", "away"), 1),
        (Fatal("broken"), 1),
        (Invalid("--rate", "too fast"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_code_of_an_error(command: Callable[[Run], None], error: BaseException, code: int) -> None:
    command(raising(error))
    assert main(["check"]) == code


def test_error_is_one_line(command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]) -> None:
    command(raising(Retryable("kafka", "away")))
    main(["check"])
    assert capsys.readouterr().err == "error: kafka: away\n"


def test_reader_that_goes_away_leaves_no_complaint() -> None:
    script = (
        "import sys, openride_analytics.__main__ as m\n"
        "from openride_analytics import commands\n"
        "import openride_analytics.commands.check as c\n"
        "c.run = lambda args, settings: print('x' * 10_000_000) or 0\n"
        "sys.exit(m.main(['check']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr is not None
        complaint = child.stderr.read()
        assert (child.wait(30), complaint) == (141, b"")


@pytest.mark.parametrize("name", ["KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE"])
@pytest.mark.parametrize("argv", [["dlq", "list"], ["simulate"], ["replay", "-"]])
def test_a_certificate_that_is_none_is_told_in_a_line(
    name: str,
    argv: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file.pem").write_text("no certificate")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv(name, str(tmp_path / "file.pem"))
    assert main(argv) == 1
    assert capsys.readouterr().err.startswith(f"error: kafka: {name}")


def test_nobody_is_asked_at_the_terminal_for_the_password_of_a_key(tmp_path: Path) -> None:
    """Without a terminal OpenSSL would take it from the standard input."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"opensesame"))
    (tmp_path / "key.pem").write_bytes(locked)
    (tmp_path / "cert.pem").write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    files = {
        "KAFKA_SSL_CERTFILE": str(tmp_path / "cert.pem"),
        "KAFKA_SSL_KEYFILE": str(tmp_path / "key.pem"),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "openride_analytics", "dlq", "list"],
        input="opensesame\n",
        env=os.environ | files | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    assert ended.stderr.startswith("error: kafka: KAFKA_SSL_CERTFILE with its key cannot be used")


def test_where_nothing_can_be_printed_what_is_done_is_done() -> None:
    """As of a job whose standard output is closed."""
    ended = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m openride_analytics token --subject somebody >&-"],
        env=os.environ | {"JWT_SECRET_KEY": "x" * 32},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")

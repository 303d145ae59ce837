"""The command `token`: what it prints is what a service with the same settings accepts."""

import asyncio
from collections.abc import Mapping

import pytest

from openride_analytics.__main__ import main
from openride_analytics.access import Caller, Role, Tokens
from openride_analytics.clock import SystemClock
from openride_analytics.commands.token import seconds
from openride_analytics.settings import VARIABLES, load

ENVIRON = {"JWT_SECRET_KEY": "k" * 64}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither this machine's variables nor its .env."""
    for variable in VARIABLES:
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


def minted(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], *flags: str) -> int:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return main(["token", *flags])


def caller(environ: Mapping[str, str], token: str) -> Caller:
    return asyncio.run(Tokens(load(environ).auth, SystemClock()).caller(token))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize(
    "named", [{}, {"JWT_ISSUER": "us", "JWT_AUDIENCE": "rides", "JWT_ROLE_CLAIM": "may"}]
)
def test_what_it_prints_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    algorithm: str,
    named: dict[str, str],
) -> None:
    environ = {**ENVIRON, "JWT_ALGORITHM": algorithm, **named}
    code = minted(monkeypatch, environ, "--subject", "ci", "--role", "admin", "--expires", "30d")
    printed = capsys.readouterr()
    found = caller(environ, printed.out.removesuffix("\n"))
    assert (code, printed.err, found.subject, found.role) == (0, "", "ci", Role.ADMIN)


def test_it_lasts_as_long_as_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = SystemClock().time()
    minted(monkeypatch, ENVIRON, "--subject", "ci", "--expires", "15m")
    expires = caller(ENVIRON, capsys.readouterr().out.strip()).expires
    assert expires is not None and 898 <= expires - begun <= 930


def test_without_a_role_it_is_a_viewer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    minted(monkeypatch, ENVIRON, "--subject", "ci")
    assert caller(ENVIRON, capsys.readouterr().out.strip()).role is Role.VIEWER


@pytest.mark.parametrize(
    ("environ", "flags", "said"),
    [
        ({**ENVIRON, "JWT_ALGORITHM": "RS256"}, [], "JWT_ALGORITHM: RS256 tokens are signed by the issuer"),
        ({}, [], "JWT_SECRET_KEY: it is missing"),
        (ENVIRON, ["--subject", "a\nb"], "--subject: it cannot be used"),
        (ENVIRON, ["--subject", "a" * 256], "--subject: it cannot be used"),
    ],
)
def test_what_it_cannot_do_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    flags: list[str],
    said: str,
) -> None:
    code = minted(monkeypatch, environ, "--subject", "ci", *flags)
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.startswith(f"error: {said}"), printed.err.count("\n")) == (
        2,
        "",
        True,
        1,
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("900", 900), ("900s", 900), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)]
)
def test_durations(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "1w", "h", "", "1.5h", "1 h", "3651d", "9" * 30, "\u0663h"])
def test_wrong_durations(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token", "--subject", "ci", f"--expires={text}"])
    assert (ended.value.code, "30d" in capsys.readouterr().err) == (2, True)

"""Kinds of values: each turns a variable's text into a value, or raises ValueError saying what is wrong."""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from openride_analytics.currencies import CODES
from openride_analytics.settings.secret import Secret

_N = TypeVar("_N", int, float)

_SHOWN = 60  # characters of a wrong value that an error repeats


@dataclass(frozen=True)
class Kind:
    """`allowed` says in words what `parse` takes."""

    allowed: str
    parse: Callable[[str], object]
    secret: bool = False


def quoted(text: str) -> str:
    """A wrong value as one line may show it: short, and without what may be credentials."""
    if "@" in text:
        return "the value"
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def text(limit: int = 200) -> Kind:
    """Any one line of printable text."""

    def parse(value: str) -> str:
        if len(value) > limit or not value.isprintable():
            raise ValueError(f"{quoted(value)} is too long or has characters that cannot be printed")
        return value

    return Kind(f"one line of at most {limit} characters", parse)


def pattern(regex: str, allowed: str) -> Kind:
    """Text that matches all of `regex`."""
    compiled = re.compile(regex)

    def parse(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"{quoted(value)} cannot be used")
        return value

    return Kind(allowed, parse)


def choice(*names: str, upper: bool = False) -> Kind:
    """One of `names`; case does not matter if they are written in upper case."""

    def parse(value: str) -> str:
        found = value.upper() if upper else value
        if found not in names:
            raise ValueError(f"{quoted(value)} is not one of them")
        return found

    return Kind(" | ".join(names), parse)


def boolean() -> Kind:
    """True or False."""
    known = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(
        ("false", "0", "no", "off"), False
    )

    def parse(value: str) -> bool:
        if value.lower() not in known:
            raise ValueError(f"{quoted(value)} is neither yes nor no")
        return known[value.lower()]

    return Kind("true | false (or 1 | 0, yes | no, on | off)", parse)


def integer(low: int, high: int) -> Kind:
    """A whole number from `low` to `high`."""

    def parse(value: str) -> int:
        if re.fullmatch(r"[+-]?[0-9]{1,18}", value) is None:
            raise ValueError(f"{quoted(value)} is not a whole number")
        return _within(int(value), low, high)

    return Kind(f"{low} to {high}", parse)


def number(low: float, high: float) -> Kind:
    """A number from `low` to `high`."""

    def parse(value: str) -> float:
        if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", value) is None:
            raise ValueError(f"{quoted(value)} is not a number")
        return _within(float(value), low, high)

    return Kind(f"{low:g} to {high:g}", parse)


def port(low: int = 1, *, http: dict[int, int] | None = None) -> Kind:
    """A TCP port. `http` maps ports that people take for the right one to the one they mean."""
    whole = integer(low, 65535)

    def parse(value: str) -> object:
        if "://" in value:  # what Kubernetes sets, unasked, for a Service whose name is our prefix
            raise ValueError(
                f"{quoted(value)} is a service link of Kubernetes; set enableServiceLinks: false"
            )
        for wrong, meant in (http or {}).items():
            if value == str(wrong):
                raise ValueError(
                    f"{wrong} is the HTTP port; this service speaks the native protocol, port {meant}"
                )
        return whole.parse(value)

    return Kind(whole.allowed, parse)


def host() -> Kind:
    """A host name or an IP address, without scheme or port."""
    name = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")

    def parse(value: str) -> str:
        if name.fullmatch(value) is None:
            try:
                ipaddress.IPv6Address(value)
            except ValueError:
                raise ValueError(f"{quoted(value)} cannot be used") from None
        return value

    return Kind("a host name or an IP address, without scheme or port", parse)


def servers() -> Kind:
    """Kafka's bootstrap servers, comma-separated."""
    one = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?):([0-9]{1,5})"

    def parse(value: str) -> str:
        found = [part.strip() for part in value.split(",")]
        for part in found:
            match = re.fullmatch(one, part)
            if match is None or not 1 <= int(match[3]) <= 65535:
                raise ValueError(f"{quoted(part)} is not host:port")
        return ",".join(found)

    return Kind("host:port[,host:port...]", parse)


def url(*schemes: str, secret: bool = False) -> Kind:
    """A URL with a host (or, of scheme unix, a path). Without `secret` it may hold no credentials."""

    def parse(value: str) -> object:
        parts = _split(value)
        if parts.scheme not in schemes:
            raise ValueError("the scheme is not one of them" if parts.scheme else "no scheme")
        if parts.scheme != "unix" and not parts.hostname:
            raise ValueError("no host")
        if parts.password is not None and not secret:
            raise ValueError("credentials do not belong here")
        return Secret(value) if secret else value.rstrip("/")

    return Kind(" | ".join(f"{scheme}://..." for scheme in schemes), parse, secret)


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        for host in parts.netloc.rpartition("@")[2].split(","):  # PostgreSQL's may be several
            _ = urlsplit(f"//{host}").port
    except ValueError:
        raise ValueError("host or port cannot be read") from None  # the cause quotes the URL
    if any(mark in value for mark in " \t\r\n") or "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("a special character in user, password or path has to be percent-encoded")
    return parts


def secret(shortest: int = 0) -> Kind:
    """Any text, never shown."""

    def parse(value: str) -> Secret:
        if len(value.encode()) < shortest:
            raise ValueError(f"it is shorter than {shortest} bytes")
        return Secret(value)

    return Kind(f"at least {shortest} bytes" if shortest else "any text", parse, secret=True)


def timezone() -> Kind:
    """An IANA time zone."""
    # Which systems keep, and callers may not name either.
    copies = re.compile(r"(posix|right)/.*|posixrules|localtime")

    def parse(value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{quoted(value)} is not a known zone") from None
        if copies.fullmatch(value):
            raise ValueError(f"{quoted(value)} is not a known zone")
        return value

    return Kind("an IANA time zone such as Africa/Lagos", parse)


def currency() -> Kind:
    """An ISO 4217 code."""

    def parse(value: str) -> str:
        if value not in CODES:
            raise ValueError(f"{quoted(value)} is not one")
        return value

    return Kind("an ISO 4217 code such as NGN", parse)


def origins() -> Kind:
    """Origins of web pages, comma-separated; or `*`."""

    def parse(value: str) -> tuple[str, ...]:
        found = tuple(part.strip() for part in value.split(",") if part.strip())
        for part in found:
            if part != "*" and re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+", part) is None:
                raise ValueError(f"{quoted(part)} is not an origin")
        if "*" in found and len(found) > 1:
            raise ValueError("* stands alone")
        return found

    return Kind("* | https://host[:port][,...]", parse)


def existing_file() -> Kind:
    """Path of a file that is there."""

    def parse(value: str) -> str:
        if not Path(value).is_file():
            raise ValueError(f"{quoted(value)} is not a file")
        return value

    return Kind("path of a file", parse)


def directory() -> Kind:
    """Path of a directory, there or not yet."""

    def parse(value: str) -> Path:
        path = Path(value).expanduser()
        if not path.is_absolute():
            raise ValueError(f"{quoted(value)} is a relative path")
        if path.exists() and not path.is_dir():
            raise ValueError(f"{quoted(value)} is not a directory")
        return path

    return Kind("absolute path of a directory", parse)


def _within(value: _N, low: _N, high: _N) -> _N:
    if not low <= value <= high:
        raise ValueError(f"{value:g} is too {'small' if value < low else 'large'}")
    return value

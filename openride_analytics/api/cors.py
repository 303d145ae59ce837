"""Which pages of other origins may read the answers (CORS).

The envelope does it for every answer, whoever gives it; the framework's own middleware would refuse a preflight in
plain text.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from litestar.config.cors import CORSConfig
from litestar.types import Method

from openride_analytics import settings as tree
from openride_analytics.api.headers import SENT
from openride_analytics.api.problems import FieldError

Header = tuple[bytes, bytes]

_METHODS: Final[list[Method | Literal["*"]]] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]
_SAFE: Final = ("accept", "accept-language", "content-language")  # every page may send these
_ASKED: Final = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Range",
    "X-Request-ID",
]
_ALWAYS_READ: Final = {"Cache-Control", "Last-Modified"}  # by every page, without being told (Fetch, 2.2.2)
_READ: Final = sorted({name.partition(".")[0] for name in SENT} - _ALWAYS_READ)


def cors(api: tree.Api) -> CORSConfig | None:
    """None without CORS_ORIGINS: then browsers let no page of another origin read anything.

    Never with credentials: callers show a token in a header, which no browser sends unasked.
    """
    if not api.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(api.cors_origins),
        allow_methods=_METHODS,
        allow_headers=_ASKED,
        expose_headers=_READ,
        allow_credentials=False,
    )


def readable_by(config: CORSConfig | None, given: Iterable[Header]) -> Iterator[Header]:
    """The headers with which a page may read an answer; without an origin too they say what it depends on, lest a
    browser that keeps the answer gives it to a page as one that it may not read."""
    if config is None:
        return
    if not config.is_allow_all_origins:
        yield b"vary", b"Origin"
    origin = _value(given, b"origin")
    if not origin or not config.is_origin_allowed(origin):
        return
    for name, value in config.simple_headers.items():
        yield name.lower().encode(), value.encode()
    if not config.is_allow_all_origins:
        yield b"access-control-allow-origin", origin.encode("latin-1")


def is_preflight(method: str, given: Iterable[Header]) -> bool:
    """Whether a browser asks what a page may ask."""
    return method == "OPTIONS" and any(name == b"access-control-request-method" for name, _ in given)


def refused(config: CORSConfig, given: Iterable[Header]) -> list[FieldError]:
    """What a preflight asks for and may not have."""
    origin, method = _value(given, b"origin"), _value(given, b"access-control-request-method")
    asked = {name.strip().lower() for name in _value(given, b"access-control-request-headers").split(",")}
    found = []
    if not config.is_origin_allowed(origin):
        found.append(FieldError("Origin", "is not one of CORS_ORIGINS", ""))
    if method not in config.allow_methods:
        found.append(FieldError("Access-Control-Request-Method", "is not allowed", ", ".join(_METHODS)))
    if asked - {"", *config.allow_headers, *_SAFE}:
        found.append(
            FieldError("Access-Control-Request-Headers", "has one that is not allowed", ", ".join(_ASKED))
        )
    return found


def allowed(config: CORSConfig) -> list[Header]:
    """The headers, beside those of `readable_by`, that tell a browser what a page may ask."""
    found = {name.lower(): value for name, value in config.preflight_headers.items()}
    names = ("access-control-allow-headers", "access-control-allow-methods", "access-control-max-age")
    return [(name.encode(), found[name].encode()) for name in names]


def _value(given: Iterable[Header], wanted: bytes) -> str:
    return next((value for name, value in given if name == wanted), b"").decode("latin-1")

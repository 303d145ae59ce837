"""Which pages of other origins may read the answers (CORS)."""

from collections.abc import Iterable, Iterator
from typing import Final

from litestar.config.cors import CORSConfig

from openride_analytics import settings as tree

_ASKED: Final = ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID"]
_READ: Final = ["Content-Disposition", "ETag", "Retry-After", "X-Cache", "X-Request-ID", "X-Truncated"]


def cors(api: tree.Api) -> CORSConfig | None:
    """None without CORS_ORIGINS: then browsers let no page of another origin read anything.

    Never with credentials: callers show a token in a header, which no browser sends unasked.
    """
    if not api.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(api.cors_origins),
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=_ASKED,
        expose_headers=_READ,
        allow_credentials=False,
    )


def readable_by(
    config: CORSConfig | None, headers: Iterable[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, bytes]]:
    """The headers with which a page may read an answer that the application has not given itself."""
    origin = next((value for name, value in headers if name == b"origin"), b"").decode("latin-1")
    if config is None or not origin or not config.is_origin_allowed(origin):
        return
    for name, value in config.simple_headers.items():
        yield name.lower().encode(), value.encode()
    if not config.is_allow_all_origins:
        yield b"access-control-allow-origin", origin.encode("latin-1")
        yield b"vary", b"Origin"

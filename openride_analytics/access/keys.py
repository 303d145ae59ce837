"""The public keys that tokens are signed with, as their issuer publishes them (a JWK set, RFC 7517).

They are fetched when they are needed and kept for MAX_AGE_SECONDS: a key that the issuer takes back is refused after
that at the latest. A token with a key nobody knows makes us look at once, but no oftener than every RETRY_SECONDS,
whatever is sent. While the issuer is away the keys of the last fetch hold, for STALE_SECONDS.
"""

import asyncio
import http.client
import json
import logging
import time
import urllib.request
from math import inf
from typing import Any, Final

from jwt import PyJWK

from openride_analytics.clock import Clock
from openride_analytics.compute import Thread
from openride_analytics.errors import Retryable

log = logging.getLogger("openride.access")

MAX_AGE_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 5.0
STALE_SECONDS: Final = 3600.0
TIMEOUT_SECONDS: Final = 3.0

_MOST_BYTES: Final = 1 << 20
_CHUNK: Final = 1 << 16

# A thread of its own: an issuer that answers drop by drop keeps no other work waiting.
_apart: Final = Thread("jwks")


class PublishedKeys:
    """The keys at `url` that fit `algorithm`; all others are passed over."""

    def __init__(self, url: str, algorithm: str, clock: Clock) -> None:
        self._url = url
        self._algorithm = algorithm
        self._clock = clock
        self._keys: list[PyJWK] = []
        self._fetched_at = -inf
        self._tried_at = -inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> PyJWK | None:
        """The key of that name, if it is published; without a name, the key if there is but one.

        Raises Retryable when there are no keys that could still be believed.
        """
        if self._age() >= MAX_AGE_SECONDS or self._pick(kid) is None:
            await self._refresh()
        if self._age() >= STALE_SECONDS:
            raise Retryable("jwks", "the keys of tokens could not be fetched")
        return self._pick(kid)

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched_at

    def _pick(self, kid: str | None) -> PyJWK | None:
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == kid), None)

    async def _refresh(self) -> None:
        """Whoever comes while keys are being fetched waits for the same answer."""
        fetching = self._fetching
        if fetching is None or fetching.done():
            now = self._clock.monotonic()
            if now - self._tried_at < RETRY_SECONDS:
                return
            self._tried_at = now
            fetching = self._fetching = asyncio.create_task(self._fetch(), name="jwks")
        await asyncio.shield(fetching)  # one caller's leaving is not the others' loss

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                body = await _apart(lambda: _download(self._url))
            keys = _parse(body, self._algorithm)
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            # Only the kind of error: its text may quote what was received.
            log.warning("keys of tokens could not be fetched", extra={"problem": type(error).__name__})
            return
        if not keys:
            log.warning("no published key fits", extra={"algorithm": self._algorithm})
        self._keys = keys
        self._fetched_at = self._clock.monotonic()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys are believed because of where they come from: elsewhere is somebody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def _download(url: str) -> bytes:
    """The body; runs in a thread. Raises OSError, ValueError, HTTPException."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    body = b""
    with _OPENER.open(url, timeout=TIMEOUT_SECONDS) as answer:
        while chunk := answer.read1(_CHUNK):
            body += chunk
            if len(body) > _MOST_BYTES or time.monotonic() > deadline:
                raise ValueError("too much, or too slow")
    return body


def _parse(body: bytes, algorithm: str) -> list[PyJWK]:
    """The keys of a JWK set that verify signatures of `algorithm`. Raises ValueError for what is no JWK set."""
    document = json.loads(body)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JWK set")  # noqa: TRY004 - an answer, not an argument
    found = (_key(entry, algorithm) for entry in document["keys"])
    return [key for key in found if key is not None]


def _key(entry: Any, algorithm: str) -> PyJWK | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    if entry.get("alg", algorithm) != algorithm:
        return None
    try:
        return PyJWK(entry, algorithm)
    except Exception:  # noqa: BLE001 - an odd key, of whatever oddness, is not its neighbors' loss
        return None

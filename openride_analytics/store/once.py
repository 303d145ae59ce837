"""What is done once, however often it is asked for: by a caller's Idempotency-Key."""

import hashlib
from typing import NamedTuple

import msgspec

from openride_analytics.errors import Invalid


class Once(NamedTuple):
    """A caller's key, and a fingerprint of what came with it."""

    key: str
    fingerprint: str


def once(key: str | None, asked: msgspec.Struct) -> Once | None:
    """None without a key."""
    if key is None:
        return None
    return Once(key, hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest())


def reused() -> ExceptionGroup[Invalid]:
    """What is wrong with a key that came with another request before."""
    allowed = "a new one for each request"
    return ExceptionGroup("once", [Invalid("Idempotency-Key", "came with another request before", allowed)])

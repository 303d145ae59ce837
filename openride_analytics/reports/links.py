"""Links in mails: signed, so that they open one file, or end one subscription, and nothing else, for a while."""

import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final
from uuid import UUID

from openride_analytics.errors import Invalid
from openride_analytics.settings import Settings

_DAY: Final = 86_400
_BODY: Final = struct.Struct(">B16sQ16s")  # purpose, id, expiry (seconds since 1970), whom
_MAC: Final = hashlib.sha256
_NOBODY: Final = bytes(16)


class Purpose(IntEnum):
    """What a link is for: the file of an execution, or leaving the recipients of a schedule."""

    FILE = 1
    UNSUBSCRIBE = 2


PATHS: Final = {Purpose.FILE: "/v1/reports/files/", Purpose.UNSUBSCRIBE: "/v1/reports/unsubscribe/"}


@dataclass(frozen=True)
class Link:
    """What a link says. `id` is an execution's or a schedule's; `whom` is a digest of an address."""

    purpose: Purpose
    id: UUID
    whom: bytes


class Links:
    """Makes and verifies them. No address is in a link, since links end up in logs: only a keyed digest of it."""

    def __init__(self, public_url: str, secret: bytes, days: int) -> None:
        self._public_url = public_url
        self._key = _derived(secret, b"links")
        self._seconds = days * _DAY

    def file(self, execution_id: UUID, now: datetime) -> str:
        """Where the file of an execution is to be had."""
        return self._url(Link(Purpose.FILE, execution_id, _NOBODY), now)

    def unsubscribe(self, schedule_id: UUID, address: str, now: datetime) -> str:
        """Where whoever has that address takes it off a schedule's recipients."""
        return self._url(Link(Purpose.UNSUBSCRIBE, schedule_id, self._whom(schedule_id, address)), now)

    def verify(self, purpose: Purpose, token: str, now: datetime) -> Link:
        """What follows PATHS[purpose] in a URL. Raises Invalid: not ours, changed, for something else, expired."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            body, mac = raw[: _BODY.size], raw[_BODY.size :]
            given, of, expires, whom = _BODY.unpack(body)
        except (ValueError, struct.error):
            raise _invalid() from None
        # The signature first, in constant time: before it holds, nothing else in the token means anything.
        if not hmac.compare_digest(mac, self._mac(body)) or given != purpose or _text(raw) != token:
            raise _invalid()
        if now.timestamp() >= expires:
            raise Invalid("link", "has expired")
        return Link(purpose, UUID(bytes=of), whom)

    def is_for(self, link: Link, address: str) -> bool:
        """Whether an unsubscribe link is that address's."""
        return hmac.compare_digest(link.whom, self._whom(link.id, address))

    def _url(self, link: Link, now: datetime) -> str:
        expires = int(now.timestamp()) + self._seconds
        body = _BODY.pack(link.purpose, link.id.bytes, expires, link.whom)
        return f"{self._public_url}{PATHS[link.purpose]}{_text(body + self._mac(body))}"

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, _MAC)

    def _whom(self, schedule_id: UUID, address: str) -> bytes:
        return hmac.digest(self._key, b"whom" + schedule_id.bytes + address.encode(), _MAC)[: len(_NOBODY)]


def links(settings: Settings) -> Links:
    """Signed with LINK_SECRET; else with a key derived from JWT_SECRET_KEY; else with one of this process alone, whose
    links end with it (the settings allow that nowhere but in development and tests).
    """
    secret = settings.smtp.link_secret or settings.auth.jwt_secret_key
    key = secret.reveal().encode() if secret else secrets.token_bytes(32)
    return Links(settings.app.public_url, key, settings.smtp.report_files_retention_days)


def _derived(secret: bytes, label: bytes) -> bytes:
    """A key of its own for each use of one secret: a signature of one is none of the other."""
    return hmac.digest(secret, b"openride-analytics " + label, _MAC)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _invalid() -> Invalid:
    return Invalid("link", "is not one that this service made")

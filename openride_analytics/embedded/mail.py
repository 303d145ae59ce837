"""The embedded mail sink: takes every message over SMTP and writes it to a file instead of sending it on."""

import asyncio
import email
import email.policy
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from weakref import WeakSet

from openride_analytics.embedded.process import HOST, free_port
from openride_analytics.embedded.server import EmbeddedServer, package_dir

SENDER_HEADER = "X-Envelope-From"
RECIPIENT_HEADER = "X-Envelope-To"
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Mail:
    """One message as it was taken: whom the envelope named, and what was in it."""

    path: Path
    sender: str
    recipients: Sequence[str]
    message: EmailMessage


class EmbeddedMail(EmbeddedServer):
    """An SMTP server in this event loop. The n-th message of its directory is `000n.eml`."""

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        self.data_dir = data_dir
        self._port = port
        self._server: asyncio.Server | None = None
        self._sessions: WeakSet[Any] = WeakSet()
        self._stopped = asyncio.Event()

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self._port}"

    def env(self) -> dict[str, str]:
        return {"SMTP_HOST": HOST, "SMTP_PORT": str(self._port), "SMTP_USE_TLS": "false"}

    def messages(self) -> list[Mail]:
        """All messages taken so far, those of earlier runs too, oldest first."""
        return [_read(path) for path in sorted(self.data_dir.glob("*.eml"))]

    async def start(self) -> None:
        package_dir("aiosmtpd", "mail")
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415 - the extra may be missing

        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._port = free_port(self._port)
        loop = asyncio.get_running_loop()

        def session() -> asyncio.Protocol:
            smtp: asyncio.Protocol = SMTP(
                self, hostname=HOST, data_size_limit=MAX_MESSAGE_BYTES, enable_SMTPUTF8=True, loop=loop
            )
            self._sessions.add(smtp)
            return smtp

        self._server = await loop.create_server(session, HOST, self._port)

    async def stop(self) -> None:
        self._stopped.set()
        if self._server is None:
            return
        self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), STOP_SECONDS)

    async def wait(self) -> None:
        await self._stopped.wait()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one message. The answer of 250 is given when the file is whole."""
        recipients = "".join(f"{RECIPIENT_HEADER}: {recipient}\r\n" for recipient in envelope.rcpt_tos)
        header = f"{SENDER_HEADER}: {envelope.mail_from}\r\n{recipients}".encode()
        path = self._next_path()
        unfinished = path.with_suffix(".new")
        unfinished.write_bytes(header + envelope.original_content)
        unfinished.replace(path)
        return f"250 kept as {path.name}"

    def _next_path(self) -> Path:
        last = max((int(path.stem) for path in self.data_dir.glob("*.eml")), default=0)
        return self.data_dir / f"{last + 1:04d}.eml"


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the default policy makes no other
    recipients = [str(recipient) for recipient in message.get_all(RECIPIENT_HEADER, [])]
    return Mail(path, str(message[SENDER_HEADER]), recipients, message)

"""One conversation with a mail server: one message to one recipient, over a connection of its own."""

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from openride_analytics.settings.tree import Smtp

TLS_FROM_THE_START: Final = 465
LAST_ANSWER: Final = (
    10  # times the timeout: a server may scan a message before it answers (RFC 5321, 4.5.3.2.6)
)

_CHUNK: Final = 1 << 16  # bytes handed over at a time; each has the timeout to leave
_STEPS: Final = 20  # to connect, to encrypt, to log in, commands: no conversation has as many
_PAUSE: Final = 0.01
_LONGEST: Final = 160  # characters that are kept of what a server said


class Status(StrEnum):
    """What became of a message to one recipient."""

    SENT = "sent"
    REFUSED = "refused"  # for good: the server will not take it
    UNCERTAIN = "uncertain"  # all of it was handed over, and no answer came: never send it again by itself
    RETRY = "retry"  # nothing was taken: try again later, this recipient only


@dataclass(frozen=True)
class Delivery:
    """`reason` is for people, and says nothing secret; empty of what was sent.

    `general`: the server or how it is reached is the reason, not this message: others would fare no better now.
    """

    status: Status
    reason: str = ""
    general: bool = False


class Session:
    """Hands over one message. Every step has a limit, and so have all of them; what follows is said if one is reached.

    Before the final dot nothing is taken, so whatever breaks then may be tried again. From the dot on the message may
    have been taken: only an answer tells.
    """

    def __init__(self, smtp: Smtp, context: ssl.SSLContext | None) -> None:
        """`context`: None where no TLS is asked for."""
        self._smtp = smtp
        self._tls_from_start = context is not None and smtp.port == TLS_FROM_THE_START
        self._start_tls = context is not None and not self._tls_from_start
        self._client = SMTP(
            hostname=smtp.host,
            port=smtp.port,
            timeout=smtp.timeout_seconds,
            local_hostname=smtp.from_email.rpartition("@")[2],  # else a name server is asked, without a limit
            use_tls=self._tls_from_start,
            start_tls=False,
            tls_context=context,
        )
        self._entered = False  # greeted, encrypted, logged in
        self._dotted = False

    async def send(self, recipient: str, message: bytes) -> Delivery:
        """Never raises for what a server or the network does. Cancelled, it closes the connection: before the dot
        nothing was sent then, from it on nobody knows.
        """
        stuffed = re.sub(rb"(?m)^\.", b"..", message)
        try:
            async with asyncio.timeout(longest(self._smtp, stuffed)):
                await self._enter()
                await self._client.mail(self._smtp.from_email)
                await self._client.rcpt(recipient)
                found = await self._hand_over(stuffed)
            if found.status is Status.SENT:
                await self._part()
            return found
        except SMTPAuthenticationError as error:  # what it said may repeat what it was told
            status = Status.RETRY if _transient(error.code) else Status.REFUSED
            return Delivery(status, f"the mail server refused the login ({error.code})", general=True)
        except SMTPResponseException as error:
            return self._answered(error.code, error.message)
        except (SMTPException, OSError, TimeoutError) as error:
            return self._broken(error)
        finally:
            self._client.close()

    async def _enter(self) -> None:
        client = self._client
        await client.connect()
        await client.ehlo()
        if self._start_tls:
            if not client.supports_extension("starttls"):
                raise SMTPException("it offers no STARTTLS, and SMTP_USE_TLS asks for it")
            await client.starttls()
            await client.ehlo()
        if self._smtp.user is not None and self._smtp.password is not None:
            if not client.supported_auth_methods:
                raise SMTPException("it offers no way to log in")
            await client.login(self._smtp.user, self._smtp.password.reveal())
        self._entered = True

    async def _hand_over(self, stuffed: bytes) -> Delivery:
        """Not the library's own DATA: it cannot tell what broke before the dot from what broke after it, and its
        limit is on the whole of a large message.
        """
        client = self._client
        ready = await client.execute_command(b"DATA")
        if ready.code != 354:
            return self._answered(ready.code, ready.message)
        await self._write(stuffed)
        if not client.is_connected:
            raise SMTPServerDisconnected("connection lost")
        self._dotted = True
        answer = await client.execute_command(b".", timeout=LAST_ANSWER * self._smtp.timeout_seconds)
        if 200 <= answer.code < 300:
            return Delivery(Status.SENT)
        return self._answered(answer.code, answer.message)

    async def _write(self, message: bytes) -> None:
        transport = self._client.transport
        if not isinstance(transport, asyncio.WriteTransport):
            raise SMTPServerDisconnected("connection lost")
        # Else the system keeps megabytes back, and takes more by the megabyte only: what it has would count as gone,
        # and a slow server as one that takes nothing.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        for at in range(0, len(message), _CHUNK):
            transport.write(message[at : at + _CHUNK])
            async with asyncio.timeout(self._smtp.timeout_seconds):
                while transport.get_write_buffer_size() and not transport.is_closing():
                    await asyncio.sleep(_PAUSE)

    async def _part(self) -> None:
        """Politely; what comes of it changes nothing."""
        try:
            await self._client.quit()
        except (SMTPException, OSError, TimeoutError):
            return

    def _answered(self, code: int, text: str) -> Delivery:
        reason, general = f"the mail server answered {self._said(code, text)}", not self._entered
        if _transient(code):
            return Delivery(Status.RETRY, reason, general)
        if 500 <= code < 600:
            return Delivery(Status.REFUSED, reason, general)
        return self._broken(SMTPException("it answered what no mail server answers"))

    def _broken(self, error: Exception) -> Delivery:
        if self._dotted:
            return Delivery(Status.UNCERTAIN, f"all was handed over, and then {_what(error)}")
        return Delivery(Status.RETRY, f"the mail server could not be used: {_what(error)}", not self._entered)

    def _said(self, code: int, text: str) -> str:
        """Of a server's words, those that can be shown."""
        password = self._smtp.password.reveal() if self._smtp.password else ""
        shown = text.replace(password, "***") if password else text
        kept = "".join(char if char.isascii() and char.isprintable() else " " for char in shown)
        return f"{code} {' '.join(kept.split())}"[:_LONGEST].strip()


def longest(smtp: Smtp, message: bytes) -> float:
    """Seconds for a whole conversation: what its steps may take together, so that a server that is slow and takes
    something at each of them is not given up.
    """
    chunks = -(-len(message) // _CHUNK)
    return (_STEPS + chunks + LAST_ANSWER) * smtp.timeout_seconds


def tls_context(smtp: Smtp) -> ssl.SSLContext | None:
    """Certificates and host names are verified. Reads files: not for the loop."""
    return ssl.create_default_context(cafile=smtp.ssl_cafile) if smtp.use_tls else None


def _transient(code: int) -> bool:
    return 400 <= code < 500


def _what(error: BaseException) -> str:
    """In words of our own: those of others may name addresses and paths."""
    causes = (error, error.__cause__, error.__context__)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "its certificate is not to be trusted"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "no TLS could be agreed on"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if type(error) is SMTPException:
        return str(error)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "nobody answered there"
    return "the connection was lost"

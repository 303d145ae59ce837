"""A mail server that does as it is told, for better or worse; and certificates for it."""

import asyncio
import ipaddress
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "reports", "correct-horse-battery"


@dataclass(frozen=True)
class Taken:
    """One message as it came: whom the envelope named, the bytes, and what Python reads in them."""

    sender: str
    recipients: list[str]
    raw: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class MailServer:
    """`async with`. What is said to a recipient or to a whole message is popped from its list; then all is well.

    `drop_after_data`: the message is taken, and no answer comes. `silent`: not even a greeting comes.
    """

    tls: ssl.SSLContext | None = None
    smtps: bool = False
    login: bool = False
    rcpt: dict[str, list[str]] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    drop_after_data: bool = False
    silent: bool = False
    taken: list[Taken] = field(default_factory=list)
    connections: int = 0
    heard: bytearray = field(default_factory=bytearray)
    port: int = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._sessions: WeakSet[Any] = WeakSet()
        server = self

        class Session(SMTP):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                server._sessions.add(self)
                server.connections += self.transport is None  # else the same one, from now on encrypted
                super().connection_made(transport)

            def data_received(self, data: bytes) -> None:
                server.heard += data
                super().data_received(data)

            async def _handle_client(self) -> None:
                if server.silent:
                    await asyncio.sleep(3600)
                await super()._handle_client()

        def session() -> asyncio.Protocol:
            made: asyncio.Protocol = Session(
                self,
                hostname="mail.test",
                enable_SMTPUTF8=True,
                tls_context=None if self.smtps else self.tls,
                authenticator=self._authenticate if self.login else None,
                auth_required=False,
                auth_require_tls=False,
                loop=loop,
            )
            return made

        self._server = await loop.create_server(
            session, "127.0.0.1", self.port, ssl=self.tls if self.smtps else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.abort()
            if session._handler_coroutine is not None:
                session._handler_coroutine.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 2)

    def _authenticate(self, *given: Any) -> AuthResult:
        who = given[-1]
        known = isinstance(who, LoginPassword) and who == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answers = self.rcpt.get(address, [])
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.data.pop(0) if self.data else "250 kept"
        if answer.startswith("250"):
            self.taken.append(
                Taken(envelope.mail_from, envelope.rcpt_tos, envelope.content, session.ssl is not None)
            )
        if self.drop_after_data:
            server.transport.abort()
        return answer


@dataclass(frozen=True)
class Authority:
    """Signs certificates of servers."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> str:
        """What to trust."""
        return str(self.folder / "authority.pem")

    def server(self, *hosts: str) -> ssl.SSLContext:
        """A server's context, with a certificate of these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_name(host) for host in hosts]
        made = _certificate("server", key.public_key(), self.certificate.subject, names).sign(
            self.key, hashes.SHA256()
        )
        path = self.folder / f"{'-'.join(hosts)}.pem"
        path.write_bytes(_private(key) + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def authority(folder: Path) -> Authority:
    """A new one, known to whoever trusts its file."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    made = _certificate("authority", key.public_key(), None, []).sign(key, hashes.SHA256())
    (folder / "authority.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return Authority(folder, key, made)


def _certificate(
    name: str, key: ec.EllipticCurvePublicKey, issuer: x509.Name | None, names: list[x509.GeneralName]
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return made.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else made


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

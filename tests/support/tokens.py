"""Tokens good and bad, and an issuer of some: real keys, a real HTTP server on loopback."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

SECRET = "a secret of this test, at least 32 bytes of it"
SUBJECT = "somebody@example.com"
SECRET_ENVIRON = {"AUTH_ENABLED": "true", "JWT_SECRET_KEY": SECRET}


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a viewer for the next hour; None takes one away."""
    now = int(time.time())
    found = {"sub": SUBJECT, "role": "viewer", "iat": now, "exp": now + 3600, **changes}
    return {name: value for name, value in found.items() if value is not None}


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """A token of our own."""
    return jwt.encode(claims(**changes), secret, algorithm)


def forged(
    header: Mapping[str, Any], body: Mapping[str, Any] | bytes, secret: bytes = SECRET.encode()
) -> str:
    """A token that no library would make: any header, any body, signed as HS256."""
    parts = [json.dumps(header).encode(), body if isinstance(body, bytes) else json.dumps(body).encode()]
    text = ".".join(map(_text, parts))
    return f"{text}.{_text(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@cache
def private_key(algorithm: str, number: int = 0) -> Any:
    """One key of each algorithm and number; making one takes a while."""
    match algorithm[:2]:
        case "RS":
            return rsa.generate_private_key(65537, 2048)
        case "ES":
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


class Issuer:
    """Publishes keys, counts how often it is asked for them, and signs with any."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.published: dict[str, int] = {"first": 0}  # kid → number of the key
        self.extra: list[dict[str, Any]] = []
        self.status = 200
        self.asked = 0
        self.url = ""

    def token(self, kid: str | None = "first", number: int = 0, **changes: Any) -> str:
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(claims(**changes), private_key(self.algorithm, number), self.algorithm, headers)

    def public_pem(self) -> bytes:
        public = private_key(self.algorithm).public_key()
        return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def document(self) -> bytes:
        made = get_default_algorithms()[self.algorithm]
        keys = [
            {**made.to_jwk(private_key(self.algorithm, number).public_key(), as_dict=True), "kid": kid}
            for kid, number in self.published.items()
        ]
        return json.dumps({"keys": [*self.extra, *keys]}).encode()

    def environ(self) -> dict[str, str]:
        return {"AUTH_ENABLED": "true", "JWT_ALGORITHM": self.algorithm, "JWT_JWKS_URL": self.url}


@contextmanager
def issuing(algorithm: str) -> Iterator[Issuer]:
    """An issuer that listens."""
    issuer = Issuer(algorithm)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            body = issuer.document()
            self.send_response(issuer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        issuer.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

"""JSON Web Tokens: verified as RFC 8725 asks, minted for development and scripts.

One algorithm, from the settings and never from the token; `exp`, `iat` and `sub` required, `iss` and `aud` where
the settings name them. What is wrong with a token is told in two words: whoever guesses learns nothing.
"""

from typing import Any, Final, Protocol

import jwt

from openride_analytics import settings as tree
from openride_analytics.access.keys import PublishedKeys
from openride_analytics.access.roles import Caller, Role
from openride_analytics.clock import Clock
from openride_analytics.errors import Invalid, OpenRideError

LEEWAY_SECONDS: Final = 10  # clocks differ a little
LONGEST_SUBJECT: Final = 255

# A key too short for its algorithm is refused, not warned of.
_JWT: Final = jwt.PyJWT({"enforce_minimum_key_length": True})


class Refused(OpenRideError):  # noqa: N818 - as its siblings: the name says what happened
    """A token that proves nothing. Its text may be told to whoever sent it."""


class _Keys(Protocol):
    async def find(self, kid: str | None) -> Any: ...


class _OneSecret:
    """HS*: the same key for every token."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    async def find(self, _: str | None) -> bytes:
        return self._secret


class Tokens:
    """Tells who sent a token."""

    def __init__(self, auth: tree.Auth, clock: Clock) -> None:
        self._auth = auth
        self._keys = _keys(auth, clock)

    async def caller(self, token: str) -> Caller:
        """Raises Refused, and Retryable where the keys to check it with cannot be had."""
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # noqa: BLE001 - hostile input: JSON too deep or not UTF-8 is no PyJWTError
            raise _not_valid() from None
        if header.get("alg") != self._auth.jwt_algorithm:
            raise _not_valid()
        key = await self._keys.find(header.get("kid"))
        if key is None:
            raise _not_valid()
        return _caller(self._claims(token, key), self._auth.jwt_role_claim)

    def _claims(self, token: str, key: Any) -> dict[str, Any]:
        auth = self._auth
        named = {"iss": auth.jwt_issuer, "aud": auth.jwt_audience}
        try:
            claims = _JWT.decode(
                token,
                key,
                algorithms=[auth.jwt_algorithm],
                audience=auth.jwt_audience,
                issuer=auth.jwt_issuer,
                leeway=LEEWAY_SECONDS,
                options={
                    "require": ["exp", "iat", "sub", *(name for name, value in named.items() if value)],
                    "verify_aud": auth.jwt_audience is not None,
                },
            )
            return {**claims, "exp": float(claims["exp"])}
        except jwt.ExpiredSignatureError:
            raise Refused("the token has expired") from None
        except Exception:  # noqa: BLE001 - likewise: exp may be Infinity, or more than a float can be
            raise _not_valid() from None


def mint(auth: tree.Auth, *, subject: str, role: Role, seconds: int, now: float) -> str:
    """A token that `Tokens` with the same settings accepts for `seconds`. Raises Invalid where we cannot sign."""
    if not auth.jwt_algorithm.startswith("HS"):
        raise Invalid(
            "JWT_ALGORITHM",
            f"{auth.jwt_algorithm} tokens are signed by the issuer whose keys are at JWT_JWKS_URL: ask it for one",
            "HS256, HS384 or HS512 to mint them here",
        )
    if auth.jwt_secret_key is None:
        raise Invalid(
            "JWT_SECRET_KEY", "it is missing, and tokens are signed with it", "what the service has"
        )
    if not _is_subject(subject):
        raise Invalid("--subject", "it cannot be used", f"one line of at most {LONGEST_SUBJECT} characters")
    claims: dict[str, Any] = {
        auth.jwt_role_claim: role.label,
        "sub": subject,
        "iat": int(now),
        "exp": int(now) + seconds,
    }
    if auth.jwt_issuer is not None:
        claims["iss"] = auth.jwt_issuer
    if auth.jwt_audience is not None:
        claims["aud"] = auth.jwt_audience
    return _JWT.encode(claims, auth.jwt_secret_key.reveal(), auth.jwt_algorithm)


def _keys(auth: tree.Auth, clock: Clock) -> _Keys:
    if auth.jwt_algorithm.startswith("HS"):
        if auth.jwt_secret_key is None:
            raise Invalid("JWT_SECRET_KEY", "it is missing")  # the settings' rules have seen to it
        return _OneSecret(auth.jwt_secret_key.reveal())
    if auth.jwt_jwks_url is None:
        raise Invalid("JWT_JWKS_URL", "it is missing")
    return PublishedKeys(auth.jwt_jwks_url, auth.jwt_algorithm, clock)


def _caller(claims: dict[str, Any], role_claim: str) -> Caller:
    subject = claims["sub"]
    if not _is_subject(subject):
        raise _not_valid()
    return Caller(subject, Role.of(claims.get(role_claim)), claims["exp"])


def _is_subject(text: object) -> bool:
    """Fit for a key, a column and an owner's name."""
    return isinstance(text, str) and text.isprintable() and 0 < len(text) <= LONGEST_SUBJECT


def _not_valid() -> Refused:
    return Refused("the token is not valid")

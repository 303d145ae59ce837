"""Who may ask what: the guards of the routes.

Nothing is open by default. `Access.admit` stands before every route of the application and asks for a token that has
at least the role of a viewer, but for the short list of what is PUBLIC, links that are SIGNED, and the SCHEMA outside
production. A route that asks for more says so itself:

    @post("/request", guards=[at_least(Role.ANALYST)])    exports, which carry rows out, and reports
    @get("/schedules", guards=[at_least(Role.ADMIN)])     what concerns other people's

Whoever has been admitted is `request.user`, a `Caller`. Only the `Authorization` header is looked at: a cookie would
be sent by pages of others too, and a query string ends up in logs. No header says who sits behind a proxy.
"""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.exceptions import (
    NotAuthorizedException,
    PermissionDeniedException,
    TooManyRequestsException,
)
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from openride_analytics.access import ANYONE, Caller, Refused, Role, Tokens
from openride_analytics.api.dependencies import Resources

Connection = ASGIConnection[Any, Any, Any, Any]

PUBLIC: Final = frozenset({"/", "/health", "/health/live", "/health/ready", "/metrics"})
# Where links in mails lead: what they are signed for is all that they open.
SIGNED: Final = frozenset({"/v1/reports/files/{link}", "/v1/reports/unsubscribe/{link}"})
SCHEMA: Final = frozenset({"/schema", "/schema/openapi.json"})  # not in production

_CHALLENGE: Final = 'Bearer realm="openride-analytics"'


class Access:
    """Asks for tokens where AUTH_ENABLED says so, and counts requests: by subject, without tokens by address."""

    def __init__(self, resources: Resources) -> None:
        auth = resources.settings.auth
        self.shows_schema = not auth.enabled or resources.settings.app.env != "production"
        self._public = PUBLIC | SIGNED | (SCHEMA if self.shows_schema else frozenset())
        self._tokens = Tokens(auth, resources.clock) if auth.enabled else None
        self._limits = resources.limits

    async def admit(self, connection: Connection, _: BaseRouteHandler) -> None:
        """The guard of everything. Raises what becomes a 401, 403 or 429, and Retryable."""
        if self.is_public(str(connection.scope.get("path_template"))):
            return
        caller = await self._caller(connection)
        await self._count(connection, caller)
        connection.scope["user"] = caller
        _demand(caller, Role.VIEWER)

    def is_public(self, template: str) -> bool:
        """Whether a route, by its template, is open to everybody."""
        return template in self._public

    async def _caller(self, connection: Connection) -> Caller:
        if self._tokens is None:
            return ANYONE
        token = _token(connection)
        try:
            return await self._tokens.caller(token)
        except Refused as error:
            challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{error}"'
            raise _unauthorized(str(error), challenge) from None

    async def _count(self, connection: Connection, caller: Caller) -> None:
        # Only of who has shown a token: one address may be a proxy, and everybody behind it.
        peer = connection.client.host if connection.client else ""
        name = f"address {peer}" if self._tokens is None else f"subject {caller.subject}"
        if seconds := await self._limits.wait_seconds(name):
            raise TooManyRequestsException(
                f"too many requests; again in {seconds} s", headers={"Retry-After": str(seconds)}
            )


def at_least(least: Role) -> Guard:
    """A guard that lets through callers of this role and above. It comes after `admit`, never instead."""

    def guard(connection: Connection, _: BaseRouteHandler) -> None:
        _demand(connection.user, least)

    return guard


def _demand(caller: Caller, least: Role) -> None:
    if caller.role < least:
        raise forbidden(f"this asks for the role {least.label}")


def forbidden(detail: str) -> PermissionDeniedException:
    """What becomes a 403: the caller's role does not suffice."""
    challenge = f'{_CHALLENGE}, error="insufficient_scope"'
    return PermissionDeniedException(detail, headers={"WWW-Authenticate": challenge})


def _token(connection: Connection) -> str:
    given = connection.headers.getall("authorization", [])
    if not given:
        raise _unauthorized("a bearer token is needed", _CHALLENGE)
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized("one bearer token is needed", f'{_CHALLENGE}, error="invalid_request"')
    return token.strip()


def _unauthorized(detail: str, challenge: str) -> NotAuthorizedException:
    return NotAuthorizedException(detail, headers={"WWW-Authenticate": challenge})

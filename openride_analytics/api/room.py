"""How much may be under way at once. Beyond that a caller is told to come again, which costs little, instead of being
kept waiting with all the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from litestar.types import ASGIApp, Receive, Scope, Send

from openride_analytics.api.problems import Full


class Room:
    """For `most` requests at once, called `what` to those who find no place. Also a middleware of Litestar's."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._taken = 0

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """The application, with a place for each request until all of its answer is sent."""

        async def within(scope: Scope, receive: Receive, send: Send) -> None:
            with self.place():
                await app(scope, receive, send)

        return within

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Full."""
        if self._taken >= self._most:
            raise Full(f"there are {self._most} {self._what} under way, as many as there may be")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

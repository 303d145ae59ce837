"""A circuit breaker: who has just failed is not asked again for a while, so that nobody waits for it."""

import logging
from typing import Final

from openride_analytics.clock import Clock

log = logging.getLogger("openride.store")

OPEN_SECONDS: Final = 2.0


class Breaker:
    """Open after a failure. Every OPEN_SECONDS one call may try; the others go on without it meanwhile.

    if breaker.may_try():
        try: ...
        except ...: breaker.failed(error)
        else: breaker.succeeded()
    """

    def __init__(self, dependency: str, clock: Clock) -> None:
        self._dependency = dependency
        self._clock = clock
        self._open = False
        self._until = 0.0

    def may_try(self) -> bool:
        """Whether to ask now; whoever is told so says how it went."""
        if not self._open:
            return True
        now = self._clock.monotonic()
        if now < self._until:
            return False
        self._until = now + OPEN_SECONDS
        return True

    def failed(self, error: BaseException) -> None:
        """Do without it for a while."""
        if not self._open:
            problem = {"dependency": self._dependency, "problem": type(error).__name__}
            log.warning("going on without it", extra=problem)
        self._open = True
        self._until = self._clock.monotonic() + OPEN_SECONDS

    def succeeded(self) -> None:
        """It is there."""
        if self._open:
            log.info("it is back", extra={"dependency": self._dependency})
        self._open = False

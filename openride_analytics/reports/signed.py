"""What the links in mails lead to: a file, and the way out of a schedule's recipients. The link is all one needs."""

from openride_analytics.clock import Clock, utc_now
from openride_analytics.errors import Invalid
from openride_analytics.reports.links import Link, Links, Purpose
from openride_analytics.store.report_runs import KeptFile, Runs
from openride_analytics.store.reports import Schedules


class Signed:
    """A token that is not ours, is for something else or has expired leads to nothing. All calls raise Retryable."""

    def __init__(self, links: Links, schedules: Schedules, runs: Runs, clock: Clock) -> None:
        self._links = links
        self._schedules = schedules
        self._runs = runs
        self._clock = clock

    async def file(self, token: str) -> KeptFile | None:
        """The file of a run."""
        link = self._link(Purpose.FILE, token)
        return None if link is None else await self._runs.file(link.id, utc_now(self._clock))

    async def report(self, token: str) -> str | None:
        """The name of the report whose mails somebody may want no more."""
        link = self._link(Purpose.UNSUBSCRIBE, token)
        found = None if link is None else await self._schedules.get(link.id, None)
        return None if found is None else found.terms.report_name

    async def leave(self, token: str) -> bool:
        """No more of them to the address that the link is of; whether that is kept now. Again is harmless.

        The list may name that address otherwise by now, or not at all: it may have it again later.
        """
        link = self._link(Purpose.UNSUBSCRIBE, token)
        if link is None:
            return False
        for address in await self._schedules.addressed(link.id):
            if self._links.is_for(link, address):
                return await self._schedules.unsubscribe(link.id, address)
        return False

    def _link(self, purpose: Purpose, token: str) -> Link | None:
        try:
            return self._links.verify(purpose, token, utc_now(self._clock))
        except Invalid:
            return None

"""Where report schedules are made, changed and asked about: what the API knows of them."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from openride_analytics import settings as tree
from openride_analytics.clock import Clock, utc_now
from openride_analytics.reports import answers
from openride_analytics.reports.edition import Edition, Rendered
from openride_analytics.reports.links import Links
from openride_analytics.reports.signed import Signed
from openride_analytics.reports.terms import amended, begin, rhythm, understand
from openride_analytics.schema.reports import (
    Execution,
    ExecutionList,
    ExecutionsQuery,
    Schedule,
    ScheduleList,
    SchedulePatch,
    ScheduleRequest,
    SchedulesQuery,
    Trigger,
)
from openride_analytics.stats.periods import Period, complete
from openride_analytics.store.once import once, reused
from openride_analytics.store.report_runs import Runs
from openride_analytics.store.reports import Schedules, StoredSchedule, Terms, Turn

Render = Callable[[Edition], Awaitable[Rendered]]

_TIMING: Final = ("timezone", "time", "weekday", "day")


class Busy(Exception):  # noqa: N818 - the name says why not
    """A run of the schedule that somebody asked for has not ended."""


class Full(Exception):  # noqa: N818
    """A subject has as many schedules as one may have: `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class Reports:
    """`subject` is in whose name something is asked: they see their own schedules; None, an admin, sees all.

    What there is not, or is somebody else's, is None. All calls raise Retryable.
    """

    def __init__(
        self,
        schedules: Schedules,
        runs: Runs,
        settings: tree.Settings,
        clock: Clock,
        *,
        render: Render,
        links: Links,
    ) -> None:
        self._schedules = schedules
        self._runs = runs
        self._settings = settings
        self._clock = clock
        self._render = render
        self._links = links
        self.signed = Signed(links, schedules, runs, clock)

    @property
    def configured(self) -> bool:
        """Whether there is a database to keep them in."""
        return self._schedules.configured

    async def add(self, asked: ScheduleRequest, subject: str, *, key: str | None) -> Schedule | None:
        """A new schedule; or, with a key that came before, the one that was made then, None if it was deleted.

        Raises a group of Invalid, Full.
        """
        terms, now = understand(asked, timezone=self._settings.api.analytics_timezone), utc_now(self._clock)
        only = once(key, asked)
        turn, most = begin(terms, now), self._settings.reports.max_per_user
        found = await self._schedules.add(uuid4(), subject, terms, turn, now, only, most=most)
        if found is None:
            raise Full(most)
        if only is not None and found.fingerprint != only.fingerprint:
            raise reused()
        return None if found.deleted_at is not None else answers.schedule(found)

    async def get(self, schedule_id: UUID, subject: str | None) -> Schedule | None:
        """One schedule."""
        found = await self._present(schedule_id, subject)
        return None if found is None else answers.schedule(found)

    async def page(self, subject: str | None, query: SchedulesQuery) -> ScheduleList:
        """The newest first."""
        found, total = await self._schedules.page(subject, query)
        return ScheduleList(list(map(answers.schedule, found)), total)

    async def change(self, schedule_id: UUID, subject: str | None, asked: SchedulePatch) -> Schedule | None:
        """Change what was sent. Of one that is paused, runs that wait are ended. Raises a group of Invalid."""
        now = utc_now(self._clock)

        def change(stored: StoredSchedule) -> tuple[Terms, Turn, bool]:
            terms = amended(stored.terms, asked)
            anew = terms.active and not stored.terms.active
            return terms, _turn(stored, terms, now, anew=anew), anew

        if not await self._schedules.change(schedule_id, subject, change, now):
            return None
        await self._runs.call_off(schedule_id, now)
        return await self.get(schedule_id, subject)

    async def delete(self, schedule_id: UUID, subject: str | None) -> bool:
        """Its executions stay, those that wait are ended. Whether there was one."""
        now = utc_now(self._clock)
        found = await self._schedules.delete(schedule_id, subject, now)
        if found:
            await self._runs.call_off(schedule_id, now)
        return found

    async def execute(self, schedule_id: UUID, subject: str | None, *, to_self: bool) -> Execution | None:
        """Run it now, over the latest period that is over; `to_self`: to the owner's address only. Raises Busy."""
        found = await self._present(schedule_id, subject)
        if found is None:
            return None
        now, trigger = utc_now(self._clock), Trigger.DRY_RUN if to_self else Trigger.MANUAL
        period = complete(rhythm(found.terms), now)
        zone = found.terms.parameters.timezone
        made = await self._runs.execute(schedule_id, trigger, now, period.since, period.until, zone)
        if made is None:
            raise Busy
        return await self.execution(made, subject)

    async def execution(self, execution_id: UUID, subject: str | None) -> Execution | None:
        """One run, of a schedule that was deleted too."""
        row = await self._runs.get(execution_id, subject)
        return None if row is None else (await self._told([row]))[0]

    async def executions(
        self, schedule_id: UUID, subject: str | None, query: ExecutionsQuery
    ) -> ExecutionList | None:
        """The runs of a schedule, the newest first; also of one that was deleted."""
        if await self._schedules.get(schedule_id, subject) is None:
            return None
        rows, total = await self._runs.page(schedule_id, query)
        return ExecutionList(await self._told(rows), total)

    async def preview(self, schedule_id: UUID, subject: str | None) -> str | None:
        """The HTML of a mail over the latest period that is over, its images inside."""
        found = await self._present(schedule_id, subject)
        if found is None:
            return None
        now = utc_now(self._clock)
        rendered = await self._render(self._edition(found, complete(rhythm(found.terms), now), now))
        html = rendered.html
        for name, image in rendered.images.items():
            inside = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            html = html.replace(f"cid:{name}", inside)
        return html

    def _edition(self, found: StoredSchedule, period: Period, now: datetime) -> Edition:
        terms = found.terms
        return Edition(
            schedule_id=found.id,
            execution_id=found.id,  # there is none
            report_name=terms.report_name,
            report_type=terms.report_type,
            format=terms.format,
            period=period,
            currency=self._settings.api.default_currency,
            made_at=now,
        )

    async def _told(self, rows: Sequence[dict[str, Any]]) -> list[Execution]:
        recipients = await self._runs.recipients([row["id"] for row in rows])
        now = utc_now(self._clock)
        return [
            answers.execution(row, recipients[row["id"]], lambda one: self._links.file(one, now))
            for row in rows
        ]

    async def _present(self, schedule_id: UUID, subject: str | None) -> StoredSchedule | None:
        found = await self._schedules.get(schedule_id, subject)
        return None if found is None or found.deleted_at is not None else found


def _turn(stored: StoredSchedule, terms: Terms, now: datetime, *, anew: bool) -> Turn:
    """A schedule that is due at other times now, or is active again, is due later than now; another one as before.

    What had its turn were periods of the old frequency: the week or month they lie in has not had one by that. No
    period is reported twice for it, since runs are unique for theirs.
    """
    was, is_now = stored.terms, terms
    if was.frequency != is_now.frequency:
        return begin(terms, now)
    moved = any(getattr(was.parameters, name) != getattr(is_now.parameters, name) for name in _TIMING)
    if anew or moved:
        return begin(terms, now, stored.turn.covered_until)
    return Turn(stored.turn.next if terms.active else None, stored.turn.covered_until)

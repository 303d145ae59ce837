"""Scheduled reports on a real PostgreSQL, with a clock that is moved, and with makers and senders that are watched."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec
import pytest

from openride_analytics import settings as tree
from openride_analytics.clock import SystemClock
from openride_analytics.reports.assembly import reports_runner
from openride_analytics.reports.delivery import Delivery, Status
from openride_analytics.reports.edition import Attachment, Edition, Rendered
from openride_analytics.reports.links import links
from openride_analytics.reports.runner import Runner
from openride_analytics.reports.terms import begin, understand
from openride_analytics.schema.reports import ExecutionsQuery, ScheduleRequest
from openride_analytics.settings import Secret
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate_postgres
from openride_analytics.store.postgres import Postgres
from openride_analytics.store.report_runs import Run, Runs
from openride_analytics.store.reports import Schedules, StoredSchedule
from openride_analytics.telemetry import Metrics

_DATABASE = "reports"
SUBJECT = "ada"
SENT = Delivery(Status.SENT)
OWNER = "owner@example.com"
ADA, OBI, EVE = "ada@example.com", "obi@example.com", "eve@example.com"


class MovedClock(SystemClock):
    """Says what time it is told it is; waits as long as any clock does."""

    def __init__(self, now: str, *, behind: float = 0) -> None:
        self._behind = behind
        self.set(now)

    def set(self, now: str) -> None:
        self._now = datetime.fromisoformat(now).astimezone(UTC)

    def time(self) -> float:
        return self._now.timestamp() - self._behind

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)


@dataclass
class Maker:
    """Makes small reports; of whatever `fails` names next it makes none."""

    made: list[Edition] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    size: int = 10
    missing: Sequence[str] = ()
    hold: asyncio.Event | None = None

    async def __call__(
        self, edition: Edition, *, unsubscribe: str | None, link: str | None, most: int | None
    ) -> Rendered:
        self.made.append(edition)
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            raise self.fails.pop(0)
        file = Attachment("report.csv", "text/csv", b"x" * self.size)
        attached = most is None or self.size <= most
        return Rendered("subject", "<p>", "text", {}, file, 7, list(self.missing), attached)


@dataclass
class Sender:
    """Remembers whom it has sent to, and answers as told: one after the other, or as `always`."""

    sent: list[tuple[str, str]] = field(default_factory=list)  # address, message id
    answers: dict[str, list[Delivery]] = field(default_factory=dict)
    ways_out: dict[str, str] = field(default_factory=dict)
    always: Delivery = SENT
    hold: asyncio.Event | None = None

    async def __call__(
        self,
        rendered: Rendered,
        recipients: Sequence[str],
        *,
        message_id: str,
        unsubscribe: Callable[[str], str],
    ) -> Mapping[str, Delivery]:
        [address] = recipients
        self.sent.append((address, message_id))
        self.ways_out[address] = unsubscribe(address)
        if self.hold is not None:
            await self.hold.wait()
        given = self.answers.get(address)
        return {address: given.pop(0) if given else self.always}

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.sent]


@dataclass
class Bureau:
    """A database of schedules, and replicas that follow them."""

    postgres: Postgres
    url: str
    clickhouse: ClickHouse
    maker: Maker = field(default_factory=Maker)
    sender: Sender = field(default_factory=Sender)
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def schedules(self) -> Schedules:
        return Schedules(self.postgres)

    @property
    def runs(self) -> Runs:
        return Runs(self.postgres)

    def replica(
        self,
        clock: MovedClock,
        environ: Mapping[str, str] | None = None,
        *,
        lease_seconds: float = 60,
        postgres: Postgres | None = None,
        mails: bool = False,
    ) -> Runner:
        """`environ`: settings of its own; `postgres`: its own way there; `mails`: to a real server, unwatched."""
        return reports_runner(
            postgres or self.postgres,
            self.clickhouse,
            settings(self.url, **(environ or {})),
            self.metrics,
            clock,
            links(settings(self.url)),
            lease_seconds=lease_seconds,
            tick_seconds=0.05,
            made_by=self.maker,
            sent_by=None if mails else self.sender,
        )

    async def schedule(self, clock: MovedClock, **changes: Any) -> StoredSchedule:
        """One that is made now: daily at 08:00 in London, but for `changes`."""
        terms = understand(msgspec.convert(asked(**changes), ScheduleRequest), timezone="Africa/Lagos")
        turn = begin(terms, clock.moment)
        made = await self.schedules.add(uuid4(), SUBJECT, terms, turn, clock.moment, None, most=100)
        assert made is not None
        return made

    async def read(self, schedule: StoredSchedule) -> StoredSchedule:
        found = await self.schedules.get(schedule.id, None)
        assert found is not None
        return found

    async def executions(self, schedule: StoredSchedule) -> list[dict[str, Any]]:
        """The oldest first."""
        rows, _ = await self.runs.page(schedule.id, ExecutionsQuery(limit=100))
        return rows[::-1]

    async def statuses(self, schedule: StoredSchedule) -> list[tuple[str, str]]:
        """Status and first covered day, in the order of what they cover."""
        rows = sorted(await self.executions(schedule), key=lambda row: row["period_since"])
        return [(row["status"], f"{row['period_since']:%m-%d}") for row in rows]

    async def recipients(self, execution_id: UUID) -> dict[str, str]:
        found = await self.runs.recipients([execution_id])
        return {row["address"]: row["status"] for row in found[execution_id]}


def asked(**changes: Any) -> dict[str, Any]:
    """The body of a request."""
    return {
        "report_name": "Bookings",
        "owner_email": OWNER,
        "report_type": "booking_metrics",
        "frequency": "daily",
        "format": "csv",
        "recipients": [ADA],
        "parameters": {"timezone": "Europe/London", "time": "08:00"},
        **changes,
    }


def settings(url: str, **environ: str) -> tree.Settings:
    return tree.load({"DATABASE_URL": url, "JWT_SECRET_KEY": "x" * 32, **environ})


async def once(replica: Runner, clock: MovedClock) -> list[str]:
    """What a replica does at one tick, to its end; how each run went."""
    await replica.enqueue()
    found = []
    while (run := await replica._runs.claim(clock.moment)) is not None:
        found.append(await replica.work(run, asyncio.Event()))
    return found


async def claimed(replica: Runner, clock: MovedClock) -> Run:
    """The run that a replica takes up."""
    await replica.enqueue()
    run = await replica._runs.claim(clock.moment)
    assert run is not None
    return run


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> str:
    """A database with the tables, of these tests only."""
    url = urlsplit(postgres_url)._replace(path=f"/{_DATABASE}").geturl()

    async def make() -> None:
        async with client(postgres_url) as made:
            await made.execute(f"CREATE DATABASE {_DATABASE}")
        await migrate_postgres(settings(url))

    asyncio.run(make())
    return url


@pytest.fixture
async def reports_url(migrated_url: str) -> str:
    """A database with the tables, and nothing in them."""
    async with client(migrated_url) as made:
        await made.execute("TRUNCATE report_schedules CASCADE")
    return migrated_url


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Postgres]:
    """A client of its own."""
    made = Postgres(tree.Postgres(url=Secret(url)))
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def bureau(reports_url: str) -> AsyncIterator[Bureau]:
    async with bureau_at(reports_url) as made:
        yield made


@asynccontextmanager
async def bureau_at(url: str) -> AsyncIterator[Bureau]:
    """Around a database that has the tables."""
    async with client(url) as postgres:
        yield Bureau(postgres, url, ClickHouse(settings(url).clickhouse))

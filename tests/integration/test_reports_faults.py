"""Runs while PostgreSQL dies or hangs in the middle of one, and while the mail server misbehaves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from openride_analytics.embedded.postgres import EmbeddedPostgres
from openride_analytics.reports import session
from openride_analytics.store.migrations import migrate_postgres
from openride_analytics.store.reports import StoredSchedule
from tests.support.eventually import eventually, poll
from tests.support.proxy import Fault, Proxy
from tests.support.reports import (
    ADA,
    EVE,
    OBI,
    Bureau,
    MovedClock,
    bureau_at,
    claimed,
    client,
    once,
    settings,
)
from tests.support.smtp import MailServer

pytestmark = pytest.mark.postgres

THREE = [ADA, OBI, EVE]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock("2026-11-24T07:00:00Z")


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer() as made:
        yield made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a PostgreSQL that has the tables, and may be killed."""
    made = EmbeddedPostgres(tmp_path_factory.mktemp("killed"))

    async def make() -> None:
        async with made:
            await migrate_postgres(settings(made.url))

    asyncio.run(make())
    return made.data_dir


@pytest.fixture
async def mortal(cluster: Path) -> AsyncIterator[EmbeddedPostgres]:
    """The server of that, and nothing in it."""
    async with EmbeddedPostgres(cluster) as made:
        async with client(made.url) as there:
            await there.execute("TRUNCATE report_schedules CASCADE")
        yield made


async def due(bureau: Bureau, clock: MovedClock) -> StoredSchedule:
    """A schedule of three recipients that is due."""
    found = await bureau.schedule(clock, recipients=THREE)
    clock.set("2026-11-24T08:00:00Z")
    return found


async def only(bureau: Bureau, schedule: StoredSchedule) -> dict[str, Any]:
    [row] = await bureau.executions(schedule)
    return {"status": row["status"], **await bureau.recipients(row["id"])}


@asynccontextmanager
async def sending(bureau: Bureau, clock: MovedClock, **how: Any) -> AsyncIterator["asyncio.Task[str]"]:
    """A replica in the middle of its first mail, until `bureau.sender.hold` is set."""
    bureau.sender.hold = asyncio.Event()
    replica = bureau.replica(clock, **how)
    working = asyncio.create_task(replica.work(await claimed(replica, clock), asyncio.Event()))
    try:
        await eventually(lambda: bureau.sender.sent != [])
        yield working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def taken_over(bureau: Bureau, clock: MovedClock) -> None:
    """Two peers look until the run is over; their mail is not held up."""
    held, bureau.sender.hold = bureau.sender.hold, None
    peers = [bureau.replica(clock) for _ in range(2)]

    async def over() -> bool:
        return any(await asyncio.gather(*(once(peer, clock) for peer in peers)))

    await poll(over)
    bureau.sender.hold = held


async def kill(server: EmbeddedPostgres) -> None:
    """As a power cut does."""
    assert server.pid is not None and server.process is not None
    os.kill(server.pid, signal.SIGKILL)
    await eventually(lambda: server.process is not None and not server.process.running)


async def test_a_database_that_dies_in_mid_run_and_comes_back_ends_nothing(
    mortal: EmbeddedPostgres, clock: MovedClock
) -> None:
    async with bureau_at(mortal.url) as bureau:
        schedule = await due(bureau, clock)
        async with sending(bureau, clock) as working:
            await kill(mortal)
            assert bureau.sender.hold is not None
            bureau.sender.hold.set()  # what became of the mail cannot be written down yet
            await mortal.start()
            outcome = await working
        found = await only(bureau, schedule)
    assert (outcome, bureau.sender.addresses, found) == (
        "completed",
        THREE,
        {"status": "completed", ADA: "sent", OBI: "sent", EVE: "sent"},
    )


async def test_of_a_run_whose_database_died_for_longer_than_the_lease_one_peer_goes_on(
    mortal: EmbeddedPostgres, clock: MovedClock
) -> None:
    """The holder is there still, in the middle of a mail, and comes back when all is over."""
    async with bureau_at(mortal.url) as bureau:
        schedule = await due(bureau, clock)
        async with (
            client(mortal.url) as own,
            sending(bureau, clock, lease_seconds=0.6, postgres=own) as working,
        ):
            await kill(mortal)
            outcome = await working  # nobody answered for as long as the lease lasts
            await mortal.start()
            await taken_over(bureau, clock)
        found = await only(bureau, schedule)
    assert (outcome, bureau.sender.addresses, found) == (
        "lost",
        THREE,
        {"status": "partial", ADA: "uncertain", OBI: "sent", EVE: "sent"},
    )


async def test_of_a_run_whose_holder_hears_nothing_of_the_database_one_peer_goes_on(
    bureau: Bureau, clock: MovedClock
) -> None:
    schedule = await due(bureau, clock)
    there = urlsplit(bureau.url)
    async with Proxy(there.hostname or "", there.port or 0) as proxy:
        url = there._replace(netloc=f"{there.username}@127.0.0.1:{proxy.port}").geturl()
        async with client(url) as own, sending(bureau, clock, lease_seconds=0.6, postgres=own) as working:
            proxy.arm(Fault.HANG)
            await taken_over(bureau, clock)
            assert bureau.sender.hold is not None
            bureau.sender.hold.set()
            proxy.mend()
            proxy.reset_all()  # and it hears again
            outcome = await working
    found = await only(bureau, schedule)
    late = found.pop(ADA)  # known late perhaps, by the holder
    assert (outcome, bureau.sender.addresses, late in ("sent", "uncertain"), found) == (
        "lost",
        THREE,
        True,
        {"status": "partial", OBI: "sent", EVE: "sent"},
    )


async def mailed(bureau: Bureau, clock: MovedClock, server: MailServer | Proxy) -> list[str]:
    """How it went at one tick, with that server; nobody waits long for it."""
    environ = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_USE_TLS": "false",
        "SMTP_TIMEOUT_SECONDS": "5",
    }
    return await once(bureau.replica(clock, environ, mails=True), clock)


def had(server: MailServer) -> list[str]:
    return [recipient for taken in server.taken for recipient in taken.recipients]


async def test_who_is_refused_is_told_of_and_the_others_have_it_once(
    bureau: Bureau, clock: MovedClock, server: MailServer
) -> None:
    schedule = await due(bureau, clock)
    server.rcpt = {OBI: ["550 5.1.1 no such user"]}
    outcomes = await mailed(bureau, clock, server)
    clock.set("2026-11-24T12:00:00Z")
    outcomes += await mailed(bureau, clock, server)
    assert (outcomes, had(server), await only(bureau, schedule)) == (
        ["partial"],
        [ADA, EVE],
        {"status": "partial", ADA: "sent", OBI: "refused", EVE: "sent"},
    )


@pytest.mark.parametrize("answer", ["451 4.7.1 greylisted", "421 4.3.2 try later"])
async def test_who_is_put_off_has_it_later_and_nobody_else_has_it_again(
    bureau: Bureau, clock: MovedClock, server: MailServer, answer: str
) -> None:
    schedule = await due(bureau, clock)
    server.rcpt = {OBI: [answer]}
    outcomes = []
    for at in ("08:00:00", "08:00:30", "08:01:00"):
        clock.set(f"2026-11-24T{at}Z")
        outcomes += await mailed(bureau, clock, server)
    assert (outcomes, had(server), await only(bureau, schedule)) == (
        ["retried", "completed"],
        [ADA, EVE, OBI],
        {"status": "completed", ADA: "sent", OBI: "sent", EVE: "sent"},
    )


async def test_who_is_not_reached_before_the_dot_in_the_time_of_a_mail_has_it_later(
    bureau: Bureau, clock: MovedClock, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = await due(bureau, clock)
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.HANG, on=b"DATA\r\n")
        with monkeypatch.context() as patched:
            patched.setattr(session, "longest", lambda smtp, message: 0.5)
            outcomes = await mailed(bureau, clock, proxy)
        proxy.mend()
        clock.set("2026-11-24T09:00:00Z")
        outcomes += await mailed(bureau, clock, proxy)
    assert (outcomes, had(server), await only(bureau, schedule)) == (
        ["retried", "completed"],
        THREE,
        {"status": "completed", ADA: "sent", OBI: "sent", EVE: "sent"},
    )


async def test_whose_server_never_answered_is_uncertain_and_has_no_second_mail(
    bureau: Bureau, clock: MovedClock, server: MailServer
) -> None:
    schedule = await due(bureau, clock)
    server.drop_after_data = True
    outcomes = await mailed(bureau, clock, server)
    clock.set("2026-11-24T12:00:00Z")
    outcomes += await mailed(bureau, clock, server)
    assert (outcomes, had(server), await only(bureau, schedule)) == (
        ["partial"],
        THREE,
        {"status": "partial", ADA: "uncertain", OBI: "uncertain", EVE: "uncertain"},
    )


async def test_mails_are_counted_by_what_became_of_them(
    bureau: Bureau, clock: MovedClock, server: MailServer
) -> None:
    await due(bureau, clock)
    server.rcpt = {OBI: ["550 no"], EVE: ["450 later"]}
    await mailed(bureau, clock, server)
    value = bureau.metrics.registry.get_sample_value
    counted = {
        outcome: value("openride_report_mails_total", {"outcome": outcome})
        for outcome in ("sent", "refused", "retry")
    }
    assert counted == {"sent": 1, "refused": 1, "retry": 1}

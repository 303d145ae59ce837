"""The actor of reports in a process: it waits for its database, mails what is due, outlives its peers, and stops."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.reports.assembly import reports_runner
from openride_analytics.settings import Secret
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate_postgres
from openride_analytics.store.postgres import Postgres
from openride_analytics.supervisor import Spec
from tests.support.api import Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.eventually import eventually, poll
from tests.support.exports import somebody
from tests.support.reports import ADA, EVE, OBI, Bureau, MovedClock, asked, once, settings
from tests.support.tokens import SECRET_ENVIRON
from tests.support.warehouse import store

pytestmark = pytest.mark.postgres

NOW = "2026-11-24T09:00:00Z"
PATH = "/v1/reports/schedule"


@asynccontextmanager
async def running(environ: dict[str, str]) -> AsyncIterator[Served]:
    """A service with the actor."""
    async with resources(SECRET_ENVIRON | environ, now=datetime.fromisoformat(NOW).timestamp()) as given:
        actor = reports_runner(
            given.postgres,
            given.clickhouse,
            given.settings,
            given.metrics,
            given.clock,
            given.links,
            tick_seconds=0.1,
        )
        async with serving(given, beside=[Spec(actor)]) as api:
            yield api


@pytest.fixture
async def environ(
    warehouse: ClickHouse, shared_settings: tree.Settings, reports_url: str, mail_sink: EmbeddedMail
) -> dict[str, str]:
    """Of a service with everything: one booking of yesterday, and a sink for mail."""
    events = [example("booking.created", event_id=str(uuid4()), event_timestamp="2026-11-23T08:00:00Z")]
    await store(warehouse, events, token=str(uuid4()))
    return {**leading_to(shared_settings), **mail_sink.env(), "DATABASE_URL": reports_url}


async def added(api: Served, who: dict[str, str], **changes: Any) -> str:
    answer = await api.client.post(PATH, json=asked(**changes), headers=who)
    return f"{PATH}/{answer.json()['id']}"


@pytest.mark.clickhouse
async def test_a_report_is_made_and_mailed_to_each_recipient(
    environ: dict[str, str], mail_sink: EmbeddedMail
) -> None:
    who = somebody()
    async with running(environ) as api:
        path = await added(api, who, recipients=[ADA, OBI])
        run = (await api.client.post(f"{path}/execute", headers=who)).json()

        async def over() -> bool:
            found = (await api.get(f"/v1/reports/executions/{run['id']}", **who)).json()
            return found["completed_at"] is not None

        await poll(over)
        found = (await api.get(f"/v1/reports/executions/{run['id']}", **who)).json()
    mails = mail_sink.messages()
    assert (found["status"], found["error_message"]) == ("completed", None)
    assert [list(mail.recipients) for mail in mails] == [[ADA], [OBI]]
    assert all(list(mail.message.iter_attachments()) for mail in mails)


@pytest.mark.clickhouse
async def test_a_preview_is_a_page_with_its_images_inside(environ: dict[str, str]) -> None:
    who = somebody()
    async with running(environ) as api:
        answer = await api.get(f"{await added(api, who)}/preview", **who)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "data:image/png;base64," in answer.text and "cid:" not in answer.text
    assert "default-src 'none'; img-src data:" in answer.headers["content-security-policy"]


async def linked(api: Served, bureau: Bureau, **changes: Any) -> tuple[dict[str, str], str, Any]:
    """Whose schedule it is, its path, and what was mailed of it: nothing is attached."""
    who = somebody()
    path = await added(api, who, **{"recipients": [ADA, OBI]} | changes)
    await api.client.post(f"{path}/execute", headers=who)
    clock = MovedClock(NOW)
    await once(bureau.replica(clock, {"PUBLIC_URL": api.server.url}), clock)
    return who, path, bureau.sender


async def test_a_link_to_a_file_is_all_one_needs(reports_url: str, bureau: Bureau) -> None:
    async with serving_links(reports_url) as api:
        who, path, _ = await linked(api, bureau, parameters={"attach": False})
        [run] = (await api.get(f"{path}/executions", **who)).json()["executions"]
        link = urlsplit(run["file"]["url"]).path
        answers = [await api.get(link), await api.get(link[:-1] + ("A" if link[-1] != "A" else "B"))]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert (answers[0].content, answers[0].headers["content-disposition"]) == (
        b"x" * 10,
        'attachment; filename="report.csv"',
    )


async def test_who_follows_the_way_out_gets_no_more_mails_and_the_others_do(
    reports_url: str, bureau: Bureau
) -> None:
    async with serving_links(reports_url) as api:
        who, path, sender = await linked(api, bureau)
        way_out = urlsplit(sender.ways_out[ADA]).path
        asked_first = await api.get(way_out)
        before = (await api.get(path, **who)).json()["unsubscribed"]
        form = {"List-Unsubscribe": "One-Click"}
        answers = [await api.client.post(way_out, data=form) for _ in range(2)]
        after = (await api.get(path, **who)).json()["unsubscribed"]
        await api.client.post(f"{path}/execute", headers=who)
        clock = MovedClock(NOW)
        await once(bureau.replica(clock), clock)
    assert ("<button>" in asked_first.text, before, after) == (True, [], [ADA])
    assert ([answer.status_code for answer in answers], sender.addresses) == ([200, 200], [ADA, OBI, OBI])


@pytest.mark.parametrize(
    ("mailed", "when_leaving", "later"),
    [
        ("Bob@example.com", ["Bob@example.com"], "bob@example.com"),
        ("bob@example.com", ["Bob@example.com"], "Bob@example.com"),
        ("bob@example.com", [], "bob@example.com"),
    ],
    ids=["written otherwise later", "written otherwise before", "off the list"],
)
async def test_who_has_left_gets_no_more_mails_whatever_the_list_says(
    reports_url: str, bureau: Bureau, mailed: str, when_leaving: list[str], later: str
) -> None:
    async with serving_links(reports_url) as api:
        who, path, sender = await linked(api, bureau, recipients=[mailed, OBI])
        await api.client.patch(path, json={"recipients": [*when_leaving, OBI]}, headers=who)
        answer = await api.client.post(urlsplit(sender.ways_out[mailed]).path)
        await api.client.patch(path, json={"recipients": [later, OBI]}, headers=who)
        after = (await api.get(path, **who)).json()["unsubscribed"]
        await api.client.post(f"{path}/execute", headers=who)
        clock = MovedClock(NOW)
        await once(bureau.replica(clock), clock)
    assert (answer.status_code, after, sender.addresses) == (200, [later], [mailed, OBI, OBI])


async def test_nobody_is_told_they_have_left_where_that_could_not_be_kept(
    reports_url: str, bureau: Bureau
) -> None:
    """Off the list, and no run is remembered."""
    async with serving_links(reports_url) as api:
        who, path, sender = await linked(api, bureau)
        await api.client.patch(path, json={"recipients": [OBI]}, headers=who)
        await bureau.postgres.execute("DELETE FROM report_executions")
        answer = await api.client.post(urlsplit(sender.ways_out[ADA]).path)
    assert answer.status_code == 404


@asynccontextmanager
async def serving_links(reports_url: str) -> AsyncIterator[Served]:
    """The API, whose links are signed as those of the bureau's replicas are."""
    secret = settings(reports_url).auth.jwt_secret_key
    assert secret is not None
    environ = SECRET_ENVIRON | {"DATABASE_URL": reports_url, "LINK_SECRET": secret.reveal()}
    now = datetime.fromisoformat(NOW).timestamp()
    async with resources(environ, now=now) as given, serving(given) as api:
        yield api


async def test_it_waits_for_its_tables(postgres_url: str, mail_sink: EmbeddedMail) -> None:
    name = f"empty_{uuid4().hex}"
    admin = Postgres(tree.Postgres(url=Secret(postgres_url)))
    await admin.open()
    await admin.execute(f"CREATE DATABASE {name}")
    url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    environ = {"DATABASE_URL": url, **mail_sink.env()}
    async with running(environ) as api:
        before = _state(api)
        await migrate_postgres(tree.load(environ))
        await eventually(lambda: _state(api) == "running")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
    assert before == "starting"


async def test_while_its_database_is_away_it_is_alive() -> None:
    async with running({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}) as api:
        assert (_state(api), (await api.get("/health/live")).status_code) == ("starting", 200)


def _state(api: Served) -> str:
    return next(str(child.state) for child in api.supervisor.children() if child.name == "reports")


async def test_of_a_replica_that_is_killed_while_it_sends_one_peer_goes_on(
    bureau: Bureau, reports_url: str
) -> None:
    clock = MovedClock("2026-11-24T07:00:00Z")
    schedule = await bureau.schedule(clock, recipients=[ADA, OBI, EVE])
    clock.set("2026-11-24T08:00:00Z")
    command = [sys.executable, "-m", "tests.support.holder", reports_url, "2026-11-24T08:00:00Z", "0.8"]
    dying = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert dying.stdout is not None
    assert await asyncio.wait_for(dying.stdout.readline(), 60) == b"sending\n"
    dying.kill()
    await dying.wait()
    peers = [bureau.replica(clock) for _ in range(2)]

    async def taken_over() -> bool:
        return any(await asyncio.gather(*(once(peer, clock) for peer in peers)))

    await poll(taken_over)
    [run] = await bureau.executions(schedule)
    assert (bureau.sender.addresses, run["status"], await bureau.recipients(run["id"])) == (
        [OBI, EVE],
        "partial",
        {ADA: "uncertain", OBI: "sent", EVE: "sent"},
    )

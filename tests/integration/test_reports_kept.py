"""What is kept of schedules and runs, and for how long; what is called off; and of what owners are told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.reports.delivery import Delivery, Status
from openride_analytics.store import reports as store
from openride_analytics.store.reports import StoredSchedule
from tests.support.api import ApiResources, Served, resources, serving
from tests.support.eventually import eventually
from tests.support.exports import somebody
from tests.support.reports import ADA, EVE, OBI, OWNER, SENT, Bureau, MovedClock, asked, claimed, once
from tests.support.tokens import SECRET_ENVIRON

pytestmark = pytest.mark.postgres

PATH = "/v1/reports/schedule"
THREE = [ADA, OBI, EVE]
BUSY = Delivery(Status.RETRY, "450 try again later")
REFUSED = Delivery(Status.REFUSED, "550 no such mailbox")


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock("2026-11-24T07:00:00Z")


@pytest.fixture
async def schedule(bureau: Bureau, clock: MovedClock) -> StoredSchedule:
    """One with three recipients, which is due."""
    found = await bureau.schedule(clock, recipients=THREE)
    clock.set("2026-11-24T08:00:00Z")
    return found


@pytest.fixture
async def given(reports_url: str, clock: MovedClock) -> AsyncIterator[ApiResources]:
    """Of a service where nobody has more than two schedules."""
    more = {"DATABASE_URL": reports_url, "RATE_LIMIT_PER_MINUTE": "0", "REPORT_MAX_PER_USER": "2"}
    async with resources(SECRET_ENVIRON | more, now=clock.time()) as made:
        yield made


@pytest.fixture
async def api(given: ApiResources) -> AsyncIterator[Served]:
    async with serving(given) as served:
        yield served


async def post(api: Served, who: Mapping[str, str]) -> httpx.Response:
    return await api.client.post(PATH, json=asked(), headers=who)


async def change(api: Served, schedule: StoredSchedule, **changes: Any) -> None:
    """As an admin."""
    answer = await api.client.patch(f"{PATH}/{schedule.id}", json=changes, headers=somebody("admin"))
    assert answer.status_code == 200, answer.text


async def test_nobody_has_more_schedules_than_one_may(api: Served) -> None:
    who = somebody()
    at_once = await asyncio.gather(*(post(api, who) for _ in range(5)))
    assert sorted(answer.status_code for answer in at_once) == [201, 201, 409, 409, 409]


async def test_who_has_too_many_is_told_how_many_one_may_have(api: Served) -> None:
    who = somebody()
    answer = [await post(api, who) for _ in range(3)][-1]
    assert answer.json()["detail"].startswith("2 schedules of yours are all that one user may have")


async def test_others_and_those_that_were_deleted_do_not_count(api: Served) -> None:
    who = somebody()
    made = [(await post(api, one)).json()["id"] for one in (who, who, somebody())]
    await api.client.delete(f"{PATH}/{made[0]}", headers=who)
    assert (await post(api, who)).status_code == 201


async def test_a_request_with_its_key_is_answered_again_by_who_has_all_they_may(api: Served) -> None:
    who = somebody()
    keyed = who | {"Idempotency-Key": "once"}
    first = await post(api, keyed)
    await post(api, who)
    assert (await post(api, keyed)).json() == first.json()


async def test_ten_thousand_recipients_are_too_many(api: Served) -> None:
    recipients = [f"r{n}@example.com" for n in range(10_000)]
    answer = await api.client.post(PATH, json=asked(recipients=recipients), headers=somebody())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "recipients")


async def test_who_finds_every_connection_taken_is_told_to_come_again_and_is_answered_then(
    api: Served, given: ApiResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, pool = somebody(), given.postgres
    taking = [asyncio.create_task(pool.execute("SELECT pg_sleep(20)")) for _ in range(4)]
    await eventually(lambda: pool._pool.get_size() - pool._pool.get_idle_size() == 4)
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    refused = await asyncio.gather(*(api.get(PATH, **who) for _ in range(8)))
    for task in taking:
        task.cancel()
    await asyncio.gather(*taking, return_exceptions=True)
    monkeypatch.undo()
    answered = await asyncio.gather(*(api.get(PATH, **who) for _ in range(8)))
    assert [{answer.status_code for answer in some} for some in (refused, answered)] == [{503}, {200}]
    assert pool._pool.get_size() <= 4


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (PATH, "GET, HEAD, OPTIONS, POST"),
        (f"{PATH}/6f3c0b0e-54a7-4c41-9c68-3d1d6f6b7a10", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/v1/reports/unsubscribe/x", "GET, HEAD, OPTIONS, POST"),
    ],
)
async def test_every_method_of_a_path_is_told(api: Served, path: str, allow: str) -> None:
    answer = await api.client.options(path, headers=somebody())
    assert (answer.status_code, answer.headers["allow"]) == (204, allow)


async def test_a_run_can_be_asked_for_without_a_body(api: Served) -> None:
    found = (await api.get("/schema/openapi.json")).json()
    described = found["paths"][f"{PATH}/{{schedule_id}}/execute"]["post"]["requestBody"]
    assert (described["required"], "ExecuteRequest" in str(described["content"])) == (False, True)


async def test_a_schedule_whose_zone_is_known_no_more_is_shown_beside_the_others_and_can_be_mended(
    api: Served, bureau: Bureau
) -> None:
    who = somebody()
    lost, other = [(await post(api, who)).json()["id"] for _ in range(2)]
    await api.client.post(f"{PATH}/{lost}/execute", headers=who)
    zone = """'"Mars/Olympus"'"""
    await bureau.postgres.execute(
        f"UPDATE report_schedules SET parameters = jsonb_set(parameters, '{{timezone}}', {zone}) WHERE id = $1",
        lost,
    )
    await bureau.postgres.execute("UPDATE report_executions SET timezone = 'Mars/Olympus'")
    listed = (await api.get(PATH, **who)).json()["schedules"]
    runs = await api.get(f"{PATH}/{lost}/executions", **who)
    lagos = {"parameters": {"timezone": "Africa/Lagos"}}
    mended = await api.client.patch(f"{PATH}/{lost}", json=lagos, headers=who)
    assert {each["id"]: len(each["next_executions"]) for each in listed} == {lost: 0, other: 5}
    assert (runs.status_code, runs.json()["total"]) == (200, 1)
    assert len(mended.json()["next_executions"]) == 5


async def test_one_that_is_paused_is_not_tried_again(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY]}
    await once(bureau.replica(clock), clock)
    await change(api, schedule, active=False)
    clock.set("2026-11-24T12:00:00Z")
    await once(bureau.replica(clock), clock)
    [run] = await bureau.executions(schedule)
    assert (bureau.sender.addresses, run["status"], run["retry_at"]) == (THREE, "partial", None)
    assert run["error_message"].startswith("the schedule was paused; before that: 1 of 3 recipients")


async def test_what_waits_when_a_schedule_is_paused_is_over_before_anybody_had_it(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    await bureau.replica(clock).enqueue()
    await change(api, schedule, active=False)
    [run] = await bureau.executions(schedule)
    assert (run["status"], run["error_message"]) == ("failed", "the schedule was paused")


async def test_one_in_hand_that_must_wait_is_called_off_after_its_schedule_was_paused(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica = bureau.replica(clock)
    run = await claimed(replica, clock)
    await change(api, schedule, active=False)
    bureau.sender.always = BUSY
    await replica.work(run, asyncio.Event())
    await replica.call_off()
    [row] = await bureau.executions(schedule)
    assert (row["status"], row["retry_at"]) == ("failed", None)


async def test_of_a_replica_that_died_a_run_of_a_paused_schedule_is_called_off(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    run = await claimed(bureau.replica(clock), clock)
    await bureau.runs.sending(run, ADA)
    await change(api, schedule, active=False)
    await bureau.postgres.execute("UPDATE report_executions SET lease_until = now() - interval '1 second'")
    await bureau.replica(clock).call_off()
    assert await bureau.recipients(run.id) == {ADA: "uncertain", OBI: "pending", EVE: "pending"}


async def test_one_that_was_asked_for_by_hand_runs_while_its_schedule_is_paused(
    api: Served, bureau: Bureau, clock: MovedClock
) -> None:
    schedule = await bureau.schedule(clock, active=False)
    await api.client.post(f"{PATH}/{schedule.id}/execute", headers=somebody("admin"))
    replica = bureau.replica(clock)
    await replica.call_off()
    assert await once(replica, clock) == ["completed"]


@pytest.mark.parametrize("becomes", [REFUSED, SENT])
async def test_one_that_was_asked_for_by_hand_is_none_of_the_runs_in_a_row(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, becomes: Delivery
) -> None:
    bureau.sender.always = REFUSED
    await once(bureau.replica(clock), clock)
    bureau.sender.always = becomes
    await api.client.post(f"{PATH}/{schedule.id}/execute", headers=somebody("admin"))
    await once(bureau.replica(clock), clock)
    assert (await bureau.read(schedule)).failures == 1


async def test_who_is_taken_off_the_list_meanwhile_gets_no_mail(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY], EVE: [BUSY]}
    await once(bureau.replica(clock), clock)
    await change(api, schedule, recipients=[ADA, EVE])
    clock.set("2026-11-24T09:00:00Z")
    outcomes = await once(bureau.replica(clock), clock)
    assert (bureau.sender.addresses, outcomes) == ([*THREE, EVE], ["completed"])


async def test_who_is_taken_off_the_list_while_a_run_is_made_gets_no_mail(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.hold = asyncio.Event()
    working = asyncio.create_task(once(bureau.replica(clock), clock))
    await eventually(lambda: bureau.maker.made != [])
    await change(api, schedule, recipients=[ADA, EVE])
    bureau.maker.hold.set()
    assert (await working, bureau.sender.addresses) == (["completed"], [ADA, EVE])


async def test_the_owner_is_told_once_of_who_was_not_reached(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, mail_sink: EmbeddedMail
) -> None:
    bureau.sender.answers = {OBI: [REFUSED]}
    replicas = [bureau.replica(clock, mail_sink.env()) for _ in range(3)]
    await once(replicas[0], clock)
    await asyncio.gather(*(replica._notices.send() for replica in replicas))
    [mail] = mail_sink.messages()
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert (list(mail.recipients), mail.message["Subject"]) == ([OWNER], "Report incomplete: Bookings")
    assert "1 of 3 recipients refused: obi@example.com (550 no such mailbox)" in body.get_content()


async def test_of_a_dry_run_without_a_section_the_mail_itself_tells(
    api: Served, bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.missing = ["Trips"]
    clock.set("2026-11-24T07:59:00Z")
    await api.client.post(f"{PATH}/{schedule.id}/execute", json={"to_self": True}, headers=somebody("admin"))
    replica = bureau.replica(clock)
    assert (await once(replica, clock), await replica._notices.send()) == (["partial"], False)


async def test_a_notice_that_nobody_began_to_send_is_sent_by_another(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, mail_sink: EmbeddedMail
) -> None:
    """Whoever took it up died then."""
    bureau.sender.always = REFUSED
    replica = bureau.replica(clock, mail_sink.env())
    await once(replica, clock)
    now = clock.moment
    clock.set("2026-11-24T08:05:00Z")
    await bureau.runs.notice(now, clock.moment)
    assert (await replica._notices.send(), len(mail_sink.messages())) == (True, 1)


async def test_a_notice_that_somebody_began_to_send_is_sent_by_nobody_else(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, mail_sink: EmbeddedMail
) -> None:
    bureau.sender.always = REFUSED
    replica = bureau.replica(clock, mail_sink.env())
    await once(replica, clock)
    notice = await bureau.runs.notice(clock.moment, clock.moment)
    assert notice is not None and await bureau.runs.notifying(notice)
    clock.set("2026-11-25T07:00:00Z")
    assert await replica._notices.send() is False


async def test_runs_are_forgotten_when_they_are_old(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica = bureau.replica(clock, {"REPORT_HISTORY_DAYS": "2"})
    for day in (24, 25, 26):
        clock.set(f"2026-11-{day}T08:00:00Z")
        await once(replica, clock)
    clock.set("2026-11-26T08:00:01Z")
    await replica.forget()
    assert await bureau.statuses(schedule) == [("completed", "11-24"), ("completed", "11-25")]


async def test_a_run_is_remembered_until_its_owner_was_told_of_it(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.always = REFUSED
    replica = bureau.replica(clock, {"REPORT_HISTORY_DAYS": "1"})
    await once(replica, clock)
    clock.set("2026-11-30T08:00:00Z")
    await replica.forget()
    assert await bureau.statuses(schedule) == [("failed", "11-23")]


async def test_what_is_forgotten_is_not_sent_again(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica = bureau.replica(clock, {"REPORT_HISTORY_DAYS": "1"})
    await once(replica, clock)
    await bureau.postgres.execute(
        "UPDATE report_executions SET completed_at = completed_at - interval '9 days'"
    )
    await replica.forget()
    assert (await once(replica, clock), await bureau.executions(schedule)) == ([], [])


async def test_a_run_is_remembered_as_long_as_its_file_is_linked_to(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.size = 2 << 20
    more = {"MAIL_MAX_ATTACHMENT_MB": "1", "REPORT_HISTORY_DAYS": "1", "REPORT_FILES_RETENTION_DAYS": "4"}
    replica, left = bureau.replica(clock, more), []
    await once(replica, clock)
    for day in (27, 28):
        clock.set(f"2026-11-{day}T08:00:00Z")
        await replica.forget()
        left.append(len(await bureau.executions(schedule)))
    assert left == [1, 0]


async def test_a_schedule_that_was_deleted_is_forgotten_with_its_last_run(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica, left = bureau.replica(clock, {"REPORT_HISTORY_DAYS": "2"}), []
    await once(replica, clock)
    await bureau.schedules.delete(schedule.id, None, clock.moment)
    for day in (25, 27):
        clock.set(f"2026-11-{day}T08:00:00Z")
        await replica.forget()
        left.append(await bureau.schedules.get(schedule.id, None) is not None)
    assert left == [True, False]

"""What becomes of a run: its recipients, its retries, its failures, and replicas that die or stop in the middle."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from openride_analytics.embedded.mail import EmbeddedMail
from openride_analytics.errors import Retryable, TooMuch
from openride_analytics.reports.delivery import Delivery, Status
from openride_analytics.reports.notices import TRIES
from openride_analytics.reports.runner import AT_ONCE
from openride_analytics.store.reports import StoredSchedule
from tests.support.eventually import eventually, poll
from tests.support.reports import ADA, EVE, OBI, OWNER, SENT, Bureau, MovedClock, claimed, once

pytestmark = pytest.mark.postgres

THREE = [ADA, OBI, EVE]
BUSY = Delivery(Status.RETRY, "450 try again later")
REFUSED = Delivery(Status.REFUSED, "550 no such mailbox")
UNCERTAIN = Delivery(Status.UNCERTAIN, "no answer came")
AWAY = Delivery(Status.RETRY, "no connection", general=True)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock("2026-11-24T07:00:00Z")


@pytest.fixture
async def schedule(bureau: Bureau, clock: MovedClock) -> StoredSchedule:
    """One with three recipients, which is due."""
    found = await bureau.schedule(clock, recipients=THREE)
    clock.set("2026-11-24T08:00:00Z")
    return found


async def only(bureau: Bureau, schedule: StoredSchedule) -> dict[str, Any]:
    """The one execution, and its recipients."""
    [row] = await bureau.executions(schedule)
    return row | {"recipients": await bureau.recipients(row["id"])}


async def test_a_recipient_who_is_refused_does_not_stop_the_others(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [REFUSED]}
    await once(bureau.replica(clock), clock)
    run = await only(bureau, schedule)
    assert (run["status"], run["recipients"], run["rows_exported"], run["error_message"]) == (
        "partial",
        {ADA: "sent", OBI: "refused", EVE: "sent"},
        7,
        "1 of 3 recipients refused: obi@example.com (550 no such mailbox)",
    )


@pytest.mark.parametrize(
    ("answer", "status"), [(REFUSED, "failed"), (UNCERTAIN, "partial"), (SENT, "completed")]
)
async def test_the_status_follows_from_the_recipients(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, answer: Delivery, status: str
) -> None:
    bureau.sender.always = answer
    assert await once(bureau.replica(clock), clock) == [status]


async def test_a_report_without_a_section_is_partial(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.missing = ["Trips"]
    await once(bureau.replica(clock), clock)
    run = await only(bureau, schedule)
    assert (run["status"], run["error_message"]) == ("partial", "sections that could not be made: Trips")


async def test_who_was_not_reached_is_tried_again_and_nobody_else(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY, BUSY]}
    replica, outcomes = bureau.replica(clock), []
    for minute in ("08:00:00", "08:00:59", "08:01:00", "08:03:59", "08:04:00"):
        clock.set(f"2026-11-24T{minute}Z")
        outcomes += await once(replica, clock)
    assert (outcomes, bureau.sender.addresses) == (
        ["retried", "retried", "completed"],
        [ADA, OBI, EVE, OBI, OBI],
    )
    assert len({message_id for _, message_id in bureau.sender.sent}) == 1


async def test_a_run_that_is_tried_again_is_late_once(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY]}
    await once(bureau.replica(clock), clock)
    clock.set("2026-11-24T08:01:00Z")
    await once(bureau.replica(clock), clock)
    assert bureau.metrics.registry.get_sample_value("openride_report_lateness_seconds_count") == 1


async def test_a_run_that_waits_says_why_and_until_when(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY]}
    await once(bureau.replica(clock), clock)
    run = await only(bureau, schedule)
    assert (run["status"], run["retry_at"], run["error_message"], run["completed_at"]) == (
        "pending",
        datetime.fromisoformat("2026-11-24T08:01:00Z"),
        "1 of 3 recipients could not be reached yet: 450 try again later",
        None,
    )


async def test_while_the_mail_server_is_away_nobody_else_is_tried(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.always = AWAY
    await once(bureau.replica(clock), clock)
    assert bureau.sender.addresses == [ADA]


async def test_after_the_last_try_it_is_over(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY] * 9}
    replica = bureau.replica(clock, {"REPORT_MAX_ATTEMPTS": "2"})
    outcomes = await once(replica, clock)
    clock.set("2026-11-24T10:00:00Z")
    outcomes += await once(replica, clock)
    run = await only(bureau, schedule)
    assert (outcomes, run["status"], run["recipients"][OBI]) == (["retried", "partial"], "partial", "refused")


@pytest.mark.parametrize("error", [Retryable("clickhouse", "away"), TooMuch("time"), ZeroDivisionError()])
async def test_a_report_that_some_have_had_and_cannot_be_made_again_is_partial(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, error: Exception
) -> None:
    bureau.sender.answers = {OBI: [BUSY]}
    replica = bureau.replica(clock, {"REPORT_MAX_ATTEMPTS": "2", "REPORT_PAUSE_AFTER_FAILURES": "1"})
    outcomes = await once(replica, clock)
    bureau.maker.fails = [error]
    clock.set("2026-11-24T10:00:00Z")
    outcomes += await once(replica, clock)
    run, kept = await only(bureau, schedule), await bureau.read(schedule)
    assert (outcomes, run["status"], kept.failures) == (["retried", "partial"], "partial", 0)
    assert run["error_message"].endswith("; 2 of 3 recipients had been sent it before")


async def test_while_clickhouse_is_away_the_run_waits(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.fails = [Retryable("clickhouse", "no connection to 10.0.0.7")]
    replica = bureau.replica(clock)
    outcomes = await once(replica, clock)
    why = (await only(bureau, schedule))["error_message"]
    clock.set("2026-11-24T08:01:00Z")
    outcomes += await once(replica, clock)
    assert (outcomes, why) == (["retried", "completed"], "clickhouse cannot answer now")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TooMuch("time"), "it takes more time than one question may have"),
        (
            ZeroDivisionError("secret"),
            "an error in the service; its log has it under the id of this execution",
        ),
    ],
)
async def test_what_cannot_be_made_fails_with_a_reason(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, error: Exception, why: str
) -> None:
    bureau.maker.fails = [error]
    await once(bureau.replica(clock), clock)
    run = await only(bureau, schedule)
    assert (run["status"], run["error_message"], run["recipients"][ADA]) == ("failed", why, "pending")


async def test_a_run_whose_zone_is_known_no_more_fails_and_says_so(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica = bureau.replica(clock)
    await replica.enqueue()
    await bureau.postgres.execute("UPDATE report_executions SET timezone = 'Mars/Olympus'")
    await once(replica, clock)
    run = await only(bureau, schedule)
    assert (run["status"], run["error_message"]) == ("failed", "its timezone is not a known time zone")


async def test_of_one_who_died_a_peer_takes_the_run_over(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    """It had claimed the run and said no more: two peers find it, one of them goes on."""
    await claimed(bureau.replica(clock, lease_seconds=0.2), clock)
    peers = [bureau.replica(clock) for _ in range(2)]

    async def taken_over() -> bool:
        await asyncio.gather(*(once(peer, clock) for peer in peers))
        return bool(bureau.sender.sent)

    await poll(taken_over)
    run = await only(bureau, schedule)
    assert (bureau.sender.addresses, run["status"], run["attempts"]) == (THREE, "completed", 2)


async def test_before_its_lease_is_over_nobody_takes_a_run_over(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    await claimed(bureau.replica(clock), clock)
    assert await once(bureau.replica(clock), clock) == []


async def test_a_replica_that_dies_while_sending_leaves_one_uncertain(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    run = await claimed(bureau.replica(clock), clock)
    await bureau.runs.sending(run, ADA)
    await bureau.postgres.execute("UPDATE report_executions SET lease_until = now() - interval '1 second'")
    await once(bureau.replica(clock), clock)
    assert (bureau.sender.addresses, (await only(bureau, schedule))["recipients"]) == (
        [OBI, EVE],
        {ADA: "uncertain", OBI: "sent", EVE: "sent"},
    )


async def test_work_that_takes_longer_than_a_lease_keeps_it(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.hold = asyncio.Event()
    slow = bureau.replica(clock, lease_seconds=2)
    run = await claimed(slow, clock)
    working = asyncio.create_task(slow.work(run, asyncio.Event()))
    first: datetime = (await only(bureau, schedule))["lease_until"]

    async def renewed() -> bool:
        now: datetime = (await only(bureau, schedule))["lease_until"]
        return now - first > timedelta(seconds=0.5)

    await poll(renewed)
    taken = await once(bureau.replica(clock), clock)
    bureau.maker.hold.set()
    assert (taken, await working) == ([], "completed")


async def test_a_holder_who_comes_back_too_late_sends_nothing(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    """A peer has taken the run over, and has sent nothing yet."""
    late = bureau.replica(clock)
    run = await claimed(late, clock)
    await bureau.postgres.execute("UPDATE report_executions SET lease_until = now() - interval '1 second'")
    await claimed(bureau.replica(clock), clock)
    assert (await late.work(run, asyncio.Event()), bureau.sender.addresses) == ("lost", [])


async def test_a_run_that_kills_whoever_takes_it_up_fails(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica = bureau.replica(clock, {"REPORT_MAX_ATTEMPTS": "2"})
    for _ in range(2):
        await claimed(replica, clock)
        await bureau.postgres.execute(
            "UPDATE report_executions SET lease_until = now() - interval '1 second'"
        )
    await once(replica, clock)
    run = await only(bureau, schedule)
    assert (run["status"], run["error_message"]) == (
        "failed",
        "it was begun 2 times and never came to an end",
    )


async def test_who_is_asked_to_stop_finishes_one_mail_and_hands_back_the_rest(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.hold, stopping = asyncio.Event(), asyncio.Event()
    replica = bureau.replica(clock)
    run = await claimed(replica, clock)
    working = asyncio.create_task(replica.work(run, stopping))
    await eventually(lambda: bureau.sender.sent != [])
    stopping.set()
    bureau.sender.hold.set()
    outcome, left = await working, await only(bureau, schedule)
    assert (outcome, left["recipients"], left["attempts"]) == (
        "handed_back",
        {ADA: "sent", OBI: "pending", EVE: "pending"},
        0,
    )
    await once(bureau.replica(clock), clock)
    assert bureau.sender.addresses == THREE


async def test_who_is_asked_to_stop_leaves_a_report_that_is_being_made(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.hold, stopping = asyncio.Event(), asyncio.Event()
    replica = bureau.replica(clock)
    run = await claimed(replica, clock)
    working = asyncio.create_task(replica.work(run, stopping))
    await eventually(lambda: bureau.maker.made != [])
    stopping.set()
    assert (await working, (await only(bureau, schedule))["status"]) == ("handed_back", "pending")


async def test_who_leaves_the_list_meanwhile_gets_no_mail(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY], EVE: [BUSY]}
    replica = bureau.replica(clock)
    await once(replica, clock)
    await bureau.schedules.unsubscribe(schedule.id, EVE)
    clock.set("2026-11-24T09:00:00Z")
    await once(replica, clock)
    run = await only(bureau, schedule)
    assert (bureau.sender.addresses, run["status"], run["recipients"]) == (
        [*THREE, OBI],
        "completed",
        {ADA: "sent", OBI: "sent"},
    )


async def test_who_is_written_otherwise_on_the_list_meanwhile_is_still_on_it(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.answers = {OBI: [BUSY]}
    replica = bureau.replica(clock)
    await once(replica, clock)
    await bureau.postgres.execute("UPDATE report_schedules SET recipients = $1", ["Obi@example.com"])
    clock.set("2026-11-24T09:00:00Z")
    await once(replica, clock)
    assert bureau.sender.addresses == [*THREE, OBI]


async def test_who_leaves_the_list_while_a_run_is_made_keeps_it_waiting_for_nobody(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.hold = asyncio.Event()
    replica = bureau.replica(clock)
    working = asyncio.create_task(once(replica, clock))
    await eventually(lambda: bureau.maker.made != [])
    await bureau.schedules.unsubscribe(schedule.id, OBI)
    bureau.maker.hold.set()
    assert (await working, bureau.sender.addresses) == (["completed"], [ADA, EVE])


async def test_a_file_that_is_linked_to_is_kept_as_long_as_its_link(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.maker.size = 2 << 20
    replica = bureau.replica(clock, {"MAIL_MAX_ATTACHMENT_MB": "1", "REPORT_FILES_RETENTION_DAYS": "2"})
    await once(replica, clock)
    run = await only(bureau, schedule)
    kept = await bureau.runs.file(run["id"], clock.moment)
    clock.set("2026-11-26T08:00:00Z")
    await replica.forget()
    assert (kept and len(kept.content), run["file_path"], (await only(bureau, schedule))["file_name"]) == (
        2 << 20,
        "report.csv",
        None,
    )


async def test_a_file_that_is_attached_is_not_kept(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    await once(bureau.replica(clock), clock)
    assert (await only(bureau, schedule))["file_name"] is None


async def test_failures_in_a_row_pause_a_schedule(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.always = REFUSED
    replica, seen = bureau.replica(clock, {"REPORT_PAUSE_AFTER_FAILURES": "3"}), []
    for day in (24, 25, 26, 27):
        clock.set(f"2026-11-{day}T08:00:00Z")
        await once(replica, clock)
        now = await bureau.read(schedule)
        seen.append((now.failures, now.terms.active))
    assert seen == [(1, True), (2, True), (3, False), (3, False)]
    assert now.paused_reason is not None and now.paused_reason.startswith(
        "3 runs in a row failed, the last one: "
    )


async def test_a_failure_of_a_run_by_hand_pauses_nothing(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.always = REFUSED
    replica = bureau.replica(clock, {"REPORT_PAUSE_AFTER_FAILURES": "2"})
    await once(replica, clock)
    day = timedelta(days=1)
    await bureau.runs.execute(schedule.id, "manual", clock.moment, clock.moment - day, clock.moment, "UTC")
    ended = await once(replica, clock)
    now = await bureau.read(schedule)
    assert (ended, now.failures, now.terms.active) == (["failed"], 1, True)


async def test_a_run_that_succeeds_begins_the_count_anew(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    bureau.sender.always = REFUSED
    await once(bureau.replica(clock), clock)
    bureau.sender.always = SENT
    clock.set("2026-11-25T08:00:00Z")
    await once(bureau.replica(clock), clock)
    assert (await bureau.read(schedule)).failures == 0


async def test_the_owner_is_told_once_of_a_failure_and_why(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, mail_sink: EmbeddedMail
) -> None:
    bureau.sender.always = REFUSED
    replicas = [bureau.replica(clock, mail_sink.env()) for _ in range(3)]
    await once(replicas[0], clock)
    await asyncio.gather(*(replica._notices.send() for replica in replicas))
    [mail] = mail_sink.messages()
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert (list(mail.recipients), mail.message["Subject"]) == ([OWNER], "Report failed: Bookings")
    assert "550 no such mailbox" in body.get_content()


async def test_an_owner_who_cannot_be_told_now_is_told_later(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, mail_sink: EmbeddedMail
) -> None:
    bureau.sender.always = REFUSED
    away = bureau.replica(clock, mail_sink.env() | {"SMTP_PORT": "1"})
    await once(away, clock)
    await away._notices.send()
    replica = bureau.replica(clock, mail_sink.env())
    soon = await replica._notices.send()
    clock.set("2026-11-24T08:01:00Z")
    assert (soon, await replica._notices.send(), len(mail_sink.messages())) == (False, True, 1)


async def test_an_owner_who_can_never_be_told_is_given_up(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule, mail_sink: EmbeddedMail
) -> None:
    bureau.sender.always = REFUSED
    away, tries = bureau.replica(clock, mail_sink.env() | {"SMTP_PORT": "1"}), 0
    await once(away, clock)
    for hour in range(9, 24):
        clock.set(f"2026-11-24T{hour:02}:00:00Z")
        tries += await away._notices.send()
    assert tries == TRIES


async def test_so_many_runs_are_in_hand_at_once_and_no_more(bureau: Bureau, clock: MovedClock) -> None:
    bureau.maker.hold = asyncio.Event()
    made = [await bureau.schedule(clock) for _ in range(AT_ONCE + 2)]
    clock.set("2026-11-24T08:00:00Z")
    in_hand: set[asyncio.Task[None]] = set()
    await bureau.replica(clock)._turn(in_hand, asyncio.Event(), lambda: None)
    begun = [row["status"] for schedule in made for row in await bureau.executions(schedule)]
    bureau.maker.hold.set()
    await asyncio.wait(in_hand)
    assert sorted(begun) == ["pending"] * 2 + ["running"] * AT_ONCE


async def test_nobody_is_told_of_what_went_well(
    bureau: Bureau, clock: MovedClock, schedule: StoredSchedule
) -> None:
    replica = bureau.replica(clock)
    await once(replica, clock)
    assert await replica._notices.send() is False

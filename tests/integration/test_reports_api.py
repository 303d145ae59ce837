"""Schedules through HTTP: made, changed, asked about, and kept from whom they are not for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from openride_analytics.api import bodies
from tests.support.api import Served, resources, serving
from tests.support.exports import somebody
from tests.support.reports import ADA, OBI, OWNER, Bureau, MovedClock, asked, once
from tests.support.tokens import SECRET_ENVIRON

pytestmark = pytest.mark.postgres

NOW = "2026-11-24T09:00:00Z"
PATH = "/v1/reports/schedule"


@pytest.fixture
async def api(reports_url: str) -> AsyncIterator[Served]:
    """On a Tuesday, at nine in London."""
    async with serving_at(reports_url, NOW) as served:
        yield served


@asynccontextmanager
async def serving_at(reports_url: str, at: str) -> AsyncIterator[Served]:
    """One that has nothing but PostgreSQL, at that time."""
    now = datetime.fromisoformat(at).astimezone(UTC).timestamp()
    environ = SECRET_ENVIRON | {"DATABASE_URL": reports_url, "RATE_LIMIT_PER_MINUTE": "0"}
    async with resources(environ, now=now) as given, serving(given) as served:
        yield served


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOW)


async def post(api: Served, who: dict[str, str], **changes: Any) -> httpx.Response:
    return await api.client.post(PATH, json=asked(**changes), headers=who)


async def added(api: Served, who: dict[str, str], **changes: Any) -> dict[str, Any]:
    """A schedule that is made."""
    answer = await post(api, who, **changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def patch(api: Served, who: dict[str, str], schedule_id: str, **changes: Any) -> httpx.Response:
    return await api.client.patch(f"{PATH}/{schedule_id}", json=changes, headers=who)


async def test_a_schedule_is_made(api: Served) -> None:
    answer = await post(api, somebody(), recipients=[ADA, "Obi@EXAMPLE.com"], description="On Mondays\n")
    found = answer.json()
    assert answer.headers["location"] == f"{PATH}/{found.pop('id')}"
    assert (answer.status_code, found.pop("owner_subject") != "") == (201, True)
    assert found == {
        "report_name": "Bookings",
        "report_type": "booking_metrics",
        "frequency": "daily",
        "format": "csv",
        "recipients": [ADA, "Obi@example.com"],
        "unsubscribed": [],
        "parameters": {
            "timezone": "Europe/London",
            "time": "08:00",
            "weekday": "monday",
            "day": 1,
            "attach": True,
        },
        "active": True,
        "description": "On Mondays\n",
        "owner_email": OWNER,
        "created_at": NOW,
        "updated_at": NOW,
        "last_execution": None,
        "next_execution": "2026-11-25T08:00:00Z",
        "next_executions": [f"2026-11-{day}T08:00:00+00:00" for day in (25, 26, 27, 28, 29)],
        "failures": 0,
        "paused_at": None,
        "paused_reason": None,
    }


async def test_what_is_not_said_is_eight_on_mondays_and_firsts_in_the_service_s_zone(api: Served) -> None:
    found = await added(api, somebody(), frequency="weekly", parameters={})
    assert (found["parameters"], found["next_executions"][0]) == (
        {"timezone": "Africa/Lagos", "time": "08:00", "weekday": "monday", "day": 1, "attach": True},
        "2026-11-30T08:00:00+01:00",
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": [ADA, "ada@example.com\r\nBcc: eve@example.com"]}, "recipients[1]"),
        ({"parameters": {"day": 32}}, "parameters.day"),
        ({"sql": "SELECT 1"}, "sql"),
    ],
)
async def test_what_is_wrong_is_named(api: Served, changes: dict[str, Any], field: str) -> None:
    answer = await post(api, somebody(), **changes)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


async def test_everything_that_is_wrong_is_named_at_once(api: Served) -> None:
    answer = await post(api, somebody(), owner_email="x", parameters={"time": "x", "timezone": "x"})
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"owner_email", "parameters.time", "parameters.timezone"}


async def test_a_key_makes_repeating_harmless(api: Served) -> None:
    who = somebody() | {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(post(api, who) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_key_with_another_request_is_refused(api: Served) -> None:
    who = somebody() | {"Idempotency-Key": "once"}
    await post(api, who)
    assert (await post(api, who, report_name="Trips")).status_code == 422


async def test_a_key_whose_schedule_is_gone_makes_no_other(api: Served) -> None:
    who = somebody() | {"Idempotency-Key": "once"}
    await api.client.delete(f"{PATH}/{(await post(api, who)).json()['id']}", headers=who)
    assert (await post(api, who)).status_code == 409


async def test_schedules_are_listed_page_by_page(api: Served) -> None:
    who = somebody()
    made = [(await added(api, who))["id"] for _ in range(3)]
    pages = [(await api.get(f"{PATH}?limit=2&offset={offset}", **who)).json() for offset in (0, 2, 4)]
    assert [len(page["schedules"]) for page in pages] == [2, 1, 0]
    assert {one["id"] for page in pages for one in page["schedules"]} == set(made)
    assert {page["total"] for page in pages} == {3}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("active=false", ["paused"]),
        ("frequency=weekly", ["weekly"]),
        ("report_type=trip_metrics", ["trips"]),
        ("active=true&frequency=monthly", []),
    ],
)
async def test_schedules_are_filtered(api: Served, query: str, names: list[str]) -> None:
    who = somebody()
    await added(api, who, report_name="paused", active=False)
    await added(api, who, report_name="weekly", frequency="weekly")
    await added(api, who, report_name="trips", report_type="trip_metrics")
    found = (await api.get(f"{PATH}?{query}", **who)).json()
    assert ([one["report_name"] for one in found["schedules"]], found["total"]) == (names, len(names))


async def test_one_that_is_not_active_is_never_due(api: Served) -> None:
    found = await added(api, somebody(), active=False)
    assert (found["next_execution"], found["next_executions"]) == (None, [])


async def test_only_what_is_sent_is_changed(api: Served) -> None:
    who = somebody()
    before = await added(api, who, description="Why")
    answer = await patch(api, who, before["id"], report_name="Trips", description=None)
    assert (answer.status_code, answer.json()) == (
        200,
        before | {"report_name": "Trips", "description": None},
    )


async def test_of_the_parameters_too(api: Served) -> None:
    who = somebody()
    before = await added(api, who, parameters={"timezone": "Europe/London", "time": "10:00", "day": 7})
    after = (await patch(api, who, before["id"], parameters={"time": "09:30"})).json()
    assert (after["parameters"], after["next_execution"]) == (
        before["parameters"] | {"time": "09:30"},
        "2026-11-24T09:30:00Z",
    )


async def test_nothing_is_changed_if_anything_is_wrong(api: Served) -> None:
    who = somebody()
    before = await added(api, who)
    answer = await patch(api, who, before["id"], report_name="Trips", recipients=["x"])
    assert (answer.status_code, (await api.get(f"{PATH}/{before['id']}", **who)).json()) == (422, before)


async def test_one_that_is_paused_and_goes_on_is_due_later_than_now(api: Served) -> None:
    who = somebody()
    found = await added(api, who)
    paused = (await patch(api, who, found["id"], active=False)).json()
    again = (await patch(api, who, found["id"], active=True)).json()
    assert (paused["next_execution"], again["next_execution"]) == (None, "2026-11-25T08:00:00Z")


async def test_a_period_that_was_reported_is_not_reported_again_at_another_time(
    api: Served, bureau: Bureau, clock: MovedClock
) -> None:
    who = somebody()
    found = await added(api, who, parameters={"timezone": "UTC", "time": "09:00"})
    await bureau.postgres.execute(
        "UPDATE report_schedules SET next_execution = $1, covered_until = $1::timestamptz - interval '33 hours'",
        clock.moment,
    )
    ran = await once(bureau.replica(clock), clock)
    after = (await patch(api, who, found["id"], parameters={"time": "11:00"})).json()
    assert (ran, after["next_execution"]) == (["completed"], "2026-11-25T11:00:00Z")


@pytest.mark.parametrize(
    ("before", "after", "covers"),
    [
        ("daily", "weekly", "2026-11-23 to 2026-11-29"),
        ("daily", "monthly", "2026-11-01 to 2026-11-30"),
        ("weekly", "monthly", "2026-11-01 to 2026-11-30"),
        ("weekly", "daily", "2026-11-27 to 2026-11-27"),
        ("monthly", "weekly", "2026-11-23 to 2026-11-29"),
    ],
)
async def test_a_schedule_of_another_frequency_leaves_out_no_period_in_progress(
    reports_url: str, bureau: Bureau, clock: MovedClock, before: str, after: str, covers: str
) -> None:
    """Past the middle of the week and of the month."""
    who = somebody()
    async with serving_at(reports_url, "2026-11-27T09:00:00Z") as api:
        found = await added(api, who, frequency=before)
        changed = (await patch(api, who, found["id"], frequency=after)).json()
    clock.set(changed["next_execution"])
    await once(bureau.replica(clock), clock)
    assert [edition.period.label for edition in bureau.maker.made] == [covers]


async def test_a_period_that_was_reported_is_not_reported_again_after_another_frequency(
    api: Served, bureau: Bureau, clock: MovedClock
) -> None:
    who = somebody()
    found = await added(api, who)
    clock.set("2026-11-25T08:00:00Z")
    await once(bureau.replica(clock), clock)
    async with serving_at(bureau.url, "2026-11-25T09:00:00Z") as later:
        await patch(later, who, found["id"], frequency="weekly")
        await patch(later, who, found["id"], frequency="daily", parameters={"time": "10:00"})
    for day in (25, 26):
        clock.set(f"2026-11-{day}T10:00:00Z")
        await once(bureau.replica(clock), clock)
    assert [edition.period.label[:10] for edition in bureau.maker.made] == ["2026-11-24", "2026-11-25"]


async def test_a_schedule_that_is_paused_for_its_failures_says_so_and_begins_anew(
    api: Served, bureau: Bureau
) -> None:
    who = somebody()
    found = await added(api, who)
    await bureau.postgres.execute(
        "UPDATE report_schedules SET active = false, failures = 5, paused_at = now(), paused_reason = 'why'"
    )
    paused = (await api.get(f"{PATH}/{found['id']}", **who)).json()
    again = (await patch(api, who, found["id"], active=True)).json()
    assert (paused["failures"], paused["paused_reason"], again) == (5, "why", found)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("schedule/nope", "schedule_id"),
        ("schedule/nope/preview", "schedule_id"),
        ("schedule/nope/executions", "schedule_id"),
        ("executions/nope", "execution_id"),
    ],
)
async def test_what_is_no_id_is_named(api: Served, path: str, field: str) -> None:
    answer = await api.get(f"/v1/reports/{path}", **somebody())
    errors = [{"field": field, "problem": "is not an id", "allowed": "a UUID"}]
    assert (answer.status_code, answer.json().get("errors")) == (400, errors)


async def test_what_was_deleted_is_gone_and_its_history_is_not(api: Served) -> None:
    who = somebody()
    path = f"{PATH}/{(await added(api, who))['id']}"
    run = (await api.client.post(f"{path}/execute", headers=who)).json()
    answers = [
        await api.client.delete(path, headers=who),
        await api.client.delete(path, headers=who),
        await api.get(path, **who),
        await api.client.patch(path, json={}, headers=who),
        await api.client.post(f"{path}/execute", headers=who),
        await api.get(f"{path}/preview", **who),
    ]
    assert [answer.status_code for answer in answers] == [204, 404, 404, 404, 404, 404]
    history = (await api.get(f"{path}/executions", **who)).json()
    one = (await api.get(f"/v1/reports/executions/{run['id']}", **who)).json()
    assert (history["total"], history["executions"], one["status"], one["error_message"]) == (
        1,
        [one],
        "failed",
        "the schedule was deleted",
    )


async def test_a_run_by_hand_is_taken_up(api: Served, bureau: Bureau, clock: MovedClock) -> None:
    who = somebody()
    found = await added(api, who, frequency="weekly", recipients=[ADA, OBI])
    answer = await api.client.post(f"{PATH}/{found['id']}/execute", headers=who)
    run = answer.json()
    assert (
        answer.status_code,
        run["status"],
        run["trigger"],
        run["date_range"],
        answer.headers["location"],
    ) == (
        202,
        "pending",
        "manual",
        "2026-11-16 to 2026-11-22",
        f"/v1/reports/executions/{run['id']}",
    )
    await once(bureau.replica(clock), clock)
    after = (await api.get(f"/v1/reports/executions/{run['id']}", **who)).json()
    assert (after["status"], after["completed_at"], after["rows_exported"]) == ("completed", NOW, 7)
    assert [(one["address"], one["status"]) for one in after["recipients"]] == [(ADA, "sent"), (OBI, "sent")]


async def test_a_dry_run_goes_to_the_owner_alone(api: Served, bureau: Bureau, clock: MovedClock) -> None:
    who = somebody()
    found = await added(api, who, recipients=[ADA, OBI], active=False)
    answer = await api.client.post(f"{PATH}/{found['id']}/execute", json={"to_self": True}, headers=who)
    await once(bureau.replica(clock), clock)
    assert (answer.json()["trigger"], bureau.sender.addresses) == ("dry_run", [OWNER])
    assert (await api.get(f"{PATH}/{found['id']}", **who)).json()["last_execution"] is None


async def test_a_body_that_does_not_come_is_not_waited_for(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)
    who = somebody()
    path = f"{PATH}/{(await added(api, who))['id']}/execute"
    reader, writer = await asyncio.open_connection(api.client.base_url.host, api.client.base_url.port)
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: {who['Authorization']}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"408"


async def test_one_run_by_hand_at_a_time(api: Served, bureau: Bureau, clock: MovedClock) -> None:
    who = somebody()
    path = f"{PATH}/{(await added(api, who))['id']}/execute"
    at_once = await asyncio.gather(*(api.client.post(path, headers=who) for _ in range(3)))
    await once(bureau.replica(clock), clock)
    after = await api.client.post(path, headers=who)
    assert sorted(answer.status_code for answer in (*at_once, after)) == [202, 202, 409, 409]


async def test_a_file_that_is_linked_to_is_told_of(api: Served, bureau: Bureau, clock: MovedClock) -> None:
    who = somebody()
    found = await added(api, who, parameters={"attach": False})
    run = (await api.client.post(f"{PATH}/{found['id']}/execute", headers=who)).json()
    await once(bureau.replica(clock), clock)
    file = (await api.get(f"/v1/reports/executions/{run['id']}", **who)).json()["file"]
    assert (file["name"], file["size"], file["url"].startswith("http://localhost")) == (
        "report.csv",
        10,
        True,
    )


async def test_executions_are_listed_by_status_and_page(
    api: Served, bureau: Bureau, clock: MovedClock
) -> None:
    who = somebody()
    path = f"{PATH}/{(await added(api, who))['id']}/executions"
    clock.set("2026-11-27T09:00:00Z")
    await once(bureau.replica(clock), clock)
    every = (await api.get(f"{path}?limit=1", **who)).json()
    missed = (await api.get(f"{path}?status=missed", **who)).json()
    assert (every["total"], [one["date_range"][:10] for one in every["executions"]]) == (3, ["2026-11-26"])
    assert [one["status"] for one in missed["executions"]] == ["missed", "missed"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "{schedule}"),
        ("PATCH", "{schedule}"),
        ("DELETE", "{schedule}"),
        ("POST", "{schedule}/execute"),
        ("GET", "{schedule}/executions"),
        ("GET", "{schedule}/preview"),
        ("GET", "/v1/reports/executions/{run}"),
    ],
)
async def test_another_s_is_not_there(api: Served, method: str, path: str) -> None:
    who = somebody()
    schedule = f"{PATH}/{(await added(api, who))['id']}"
    run = (await api.client.post(f"{schedule}/execute", headers=who)).json()["id"]
    other, change = somebody(), {"report_name": "mine"} if method == "PATCH" else None
    answers = [
        await api.client.request(method, path.format(schedule=one, run=its), json=change, headers=other)
        for one, its in ((schedule, run), (f"{PATH}/{uuid4()}", uuid4()))
    ]
    told = [{**answer.json(), "request_id": ""} for answer in answers]
    assert (answers[0].status_code, told[0]) == (404, told[1])


async def test_nobody_else_s_are_listed_but_to_admins(api: Served) -> None:
    mine = await added(api, somebody())
    lists = [(await api.get(PATH, **somebody(role))).json() for role in ("analyst", "admin")]
    assert [[one["id"] for one in found["schedules"]] for found in lists] == [[], [mine["id"]]]


async def test_admins_may_change_what_is_another_s(api: Served) -> None:
    mine = await added(api, somebody())
    after = (await patch(api, somebody("admin"), mine["id"], report_name="Trips")).json()
    assert after == mine | {"report_name": "Trips"}


async def test_viewers_may_not(api: Served) -> None:
    answers = [await post(api, somebody("viewer")), await api.get(PATH, **somebody("viewer"))]
    assert [answer.status_code for answer in answers] == [403, 403]


async def test_without_a_database_there_are_no_reports() -> None:
    async with resources(SECRET_ENVIRON) as given, serving(given) as api:
        answer = await api.get(PATH, **somebody())
    assert (answer.status_code, answer.json()["detail"]) == (501, "reports need DATABASE_URL")


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/nowhere", None], ids=["away", "no tables"])
async def test_while_the_database_cannot_answer_it_is_to_be_asked_later(
    postgres_url: str, url: str | None
) -> None:
    """The second one has not been migrated."""
    there = postgres_url.rpartition("/")[0] + "/postgres"
    environ = SECRET_ENVIRON | {"DATABASE_URL": url or there}
    async with resources(environ) as given, serving(given) as api:
        answer = await api.get(PATH, **somebody())
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)

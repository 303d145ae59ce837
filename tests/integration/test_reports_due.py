"""Runs of schedules: once for each period, whatever clocks, replicas and outages do."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.support.reports import ADA, Bureau, MovedClock, once

pytestmark = pytest.mark.postgres


async def test_a_schedule_runs_when_it_is_due(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-24T07:59:59Z")
    schedule = await bureau.schedule(clock)
    replica = bureau.replica(clock)
    before = await once(replica, clock)
    clock.set("2026-11-24T08:00:00Z")
    assert (before, await once(replica, clock)) == ([], ["completed"])
    [edition] = bureau.maker.made
    assert (edition.period.label, edition.schedule_id) == ("2026-11-23 to 2026-11-23", schedule.id)


async def test_three_replicas_that_tick_at_once_send_one_mail(bureau: Bureau) -> None:
    """Their clocks differ by two seconds."""
    clocks = [MovedClock("2026-11-24T07:00:00Z", behind=behind) for behind in (0, 1, 2)]
    await bureau.schedule(clocks[0])
    replicas = [bureau.replica(clock) for clock in clocks]
    for second in range(58, 64):
        for clock in clocks:
            clock.set(f"2026-11-24T0{7 + second // 60}:{'59' if second < 60 else '00'}:{second % 60:02}Z")
        await asyncio.gather(*(once(*pair) for pair in zip(replicas, clocks, strict=True)))
    assert bureau.sender.addresses == [ADA]


async def test_one_of_many_that_find_it_due_enqueues_it(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-24T07:00:00Z")
    schedule = await bureau.schedule(clock)
    clock.set("2026-11-24T08:00:01Z")
    await asyncio.gather(*(bureau.replica(clock).enqueue() for _ in range(8)))
    assert await bureau.statuses(schedule) == [("pending", "11-23")]


@pytest.mark.parametrize(
    ("zone", "at", "days"),
    [
        ("Europe/London", "01:30", ("2026-03-28", "2026-03-31")),
        ("Europe/London", "01:30", ("2026-10-24", "2026-10-27")),
    ],
    ids=["skipped", "twice"],
)
async def test_where_clocks_change_each_local_day_is_reported_once(
    bureau: Bureau, zone: str, at: str, days: tuple[str, str]
) -> None:
    """A replica that looks every half hour for three days."""
    clock = MovedClock(f"{days[0]}T02:00Z")
    schedule = await bureau.schedule(clock, parameters={"timezone": zone, "time": at})
    replica = bureau.replica(clock)
    for step in range(6 * 24):
        clock.set(
            f"{days[0][:8]}{int(days[0][8:]) + (step + 4) // 48:02}T{(step + 4) // 2 % 24:02}:{step % 2 * 30:02}Z"
        )
        await once(replica, clock)
    covered = Counter(edition.period.label[:10] for edition in bureau.maker.made)
    first = int(days[0][8:])
    assert covered == {f"{days[0][:8]}{first + n:02}": 1 for n in range(3)}
    assert {status for status, _ in await bureau.statuses(schedule)} == {"completed"}


async def test_the_31st_comes_once_a_month(bureau: Bureau) -> None:
    clock = MovedClock("2027-01-15T00:00Z")
    schedule = await bureau.schedule(
        clock, frequency="monthly", parameters={"timezone": "UTC", "time": "08:00", "day": 31}
    )
    replica = bureau.replica(clock)
    due = []
    for month, last in ((1, 31), (2, 28), (3, 31), (4, 30)):
        for day in range(25, last + 1):
            clock.set(f"2027-{month:02}-{day}T09:00Z")
            if await once(replica, clock):
                due.append(f"{month:02}-{day}")
    assert due == ["01-31", "02-28", "03-31", "04-30"]
    assert len(await bureau.executions(schedule)) == 4


async def test_after_six_hours_away_it_runs_late_and_once(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-24T07:00:00Z")
    schedule = await bureau.schedule(clock)
    clock.set("2026-11-24T14:00:00Z")
    outcomes = [await once(bureau.replica(clock), clock) for _ in range(2)]
    assert (outcomes, await bureau.statuses(schedule)) == ([["completed"], []], [("completed", "11-23")])


async def test_after_days_away_the_latest_runs_and_the_others_are_missed(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-20T07:00:00Z")
    schedule = await bureau.schedule(clock)
    clock.set("2026-11-24T14:00:00Z")
    await once(bureau.replica(clock), clock)
    assert await bureau.statuses(schedule) == [
        *[("missed", f"11-{day}") for day in (19, 20, 21, 22)],
        ("completed", "11-23"),
    ]


async def test_the_next_time_is_after_the_one_that_ran(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-24T07:00:00Z")
    schedule = await bureau.schedule(clock)
    clock.set("2026-11-26T14:00:00Z")
    await once(bureau.replica(clock), clock)
    assert f"{(await bureau.read(schedule)).turn.next}" == "2026-11-27 08:00:00+00:00"


async def test_a_zone_whose_rules_changed_loses_no_day_and_repeats_none(bureau: Bureau) -> None:
    """What was computed under the old rules is an hour off."""
    clock = MovedClock("2026-11-24T07:00:00Z")
    schedule = await bureau.schedule(clock)
    replica = bureau.replica(clock)
    for day, hour in ((24, -1), (25, 2), (26, -1)):
        await bureau.postgres.execute(
            "UPDATE report_schedules SET covered_until = covered_until + $1 * interval '1 hour'", hour
        )
        clock.set(f"2026-11-{day}T08:00:00Z")
        await once(replica, clock)
    assert await bureau.statuses(schedule) == [("completed", f"11-{day}") for day in (23, 24, 25)]


async def test_a_schedule_that_is_not_active_does_not_run(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-24T07:00:00Z")
    await bureau.schedule(clock, active=False)
    clock.set("2026-11-25T08:00:00Z")
    assert await once(bureau.replica(clock), clock) == []


async def test_runs_are_counted(bureau: Bureau) -> None:
    clock = MovedClock("2026-11-22T07:00:00Z")
    await bureau.schedule(clock)
    clock.set("2026-11-24T08:00:00Z")
    await once(bureau.replica(clock), clock)

    def counted(outcome: str) -> Any:
        labels = {"report_type": "booking_metrics", "outcome": outcome}
        return bureau.metrics.registry.get_sample_value("openride_report_runs_total", labels)

    assert (counted("missed"), counted("completed")) == (2, 1)


async def test_schedules_whose_zones_are_known_no_more_keep_no_other_waiting(bureau: Bureau) -> None:
    """As many of them as are looked at together, and longer overdue."""
    clock = MovedClock("2026-11-24T07:00:00Z")
    for _ in range(100):
        await bureau.schedule(clock)
    zone = "jsonb_set(parameters, '{timezone}', '\"Mars/Olympus\"')"
    await bureau.postgres.execute(
        f"UPDATE report_schedules SET owner_subject = 'others', parameters = {zone}"
    )
    good = await bureau.schedule(clock, parameters={"timezone": "Europe/London", "time": "08:01"})
    clock.set("2026-11-24T09:00:00Z")
    outcomes = await once(bureau.replica(clock), clock)
    assert (outcomes, await bureau.statuses(good)) == (["completed"], [("completed", "11-23")])

"""What goes wrong while files are made, kept and had back."""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import psutil
import pytest
from redis.asyncio import Redis

from openride_analytics import settings as tree
from openride_analytics.api.dependencies import questions
from openride_analytics.exports import attempt, worker
from openride_analytics.exports.cleaner import Cleaner
from openride_analytics.exports.files import name_of, parts_of
from openride_analytics.exports.objects import PARTS_AT_ONCE
from openride_analytics.exports.places import file_store
from openride_analytics.exports.writing import NICENESS, Progress, Short, Task, check
from openride_analytics.store import jobs as jobs_module
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import resources, serving
from tests.support.eventually import eventually, poll
from tests.support.exports import (
    BOOKINGS,
    NOW,
    THOUSANDS,
    ask,
    environ,
    exporting,
    files,
    made,
    over,
    somebody,
    status,
)
from tests.support.making import order
from tests.support.proxy import Fault, Proxy
from tests.support.tokens import SECRET_ENVIRON

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis, pytest.mark.usefixtures("own_queue")]


@pytest.fixture
async def hung(thousands: dict[str, str]) -> AsyncIterator[tuple[Proxy, dict[str, str]]]:
    """What stands between the workers and their ClickHouse, and lets nothing pass of what they are answered."""
    async with Proxy("127.0.0.1", int(thousands["CLICKHOUSE_PORT"])) as proxy:
        proxy.arm(Fault.HANG, on=b"exports/events")
        yield proxy, thousands | {"CLICKHOUSE_PORT": str(proxy.port)}


def writers() -> list[psutil.Process]:
    """The processes that make files now, of ours."""
    found = []
    for child in psutil.Process().children():
        try:
            if (
                "openride_analytics.exports.writing" in child.cmdline()
                and child.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk with no more room; for processes that are begun meanwhile too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_without_room_an_export_fails_leaves_nothing_and_can_be_made_later(
    thousands: dict[str, str], tmp_path: Path
) -> None:
    who, forms = somebody(), ("csv", "parquet", "excel")
    async with exporting(thousands, now=NOW, count=2) as (_, api):
        with files_of_at_most(20_000):
            ids = [(await ask(api, who, **BOOKINGS | {"format": form})).json()["export_id"] for form in forms]
            found = [await over(api, who, export_id) for export_id in ids]
        left = files(tmp_path / "exports")
        again, _ = await made(api, who, **BOOKINGS)
    said = {(each["status"], each["error"]) for each in found}
    assert (said, left, again["row_count"]) == (
        {("failed", "there is no room left for the file")},
        [],
        THOUSANDS,
    )


async def test_a_writer_that_dies_is_begun_once_more_then_the_export_fails(
    hung: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    _, thousands = hung
    who = somebody()
    async with exporting(thousands, now=NOW) as (_, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        for _ in range(2):
            await eventually(lambda: len(writers()) == 1)
            writers()[0].kill()
            await eventually(lambda: not writers())
        found = await over(api, who, export_id)
        file = await api.get(f"/v1/exports/{export_id}/download", **who)
    assert (found["status"], found["error"], file.status_code, files(tmp_path / "exports")) == (
        "failed",
        jobs_module.DIED,
        409,
        [],
    )


async def test_after_one_death_another_replica_makes_it(
    hung: tuple[Proxy, dict[str, str]], thousands: dict[str, str]
) -> None:
    """The first replica ends without a word; the second has a ClickHouse that answers."""
    _, hanging = hung
    who = somebody()
    async with resources(thousands, now=NOW) as given, serving(given) as api:
        async with exporting(hanging, now=NOW) as (dying, _):
            dying.jobs.lease_ms = 300
            export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
            await eventually(lambda: len(writers()) == 1)
            dying.jobs.hand_back = dying.jobs.beat = _says_nothing  # type: ignore[method-assign,assignment]
        async with exporting(thousands, now=NOW):
            found = await over(api, who, export_id)
    assert (found["status"], found["row_count"]) == ("completed", THOUSANDS)


async def _says_nothing(*_: Any) -> bool:
    return True


async def test_a_worker_that_is_stopped_hands_its_export_back(
    hung: tuple[Proxy, dict[str, str]], thousands: dict[str, str]
) -> None:
    _, hanging = hung
    who = somebody()
    async with exporting(hanging, now=NOW) as (_, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: len(writers()) == 1)
    async with exporting(thousands, now=NOW, count=0) as (given, api):
        found = await status(api, who, export_id)
        job = await given.jobs.get(export_id)
    assert job is not None
    assert (found["status"], job.deaths, writers()) == ("pending", 0, [])


@pytest.fixture
async def between(thousands: dict[str, str], redis_url: str) -> AsyncIterator[tuple[Proxy, dict[str, str]]]:
    """What stands between a service and its Redis."""
    address = urlsplit(redis_url)
    async with Proxy(address.hostname or "", address.port or 0) as proxy:
        yield proxy, thousands | {"REDIS_URL": address._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()}


async def test_an_export_whose_end_was_heard_but_not_answered_keeps_its_file(
    between: tuple[Proxy, dict[str, str]],
) -> None:
    proxy, thousands = between
    who = somebody()
    async with exporting(thousands, now=NOW) as (given, api):
        completed = given.metrics.exports_total.labels("csv", "completed")
        proxy.arm(Fault.LOSE_ANSWER, on=b"completed")
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: proxy.struck > 0)
        proxy.mend()
        await eventually(lambda: completed._value.get() == 1)
        file = await api.get(f"/v1/exports/{export_id}/download", **who)
    assert file.status_code == 200


@pytest.fixture
async def many(
    warehouse: ClickHouse, shared_settings: tree.Settings, redis_url: str, tmp_path: Path
) -> dict[str, str]:
    """So many rows that they cannot all be on their way at once."""
    await warehouse.execute(
        "INSERT INTO booking_events (event_id, event_type, event_timestamp, cancellation_reason) "
        "SELECT generateUUIDv4(), 'booking.cancelled', toDateTime64('2026-10-05', 3, 'UTC'), randomString(200) "
        "FROM numbers(200000)"
    )
    return environ(shared_settings, redis_url, tmp_path / "exports", EXPORT_MAX_ROWS="1000000")


async def queries(warehouse: ClickHouse) -> int:
    """How many exports ClickHouse is answering."""
    running = (
        "SELECT count() AS n FROM system.processes "
        "WHERE query LIKE '%ORDER BY `event_type`%' AND query NOT LIKE '%processes%'"
    )
    return int((await warehouse.select(running)).one()["n"])


async def until_queries(warehouse: ClickHouse, count: int) -> None:
    async def so_many() -> bool:
        return await queries(warehouse) == count

    await poll(so_many)


async def test_to_remove_a_running_export_ends_its_query(many: dict[str, str], warehouse: ClickHouse) -> None:
    """Its process is stopped when its query is under way, so that the query cannot end by itself."""
    who = somebody()
    async with exporting(many, now=NOW) as (_, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await until_queries(warehouse, 1)
        writers()[0].suspend()
        assert await queries(warehouse) == 1
        await api.client.delete(f"/v1/exports/{export_id}", headers=who)
        await until_queries(warehouse, 0)
        found = await status(api, who, export_id)
    assert (found["status"], writers()) == ("cancelled", [])


async def test_who_asks_for_numbers_comes_before_an_export(
    many: dict[str, str], warehouse: ClickHouse
) -> None:
    """At the processor, and at ClickHouse, where lower numbers come first."""
    who = somebody()
    asked = (
        "SELECT Settings['priority'] AS n, Settings['max_threads'] AS threads FROM system.processes WHERE "
    )
    async with exporting(many, now=NOW) as (given, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await until_queries(warehouse, 1)
        writer = writers()[0]
        writer.suspend()
        nice = writer.nice()
        export = (
            await warehouse.select(
                asked + "query LIKE '%ORDER BY `event_type`%' AND query NOT LIKE '%processes%'"
            )
        ).one()
        question = (await questions(given).select(asked + "query LIKE '%processes%'")).one()
        await api.client.delete(f"/v1/exports/{export_id}", headers=who)
    assert nice == min(19, psutil.Process().nice() + NICENESS)
    assert (int(export["n"]) > int(question["n"]) > 0, export["threads"]) == (True, "1")


async def test_rows_that_are_cut_off_make_no_file(
    many: dict[str, str], warehouse: ClickHouse, tmp_path: Path
) -> None:
    who = somebody()
    async with (
        Proxy("127.0.0.1", int(many["CLICKHOUSE_PORT"])) as proxy,
        exporting(many | {"CLICKHOUSE_PORT": str(proxy.port)}, now=NOW) as (_, api),
    ):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await until_queries(warehouse, 1)
        writers()[0].suspend()
        proxy.reset_all()
        writers()[0].resume()
        found = await over(api, who, export_id)
    assert (found["status"], found["error"], files(tmp_path / "exports")) == (
        "failed",
        "clickhouse did not answer to the end",
        [],
    )


async def test_a_writer_ends_when_whoever_began_it_is_gone(
    hung: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    proxy, thousands = hung
    settings = tree.load(thousands)
    task = Task(order(settings, now=NOW, **BOOKINGS), settings.clickhouse, str(tmp_path / "file"))
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "openride_analytics.exports.writing",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdin is not None
    writer.stdin.write(task.line())
    await eventually(lambda: proxy.struck > 0)
    writer.terminate()  # a signal for the whole group is not for it
    writer.stdin.close()
    async with asyncio.timeout(10):
        assert await writer.wait() == 1


async def test_a_file_has_the_rows_that_were_counted_or_those_that_came_meanwhile(
    thousands_settings: tree.Settings,
) -> None:
    """What was written, and what was counted before: more or fewer than there are."""
    there = THOUSANDS
    said: list[int | None] = []
    clickhouse = ClickHouse(thousands_settings.clickhouse)
    for written, counted in ((there, there), (there, there - 10), (there - 1, there), (there + 1, there)):
        progress = Progress(lambda _: None)
        progress.rows, progress.total = written, counted
        try:
            await check(clickhouse, order(thousands_settings, now=NOW, **BOOKINGS), progress)
        except Short:
            said.append(None)
        else:
            said.append(progress.total)
    await clickhouse.close()
    assert said == [there, there, None, None]


async def test_a_count_that_clickhouse_does_not_answer_at_once_is_asked_for_again(
    thousands: dict[str, str],
) -> None:
    who = somebody()
    async with (
        Proxy("127.0.0.1", int(thousands["CLICKHOUSE_PORT"])) as proxy,
        exporting(thousands | {"CLICKHOUSE_PORT": str(proxy.port)}, now=NOW) as (_, api),
    ):
        proxy.arm(Fault.RESET, on=b"count()")
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: proxy.struck > 0)
        proxy.mend()
        found = await over(api, who, export_id)
    assert (found["status"], found["error"], found["row_count"]) == ("completed", None, THOUSANDS)


async def test_rows_that_were_written_are_kept_though_they_are_not_counted_again_at_once(
    thousands_settings: tree.Settings,
) -> None:
    progress = Progress(lambda _: None)
    progress.rows, progress.total = THOUSANDS, THOUSANDS - 10
    async with Proxy("127.0.0.1", thousands_settings.clickhouse.port) as proxy:
        server = msgspec.structs.replace(thousands_settings.clickhouse, host="127.0.0.1", port=proxy.port)
        clickhouse = ClickHouse(server)
        proxy.arm(Fault.RESET, on=b"count()")
        checking = asyncio.create_task(
            check(clickhouse, order(thousands_settings, now=NOW, **BOOKINGS), progress)
        )
        await eventually(lambda: proxy.struck > 0)
        proxy.mend()
        await checking
        await clickhouse.close()
    assert progress.total == THOUSANDS


async def test_a_file_that_cannot_be_put_away_at_once_is_put_away_later(
    thousands: dict[str, str],
    s3: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A storage that is away for longer than its client asks again by itself."""
    monkeypatch.setattr(worker, "AWAY_SECONDS", 0.5)
    who, address = somebody(), urlsplit(s3["EXPORT_S3_ENDPOINT"])
    async with Proxy("127.0.0.1", address.port or 0) as proxy:
        way = {"EXPORT_S3_ENDPOINT": f"http://127.0.0.1:{proxy.port}"}
        async with exporting(thousands | s3 | way, now=NOW) as (_, api):
            proxy.arm(Fault.RESET)
            export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
            await eventually(lambda: "a file could not be put away yet" in caplog.text)
            proxy.mend()
            found = await over(api, who, export_id)
            file = await api.get(f"/v1/exports/{export_id}/download", **who)
            await api.client.delete(f"/v1/exports/{export_id}", headers=who)  # the storage is everybody's
    assert (found["status"], found["file_size"], file.status_code) == ("completed", len(file.content), 200)


async def test_a_large_file_leaves_by_a_few_parts_at_a_time(s3: dict[str, str], tmp_path: Path) -> None:
    """All parts at once share the way there: none would arrive in the time of one request where that is slow."""
    made = tmp_path / "file"
    with made.open("wb") as file:
        file.truncate(40 << 20)
    async with Proxy("127.0.0.1", urlsplit(s3["EXPORT_S3_ENDPOINT"]).port or 0) as proxy:
        way = s3 | SECRET_ENVIRON | {"EXPORT_S3_ENDPOINT": f"http://127.0.0.1:{proxy.port}"}
        store = file_store(tree.load(way).exports)
        name = name_of(str(uuid4()), 1, "csv")
        await store.publish(made, name)
        connections = len(proxy._connections)  # which are kept open
        await store.delete(name)
    assert connections <= PARTS_AT_ONCE


async def test_a_file_that_was_put_away_for_an_export_that_is_no_more_is_removed(
    thousands: dict[str, str], tmp_path: Path
) -> None:
    """Its lease was another's, or it was cancelled, while the file was being kept."""
    who = somebody()
    async with exporting(thousands, now=NOW) as (given, api):
        cancelled = given.metrics.exports_total.labels("csv", "cancelled")
        publish = given.files.publish

        async def too_late(made: Path, name: str) -> int:
            size = await publish(made, name)
            await api.client.delete(f"/v1/exports/{parts_of(name)[0]}", headers=who)  # type: ignore[index]
            return size

        given.files.publish = too_late  # type: ignore[method-assign]
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: cancelled._value.get() == 1)
        found = await status(api, who, export_id)
    assert (found["status"], found["file_size"], files(tmp_path / "exports")) == ("cancelled", None, [])


async def test_the_place_of_work_of_a_worker_who_works_is_not_swept_away(
    hung: tuple[Proxy, dict[str, str]], tmp_path: Path
) -> None:
    """Though nothing was written there for long, and those of the same export's other attempts are."""
    _, thousands = hung
    who, working = somebody(), tmp_path / "exports" / "working"
    async with exporting(thousands, now=NOW) as (given, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: len(writers()) == 1)
        own, other = working / f"{export_id}.1", working / f"{export_id}.2"
        other.mkdir()
        for folder in (own, other):
            for path in (*folder.iterdir(), folder):
                os.utime(path, (0, 0))
        await Cleaner(given.jobs, given.files, tmp_path / "exports", given.clock).sweep()
        left = list(working.iterdir())
        await api.client.delete(f"/v1/exports/{export_id}", headers=who)
    assert left == [own]


async def test_after_redis_was_emptied_an_export_in_hand_ends_and_leaves_nothing(
    hung: tuple[Proxy, dict[str, str]], tmp_path: Path, redis_url: str
) -> None:
    _, thousands = hung
    who = somebody()
    async with exporting(thousands, now=NOW) as (_, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: len(writers()) == 1)
        async with Redis.from_url(redis_url) as client:
            await client.delete(*[key async for key in client.scan_iter(f"{jobs_module._SAME_SLOT}*")])
        await eventually(lambda: not writers())
        await eventually(lambda: list((tmp_path / "exports" / "working").iterdir()) == [])
        found = await api.get(f"/v1/exports/{export_id}/status", **who)
    assert (found.status_code, files(tmp_path / "exports")) == (404, [])


async def test_a_writer_that_hangs_is_as_dead(
    hung: tuple[Proxy, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, so that none of its own limits is kept."""
    monkeypatch.setattr(attempt, "LONGEST_SECONDS", 1.0)
    monkeypatch.setattr(attempt, "END_SECONDS", 1.0)
    _, thousands = hung
    who = somebody()
    async with exporting(thousands, now=NOW) as (_, api):
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]
        await eventually(lambda: len(writers()) == 1)
        writers()[0].suspend()
        found = await over(api, who, export_id)
    assert (found["status"], found["error"], writers()) == ("failed", jobs_module.DIED, [])


async def test_two_replicas_share_the_work_and_each_export_is_made_once(thousands: dict[str, str]) -> None:
    who = somebody()
    async with exporting(thousands, now=NOW) as (one, api), exporting(thousands, now=NOW) as (two, _):
        ids = [(await ask(api, who, **BOOKINGS)).json()["export_id"] for _ in range(4)]
        found = await asyncio.gather(*(over(api, who, export_id) for export_id in ids))
        counted = [
            given.metrics.exports_total.labels("csv", "completed")._value.get() for given in (one, two)
        ]
    assert ({each["status"] for each in found}, sum(counted)) == ({"completed"}, 4)

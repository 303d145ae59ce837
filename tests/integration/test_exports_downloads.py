"""Files had back: whole or in part, from any replica, never another file; and gone when their time is over."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from openride_analytics.exports import cleaner
from openride_analytics.store import jobs as jobs_module
from tests.support.api import Served, resources, serving
from tests.support.eventually import poll
from tests.support.exports import BOOKINGS, NOW, ask, exporting, files, made, somebody

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis, pytest.mark.usefixtures("own_queue")]


async def test_a_file_is_had_from_another_replica(thousands: dict[str, str]) -> None:
    who = somebody()
    async with exporting(thousands, now=NOW) as (_, api):
        found, file = await made(api, who, **BOOKINGS)
    async with resources(thousands, now=NOW) as given, serving(given) as other:
        answer = await other.get(f"/v1/exports/{found['export_id']}/download", **who)
    assert (answer.status_code, answer.content) == (200, file)


@pytest.fixture
async def done(
    thousands: dict[str, str], tmp_path: Path
) -> AsyncIterator[tuple[Served, dict[str, str], str, Path]]:
    """A completed export: where to ask, as whom, its path, and its file."""
    who = somebody()
    async with exporting(thousands, now=NOW) as (_, api):
        found, _ = await made(api, who, **BOOKINGS)
        (file,) = files(tmp_path / "exports")
        yield api, who, f"/v1/exports/{found['export_id']}", file


async def test_what_became_of_a_file_is_not_served(
    done: tuple[Served, dict[str, str], str, Path], tmp_path: Path
) -> None:
    """A link to the same bytes, another file, a device: each in its place."""
    api, who, path, file = done
    other = tmp_path / "other"
    file.rename(other)
    answers = []
    for become in (
        lambda: file.symlink_to(other),
        lambda: file.write_bytes(b"another"),
        lambda: os.mkfifo(file),
    ):
        become()
        answers.append((await api.get(f"{path}/download", **who)).status_code)
        file.unlink()
    other.rename(file)
    answers.append((await api.get(f"{path}/download", **who)).status_code)
    assert answers == [410, 410, 410, 200]


async def test_a_download_that_began_before_the_file_was_removed_ends_whole(
    done: tuple[Served, dict[str, str], str, Path],
) -> None:
    api, who, path, file = done
    whole = file.read_bytes()
    async with api.client.stream("GET", f"{path}/download", headers=who) as answer:
        file.unlink()
        assert b"".join([piece async for piece in answer.aiter_raw()]) == whole


async def test_a_download_of_an_empty_file_leaves_nothing_open(
    thousands: dict[str, str], tmp_path: Path
) -> None:
    nothing = BOOKINGS | {"format": "jsonl", "filters": {"event_type": "booking.confirmed"}}
    async with exporting(thousands, now=NOW) as (_, api):
        _, file = await made(api, somebody(), **nothing)
        still = [each.path for each in psutil.Process().open_files() if each.path.endswith(".jsonl")]
    assert (file, still) == (b"", [])


async def test_nothing_else_can_be_had(done: tuple[Served, dict[str, str], str, Path]) -> None:
    api, who, *_ = done
    others = [
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "00000000-0000-0000-0000-00000000000g",
        f"{uuid4()}%00",
    ]
    found = [await api.get(f"/v1/exports/{other}/download", **who) for other in others]
    assert {answer.status_code for answer in found} <= {400, 404}


async def test_names_from_a_poisoned_redis_lead_nowhere(
    done: tuple[Served, dict[str, str], str, Path], redis_url: str
) -> None:
    from redis.asyncio import Redis

    api, who, path, _ = done
    async with Redis.from_url(redis_url) as client:
        key = f"{jobs_module._SAME_SLOT}job:{path.rpartition('/')[2]}"
        await client.hset(
            key, mapping={"file": "../../../../../../etc/passwd", "size": Path("/etc/passwd").stat().st_size}
        )
    assert (await api.get(f"{path}/download", **who)).status_code == 410


PARTS = [
    ("bytes=0-9", 206, slice(0, 10)),
    ("bytes=-10", 206, slice(-10, None)),
    ("bytes=100-", 206, slice(100, None)),
    ("bytes=5-999999999", 206, slice(5, None)),
    ("bytes=9-5", 200, slice(None)),
    ("bytes=0-1,5-6", 200, slice(None)),
    ("lines=0-1", 200, slice(None)),
]


@pytest.fixture(params=["directory", "s3"])
def storage(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings that say where files are kept."""
    return dict(request.getfixturevalue("s3")) if request.param == "s3" else {}


async def test_parts_of_a_file(thousands: dict[str, str], storage: dict[str, str], tmp_path: Path) -> None:
    """From either store; and with it, that another replica serves what is in shared storage."""
    where = storage | {"EXPORT_TEMP_DIR": str(tmp_path / "a")} if storage else {}
    who = somebody()
    async with exporting(thousands | where, now=NOW) as (_, api):
        found, whole = await made(api, who, **BOOKINGS)
        path = f"/v1/exports/{found['export_id']}/download"
    elsewhere = where | {"EXPORT_TEMP_DIR": str(tmp_path / "b")} if where else {}
    async with resources(thousands | elsewhere, now=NOW) as given, serving(given) as api:
        for asked, expected, part in PARTS:
            answer = await api.get(path, range=asked, **who)
            assert (answer.status_code, answer.content) == (expected, whole[part]), asked
        beyond = await api.get(path, range="bytes=999999999-", **who)
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
        tag = beyond.headers["etag"]
        conditions = [
            await api.get(path, **{"range": "bytes=0-1", "if-range": value}, **who) for value in (tag, '"x"')
        ]
        assert [answer.status_code for answer in conditions] == [206, 200]
        head = await api.client.head(path, headers=who)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(whole)), b"")
        assert (await api.client.delete(path.removesuffix("/download"), headers=who)).status_code == 204
        assert await given.files.names() == []


async def test_what_has_expired_is_gone(thousands: dict[str, str], tmp_path: Path) -> None:
    who = somebody()
    async with exporting(thousands, now=NOW) as (given, api):
        given.jobs._keep = 300
        export_id = (await ask(api, who, **BOOKINGS)).json()["export_id"]

        async def gone() -> bool:
            return (await api.get(f"/v1/exports/{export_id}/status", **who)).status_code == 404

        await poll(gone)
        listed = (await api.get("/v1/exports", **who)).json()
    assert (listed, files(tmp_path / "exports")) == ({"exports": [], "total": 0}, [])


async def test_a_file_of_which_nobody_has_said_yet_that_it_is_there_is_not_swept_away(
    thousands: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    async with exporting(thousands, count=0) as (given, _):
        just_made = folder / f"{uuid4()}.1.csv"
        just_made.parent.mkdir(parents=True, exist_ok=True)
        just_made.write_bytes(b"x")
        await cleaner.Cleaner(given.jobs, given.files, folder, given.clock).sweep()
    assert files(folder) == [just_made]


async def test_a_file_that_is_being_told_of_is_not_swept_away_by_a_clock_that_is_ahead(
    thousands: dict[str, str], tmp_path: Path
) -> None:
    """As of another replica, which shares the storage; the worker waits for Redis to say that the file is there."""
    async with exporting(thousands, count=0, now=NOW) as (given, api):
        await ask(api, somebody(), **BOOKINGS)
        claim = await given.jobs.claim()
        assert claim is not None
        made_now = tmp_path / "exports" / f"{claim.job.id}.{claim.job.generation}.csv"
        made_now.parent.mkdir(parents=True, exist_ok=True)
        made_now.write_bytes(b"x")
        os.utime(made_now, (0, 0))
        await cleaner.Cleaner(given.jobs, given.files, tmp_path / "exports", given.clock).sweep()
    assert files(tmp_path / "exports") == [made_now]


async def test_what_belongs_to_no_export_is_swept_away(thousands: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    async with exporting(thousands, count=0) as (given, _):
        stray = folder / f"{uuid4()}.1.csv"
        left = folder / "working" / f"{uuid4()}.1" / "file"
        foreign = folder / "README"
        for file in (stray, left, foreign):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x")
            os.utime(file, (0, 0))
        os.utime(left.parent, (0, 0))
        tidying = cleaner.Cleaner(given.jobs, given.files, folder, given.clock)
        await tidying.sweep()
    assert files(folder) == [foreign]


async def test_files_of_other_attempts_are_swept_away_and_the_exports_own_is_not(
    done: tuple[Served, dict[str, str], str, Path], thousands: dict[str, str], tmp_path: Path
) -> None:
    *_, own = done
    export_id = own.name.partition(".")[0]
    others = [own.with_name(f"{export_id}.{generation}.csv") for generation in (0, 2)]
    for file in (own, *others):
        file.touch()
        os.utime(file, (0, 0))
    async with exporting(thousands, count=0) as (given, _):
        await cleaner.Cleaner(given.jobs, given.files, tmp_path / "exports", given.clock).sweep()
    assert files(tmp_path / "exports") == [own]


async def test_where_files_cannot_be_reached_one_is_told_to_come_again(
    done: tuple[Served, dict[str, str], str, Path],
) -> None:
    """Not that the file is gone."""
    api, who, path, file = done
    aside = file.parent.rename(file.parent.with_name("aside"))
    file.parent.symlink_to(file.parent)
    answers = [
        (await api.get(f"{path}/download", **who)).status_code,
        (await api.client.delete(path, headers=who)).status_code,
    ]
    file.parent.unlink()
    aside.rename(file.parent)
    answers.append((await api.get(f"{path}/download", **who)).status_code)
    assert answers == [503, 503, 200]

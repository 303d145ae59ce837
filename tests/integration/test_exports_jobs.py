"""Jobs in a real Redis: worked on by one at a time, taken up once more after a death, lost to who was too late."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.errors import Retryable
from openride_analytics.settings import Secret
from openride_analytics.store import job_scripts as scripts
from openride_analytics.store import jobs as module
from openride_analytics.store.jobs import Claim, Jobs
from openride_analytics.store.redis import connect
from tests.support.eventually import poll
from tests.support.proxy import Fault, Proxy

pytestmark = pytest.mark.redis

LEASE_MS = 200


@pytest.fixture(autouse=True)
def _keys_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAME_SLOT", f"test:{{{uuid4()}}}:")


@pytest.fixture(params=["one server", "cluster"])
def where(request: pytest.FixtureRequest) -> tree.Redis:
    cluster = request.param == "cluster"
    url = request.getfixturevalue("redis_cluster_url" if cluster else "redis_url")
    return tree.Redis(url=Secret(url), cluster=cluster, cache_ttl_metrics=1, cache_ttl_reports=1)


@pytest.fixture
async def client(where: tree.Redis) -> AsyncIterator[Any]:
    found = connect(where, timeout=10)
    yield found
    await found.aclose()


@pytest.fixture
def jobs(client: Any) -> Jobs:
    return Jobs(client, keep_ms=60_000, lease_ms=LEASE_MS)


async def create(jobs: Jobs, subject: str = "somebody", **more: Any) -> str:
    return (
        await jobs.create(
            b"{}", kind="csv", subject=subject, **{"most_of_one": 9, "most": 9, "once": None} | more
        )
    ).id


async def claimed(jobs: Jobs) -> Claim:
    found = await jobs.claim()
    assert found is not None
    return found


async def dead(jobs: Jobs) -> str:
    """What becomes of a job whose worker says nothing any more."""
    said: list[str] = []

    async def reclaimed() -> bool:
        said.extend(await jobs.reclaim())
        return bool(said)

    await poll(reclaimed)
    return said[0]


async def test_many_workers_never_have_one_job_twice(jobs: Jobs) -> None:
    ids = [await create(jobs) for _ in range(5)]
    found = await asyncio.gather(*(jobs.claim() for _ in range(20)))
    assert sorted(claim.job.id for claim in found if claim is not None) == sorted(ids)


async def test_who_creates_one_is_told_it_as_it_was_then(jobs: Jobs) -> None:
    made = await jobs.create(b"{}", kind="csv", subject="somebody", most_of_one=9, most=9, once=None)
    assert made.job is not None
    assert (made.job.id, made.job.order, made.job.status) == (made.id, b"{}", "pending")


async def test_the_one_that_waited_longest_comes_first(jobs: Jobs) -> None:
    ids = [await create(jobs) for _ in range(3)]
    assert [(await claimed(jobs)).job.id for _ in ids] == ids


async def test_a_job_whose_worker_died_is_taken_up_once_more_then_fails(jobs: Jobs) -> None:
    id_ = await create(jobs)
    await claimed(jobs)
    first = await dead(jobs)
    again = await claimed(jobs)
    second = await dead(jobs)
    job = await jobs.get(id_)
    assert job is not None
    assert (first, again.job.generation, second, job.status, job.result["error"]) == (
        "pending",
        2,
        "failed",
        "failed",
        module.DIED,
    )


async def test_a_claim_without_an_answer_is_no_death(redis_url: str) -> None:
    address = urlsplit(redis_url)
    async with Proxy(address.hostname or "", address.port or 0) as proxy:
        url = Secret(address._replace(netloc=f"127.0.0.1:{proxy.port}").geturl())
        client = connect(tree.Redis(url=url, cluster=False, cache_ttl_metrics=1, cache_ttl_reports=1))
        jobs = Jobs(client, keep_ms=60_000)
        id_ = await create(jobs)
        proxy.arm(Fault.LOSE_ANSWER, on=scripts.CLAIM.encode())
        with pytest.raises(Retryable):
            await jobs.claim()
        proxy.mend()
        claim = await claimed(jobs)
        held = await jobs.beat(claim, 1, 1)
        await client.aclose()
    assert (claim.job.id, claim.job.generation, held) == (id_, 1, True)


async def test_who_renews_the_lease_keeps_the_job(jobs: Jobs) -> None:
    await create(jobs)
    claim = await claimed(jobs)
    for _ in range(8):
        assert await jobs.beat(claim, 1, 10)
        await asyncio.sleep(LEASE_MS / 4000)
    assert await jobs.reclaim() == []


async def test_who_was_too_late_can_do_nothing(jobs: Jobs) -> None:
    id_ = await create(jobs)
    late = await claimed(jobs)
    await dead(jobs)
    await claimed(jobs)
    said = [
        await jobs.beat(late, 5, 5),
        await jobs.finish(late, "completed", {"file": "of the late one"}),
        await jobs.hand_back(late),
        await jobs.abandon(late),
    ]
    job = await jobs.get(id_)
    assert job is not None
    assert (said, job.status, job.rows, job.result) == ([False] * 4, "processing", 0, {})


async def test_an_end_can_be_said_again_by_who_said_it(jobs: Jobs) -> None:
    await create(jobs)
    claim = await claimed(jobs)
    said = [
        await jobs.finish(claim, "completed", {"file": "x"}),
        await jobs.finish(claim, "completed", {"file": "x"}),
        await jobs.finish(replace(claim, token="another's"), "failed", {}),
    ]
    job = await jobs.get(claim.job.id)
    assert job is not None
    assert (said, job.status, job.result) == ([True, True, False], "completed", {"file": "x"})


async def test_handing_back_is_no_death(jobs: Jobs) -> None:
    id_ = await create(jobs)
    await jobs.hand_back(await claimed(jobs))
    job = await jobs.get(id_)
    assert job is not None and (job.status, job.deaths, (await claimed(jobs)).job.generation) == (
        "pending",
        0,
        2,
    )


@pytest.fixture(params=["handed back", "reclaimed"])
async def begun_anew(request: pytest.FixtureRequest, jobs: Jobs) -> str:
    """A job that was worked on and waits again; another one came after it."""
    id_, _ = [await create(jobs) for _ in range(2)]
    claim = await claimed(jobs)
    await jobs.beat(claim, 5, 9)
    await (jobs.hand_back(claim) if request.param == "handed back" else dead(jobs))
    return id_


async def test_what_is_begun_anew_keeps_its_place(jobs: Jobs, begun_anew: str) -> None:
    assert (await claimed(jobs)).job.id == begun_anew


async def test_of_what_is_begun_anew_nothing_is_done_yet(jobs: Jobs, begun_anew: str) -> None:
    job = await jobs.get(begun_anew)
    assert job is not None and (job.status, job.rows) == ("pending", 0)


async def test_a_cancelled_job_is_its_workers_no_longer(jobs: Jobs) -> None:
    id_ = await create(jobs)
    claim = await claimed(jobs)
    before = await jobs.cancel(id_, "somebody")
    assert (before, await jobs.beat(claim, 1, 1), await jobs.finish(claim, "completed", {})) == (
        "processing",
        False,
        False,
    )


async def test_a_cancelled_job_waits_no_more(jobs: Jobs) -> None:
    await jobs.cancel(await create(jobs), "somebody")
    assert await jobs.waiting() == (0, 0.0)


async def test_a_job_that_is_over_goes_by_itself_where_nobody_sees_to_it(jobs: Jobs, client: Any) -> None:
    id_ = await create(jobs)
    await jobs.finish(await claimed(jobs), "completed", {})
    assert await client.ttl(f"{module._SAME_SLOT}job:{id_}") > 0


async def test_nobody_else_can_cancel(jobs: Jobs) -> None:
    id_ = await create(jobs)
    assert (await jobs.cancel(id_, "another"), (await claimed(jobs)).job.id) == ("", id_)


async def test_one_owner_and_all_together_have_so_many(jobs: Jobs) -> None:
    limits: dict[str, Any] = {"most_of_one": 2, "most": 3}
    made = [
        (await jobs.create(b"", kind="csv", subject=who, once=None, **limits)).outcome
        for who in ("a", "a", "a", "b", "b")
    ]
    assert made == ["created", "created", "crowded", "created", "full"]


async def test_what_is_over_makes_room(jobs: Jobs) -> None:
    limits: dict[str, Any] = {"most_of_one": 1, "most": 1}
    await create(jobs, **limits)
    await jobs.finish(await claimed(jobs), "completed", {})
    assert (await jobs.create(b"", kind="csv", subject="somebody", once=None, **limits)).outcome == "created"


async def test_what_redis_forgot_holds_nobodys_place(jobs: Jobs, client: Any) -> None:
    limits: dict[str, Any] = {"most_of_one": 1, "most": 1}
    id_ = await create(jobs, **limits)
    await client.delete(f"{module._SAME_SLOT}job:{id_}")
    await jobs.drop_lost()
    assert (await jobs.create(b"", kind="csv", subject="somebody", once=None, **limits)).outcome == "created"


async def test_what_redis_forgot_is_in_nobodys_list(jobs: Jobs, client: Any) -> None:
    ids = [await create(jobs) for _ in range(4)]
    for id_ in ids[2:]:
        await client.delete(f"{module._SAME_SLOT}job:{id_}")
    found, total = await jobs.of("somebody", offset=0, limit=2)
    assert ([job.id for job in found], total) == ([ids[1], ids[0]], 2)


async def test_one_key_is_one_job(jobs: Jobs) -> None:
    asked = [create(jobs, once=("key", "print"), most_of_one=100, most=100) for _ in range(50)]
    assert len(set(await asyncio.gather(*asked))) == 1


async def test_junk_is_no_job(jobs: Jobs, client: Any) -> None:
    id_ = await create(jobs)
    await client.hset(f"{module._SAME_SLOT}job:{id_}", "rows", "many")
    assert (await jobs.get(id_), await jobs.of("somebody", offset=0, limit=9)) == (None, ([], 1))


async def test_after_a_flush_a_worker_stops(jobs: Jobs, client: Any) -> None:
    await create(jobs)
    claim = await claimed(jobs)
    async for key in client.scan_iter(f"{module._SAME_SLOT}*"):
        await client.delete(key)
    assert not await jobs.beat(claim, 1, 1)


async def test_nothing_is_left_of_a_forgotten_job(jobs: Jobs, client: Any) -> None:
    id_ = await create(jobs, once=("key", "print"))
    await jobs.finish(await claimed(jobs), "failed", {"error": "x"})
    job = await jobs.get(id_)
    assert job is not None
    await jobs.forget(job.id, job.owner, job.remembered)
    assert [key async for key in client.scan_iter(f"{module._SAME_SLOT}*")] == []


async def test_to_forget_a_job_forgets_no_key_that_was_used_for_another_since(
    jobs: Jobs, client: Any
) -> None:
    """A key is remembered from when it was used, a job for as long from its end."""
    first = await create(jobs, once=("key", "print"))
    await jobs.finish(await claimed(jobs), "completed", {})
    job = await jobs.get(first)
    assert job is not None
    await client.pexpire(job.remembered, 1)

    async def forgotten() -> bool:
        return not await client.exists(job.remembered)

    await poll(forgotten)
    second = await create(jobs, once=("key", "print"))
    await jobs.forget(job.id, job.owner, job.remembered)
    assert await create(jobs, once=("key", "print")) == second != first


async def test_no_subject_is_in_redis(jobs: Jobs, client: Any) -> None:
    subject = f"{uuid4()}@example.com"
    id_ = await create(jobs, subject=subject, once=("key", "print"))
    kept = await client.hgetall(f"{module._SAME_SLOT}job:{id_}")
    keys = [key async for key in client.scan_iter(f"{module._SAME_SLOT}*")]
    assert (len(kept) > 5, subject.encode() in b" ".join([*kept.values(), *keys])) == (True, False)


async def test_without_redis_everything_says_so() -> None:
    settings = tree.Redis(
        url=Secret("redis://127.0.0.1:1/0"), cluster=False, cache_ttl_metrics=1, cache_ttl_reports=1
    )
    client = connect(settings)
    with pytest.raises(Retryable, match="redis"):
        await Jobs(client, keep_ms=1).claim()
    await client.aclose()

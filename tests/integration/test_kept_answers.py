"""Answers over HTTP that were computed before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.stats.keeping import LOOK_SECONDS
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.warehouse import store

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis]

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OVER = "/v1/metrics/bookings?start_date=2026-10-01&end_date=2026-10-05"
OPEN = "/v1/metrics/bookings?start_date=2026-10-01&end_date=2026-10-31"


async def book(warehouse: ClickHouse, at: str) -> None:
    event = example("booking.created", event_id=str(uuid4()), booking_id=str(uuid4()), event_timestamp=at)
    await store(warehouse, [event], token=str(uuid4()))


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: tree.Settings, redis_url: str) -> AsyncIterator[Served]:
    """One booking on 4 October; nothing is kept yet."""
    await book(warehouse, "2026-10-04T12:00:00+01:00")
    environ = leading_to(shared_settings) | {"REDIS_URL": redis_url}
    async with resources(environ, now=NOW) as given, serving(given) as served:
        await given.redis.flushdb()  # type: ignore[attr-defined]
        yield served


@pytest.mark.parametrize("path", [OVER, OPEN])
async def test_the_second_answer_is_the_first_one(api: Served, path: str) -> None:
    first, second = await api.get(path), await api.get(path)
    assert (first.headers["x-cache"], second.headers["x-cache"], second.json()) == (
        "MISS",
        "HIT",
        first.json(),
    )


async def test_the_same_question_in_other_words_is_the_same_question(api: Served) -> None:
    await api.get(OVER)
    other = "/v1/metrics/bookings?end_date=2026-10-06T00:00:00%2B01:00&start_date=2026-10-01&timezone=Africa/Lagos"
    assert (await api.get(other)).headers["x-cache"] == "HIT"


@pytest.mark.parametrize("more", ["&timezone=UTC", "&include_time_series=true", "&granularity=weekly"])
async def test_another_question_is_another_one(api: Served, more: str) -> None:
    await api.get(OVER)
    assert (await api.get(OVER + more)).headers["x-cache"] == "MISS"


async def test_who_has_the_answer_is_not_sent_it_again(api: Served) -> None:
    tag = (await api.get(OVER)).headers["etag"]
    answer = await api.get(OVER, **{"If-None-Match": f'"other", {tag}'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


async def test_what_comes_late_makes_another_answer_of_what_is_over(
    api: Served, warehouse: ClickHouse
) -> None:
    before = await api.get(OVER)
    await book(warehouse, "2026-10-03T12:00:00+01:00")
    await asyncio.sleep(LOOK_SECONDS)
    after = await api.get(OVER)
    assert [answer.json()["bookings_created"] for answer in (before, after)] == [1, 2]


async def test_what_is_not_over_is_kept_as_it_was_for_a_while(api: Served, warehouse: ClickHouse) -> None:
    before = await api.get(OPEN)
    await book(warehouse, "2026-10-03T12:00:00+01:00")
    await asyncio.sleep(LOOK_SECONDS)
    assert (await api.get(OPEN)).json() == before.json()


async def test_equal_numbers_have_one_tag_whenever_they_were_computed(api: Served) -> None:
    first = await api.get(OPEN)
    await api.server._api.resources.redis.flushdb()  # type: ignore[attr-defined]
    again = await api.get(OPEN)
    assert (again.headers["x-cache"], again.headers["etag"]) == ("MISS", first.headers["etag"])


async def test_callers_may_keep_it_for_a_minute_at_most(api: Served) -> None:
    assert (await api.get(OPEN)).headers["cache-control"] == "private, max-age=60"


async def test_without_redis_there_are_answers_all_the_same(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    await book(warehouse, "2026-10-04T12:00:00+01:00")
    async with resources(leading_to(shared_settings), now=NOW) as given, serving(given) as api:
        found = [await api.get(OPEN) for _ in range(2)]
    assert [(answer.status_code, answer.headers["x-cache"]) for answer in found] == [(200, "MISS")] * 2

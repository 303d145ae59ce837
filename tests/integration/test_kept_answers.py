"""Answers over HTTP that were computed before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from openride_analytics import settings as tree
from openride_analytics.stats.keeping import LOOK_SECONDS, SETTLE_SECONDS
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import ApiResources, Served, leading_to, resources, serving
from tests.support.clickhouse import Database
from tests.support.events import example
from tests.support.warehouse import store

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis]

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OVER = "/v1/metrics/bookings?start_date=2026-10-01&end_date=2026-10-05"
OPEN = "/v1/metrics/bookings?start_date=2026-10-01&end_date=2026-10-31"
DAY = "start_date=2026-10-04&end_date=2026-10-04"
PERSON, ROUTE, BOOKING = (str(UUID(int=n)) for n in (1, 2, 3))


async def book(warehouse: ClickHouse, at: str) -> None:
    event = example("booking.created", event_id=str(uuid4()), booking_id=str(uuid4()), event_timestamp=at)
    await store(warehouse, [event], token=str(uuid4()))


@pytest.fixture
async def given(shared_settings: tree.Settings, redis_url: str) -> AsyncIterator[ApiResources]:
    """Nothing is kept yet."""
    async with resources(leading_to(shared_settings) | {"REDIS_URL": redis_url}, now=NOW) as found:
        await found.redis.flushdb()  # type: ignore[attr-defined]
        yield found


@pytest.fixture
async def api(warehouse: ClickHouse, given: ApiResources) -> AsyncIterator[Served]:
    """One booking on 4 October."""
    await book(warehouse, "2026-10-04T12:00:00+01:00")
    async with serving(given) as served:
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


async def test_an_answer_of_another_database_is_not_taken(
    api: Served, redis_url: str, migrated_database: Database
) -> None:
    await api.get(OPEN)
    environ = migrated_database.env() | {"REDIS_URL": redis_url}
    async with resources(environ, now=NOW) as other, serving(other) as served:
        answer = await served.get(OPEN)
    assert (answer.headers["x-cache"], answer.json()["bookings_created"]) == ("MISS", 0)


@pytest.mark.parametrize("has", ['"other", {}', "*"])
async def test_who_has_the_answer_is_not_sent_it_again(api: Served, has: str) -> None:
    tag = (await api.get(OVER)).headers["etag"]
    answer = await api.get(OVER, **{"If-None-Match": has.format(tag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


async def test_what_comes_late_makes_another_answer_of_what_is_over(
    api: Served, warehouse: ClickHouse
) -> None:
    before = await api.get(OVER)
    await book(warehouse, "2026-10-03T12:00:00+01:00")
    await asyncio.sleep(LOOK_SECONDS)
    after = [await api.get(OVER) for _ in range(2)]
    told = [(answer.json()["bookings_created"], answer.headers["x-cache"]) for answer in (before, *after)]
    assert told == [(1, "MISS"), (2, "MISS"), (2, "HIT")]


async def test_what_is_stored_is_looked_up_once_for_all_questions_about_a_range(
    api: Served, given: ApiResources
) -> None:
    others = [OVER.replace("bookings", name) for name in ("trips", "payments")]
    await asyncio.gather(*(api.get(path) for path in (OVER, *others)))
    looked = given.metrics.registry.get_sample_value(
        "openride_clickhouse_query_seconds_count", {"query": "metrics/stored"}
    )
    assert looked == 1


async def test_what_was_not_over_when_it_was_kept_is_looked_at_again_when_it_is(
    api: Served, given: ApiResources, warehouse: ClickHouse
) -> None:
    path = "/v1/metrics/bookings?start_date=2026-10-04&end_date=2026-10-15T14:00:00%2B01:00"
    before = await api.get(path)
    await book(warehouse, "2026-10-15T13:30:00+01:00")
    given.clock.skipped = 3_600
    after = await api.get(path)
    assert [answer.json()["bookings_created"] for answer in (before, after)] == [1, 2]


@pytest.mark.parametrize(
    ("path", "event_type", "at"),
    [
        ("/v1/metrics/users?", "booking.created", "2026-09-06T12:00:00+01:00"),
        ("/v1/metrics/users?", "user.registered", "2026-07-01T12:00:00+01:00"),
        ("/v1/metrics/routes?", "route.created", "2026-07-01T12:00:00+01:00"),
        ("/v1/analytics/geographic?", "route.created", "2026-07-01T12:00:00+01:00"),
        ("/v1/analytics/trends?group_by=city&", "route.created", "2026-07-01T12:00:00+01:00"),
        ("/v1/analytics/trends?compare=previous_period&", "booking.created", "2026-10-03T12:00:00+01:00"),
        ("/v1/analytics/retention?", "user.registered", "2026-07-01T12:00:00+01:00"),
        (
            "/v1/analytics/funnel?steps=booking.created,booking.confirmed&breakdown=state&",
            "user.registered",
            "2026-07-01T12:00:00+01:00",
        ),
    ],
)
async def test_what_comes_late_makes_another_answer_of_whatever_reads_it(
    api: Served, warehouse: ClickHouse, path: str, event_type: str, at: str
) -> None:
    def some(kind: str, moment: str, person: str = PERSON) -> dict[str, Any]:
        ids = {"user_id": PERSON, "rider_id": person, "route_id": ROUTE, "booking_id": BOOKING}
        event = example(kind, event_id=str(uuid4()), event_timestamp=moment, state="Oyo", origin_city="Oyo")
        return event | {name: value for name, value in ids.items() if name in event}

    on_the_day = "2026-10-04T12:00:00+01:00"
    kinds = ["booking.created", "booking.confirmed"] + ["user.registered"] * ("retention" in path)
    await store(warehouse, [some(kind, on_the_day) for kind in kinds], token=str(uuid4()))
    before = await api.get(path + DAY)
    await store(warehouse, [some(event_type, at, person=str(uuid4()))], token=str(uuid4()))
    await asyncio.sleep(LOOK_SECONDS)
    after = await api.get(path + DAY)
    assert (before.status_code, after.headers["etag"] == before.headers["etag"]) == (200, False)


async def test_an_answer_that_depends_on_what_day_it_is_is_of_that_day(
    api: Served, given: ApiResources, warehouse: ClickHouse
) -> None:
    registered = example(
        "user.registered", event_timestamp="2026-10-14T12:00:00+01:00", event_id=str(uuid4())
    )
    await store(warehouse, [registered], token=str(uuid4()))
    path = "/v1/analytics/retention?start_date=2026-10-14&end_date=2026-10-14"
    before = await api.get(path)
    given.clock.skipped = 86_400
    after = await api.get(path)
    assert [found.json()["d1"]["eligible_users"] for found in (before, after)] == [0, 1]


async def test_an_answer_is_kept_for_long_only_if_what_it_is_of_has_long_been_the_same(
    api: Served, given: ApiResources, redis_url: str
) -> None:
    # The number of events may have been ahead of the tables that the first answer came from.
    lives = []
    for given.clock.skipped in (0.0, SETTLE_SECONDS):
        await api.get(OVER)
        async with Redis.from_url(redis_url) as redis:
            (key,) = await redis.keys("openride:answer:*")
            lives.append(round(await redis.ttl(key), -1))
            await redis.flushdb()
    assert lives == [300, 3600]


async def test_what_is_not_over_is_kept_as_it_was_for_a_while(api: Served, warehouse: ClickHouse) -> None:
    before = await api.get(OPEN)
    await book(warehouse, "2026-10-03T12:00:00+01:00")
    await asyncio.sleep(LOOK_SECONDS)
    assert (await api.get(OPEN)).json() == before.json()


async def test_equal_numbers_have_one_tag_whenever_they_were_computed(
    api: Served, given: ApiResources
) -> None:
    first = await api.get(OPEN)
    await given.redis.flushdb()  # type: ignore[attr-defined]
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

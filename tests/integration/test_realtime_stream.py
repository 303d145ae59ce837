"""Following what is going on now, through HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from openride_analytics import settings as tree
from openride_analytics.api.controllers import realtime as controller
from openride_analytics.errors import TooMuch
from openride_analytics.schema.results import RealtimeMetrics
from openride_analytics.store.clickhouse import Block, ClickHouse
from tests.support.api import Served, leading_to, resources, serving
from tests.support.eventually import eventually
from tests.support.proxy import Fault, Proxy
from tests.support.tokens import SECRET_ENVIRON, bearer, signed

pytestmark = pytest.mark.clickhouse

STREAM = "/v1/metrics/realtime/stream"
LIMIT_SECONDS = 20


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two streams are as many as there may be."""
    monkeypatch.setattr(controller, "MAX_STREAMS", 2)


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: tree.Settings) -> AsyncIterator[Served]:
    async with resources(leading_to(shared_settings)) as given, serving(given) as served:
        yield served


@asynccontextmanager
async def following(api: Served) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """The events of a stream, as (name, data)."""

    async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield fields["event"], msgspec.json.decode(fields["data"])
                fields = {}

    async with asyncio.timeout(LIMIT_SECONDS), api.client.stream("GET", STREAM) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events(response)


async def test_a_stream_tells_again_and_again_what_realtime_answers(api: Served) -> None:
    async with following(api) as events:
        told = [await anext(events), await anext(events)]
    first, second = (msgspec.convert(data, RealtimeMetrics) for _, data in told)
    assert ([name for name, _ in told], second.timestamp > first.timestamp) == (["metrics"] * 2, True)


async def test_however_many_ask_there_is_one_query_in_two_seconds(api: Served) -> None:
    answers = await asyncio.gather(*(api.get("/v1/metrics/realtime") for _ in range(20)))
    assert len({answer.json()["timestamp"] for answer in answers}) == 1


class _Counted(ClickHouse):
    asked = 0

    async def select(self, sql: str, *args: Any, name: str = "", **options: Any) -> Block:
        _Counted.asked += name == "metrics/realtime"
        return await super().select(sql, *args, name=name, **options)


async def test_however_many_ask_what_cannot_be_answered_is_one_query_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(controller, "EVERY_SECONDS", 3_600)
    async with resources({}, clickhouse=_Counted) as given, serving(given) as api:
        answers = await asyncio.gather(*(api.get("/v1/metrics/realtime") for _ in range(20)))
        answers.append(await api.get("/v1/metrics/realtime"))
    assert ({answer.status_code for answer in answers}, _Counted.asked) == ({503}, 1)


class _Hanging(ClickHouse):
    async def select(self, sql: str, *args: Any, name: str = "", **options: Any) -> Block:
        if name == "metrics/realtime":
            await asyncio.Event().wait()
        return await super().select(sql, *args, name=name, **options)


def _asking() -> bool:
    return any(task.get_name() == "realtime" for task in asyncio.all_tasks())


async def test_a_question_that_nobody_waits_for_is_stopped() -> None:
    async with resources({}, clickhouse=_Hanging) as given, serving(given) as api:
        leaving = asyncio.create_task(api.get("/v1/metrics/realtime"))
        await eventually(_asking)
        leaving.cancel()
        await eventually(lambda: not _asking())


class _HangingOnce(ClickHouse):
    hung = False

    async def select(self, sql: str, *args: Any, name: str = "", **options: Any) -> Block:
        if name == "metrics/realtime" and not _HangingOnce.hung:
            _HangingOnce.hung = True
            await asyncio.Event().wait()
        return await super().select(sql, *args, name=name, **options)


async def test_who_comes_after_a_question_was_stopped_asks_it_anew(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    environ = leading_to(shared_settings)
    async with resources(environ, clickhouse=_HangingOnce) as given, serving(given) as api:
        leaving = asyncio.create_task(api.get("/v1/metrics/realtime"))
        await eventually(lambda: _HangingOnce.hung)
        leaving.cancel()
        await eventually(lambda: not _asking())
        assert (await api.get("/v1/metrics/realtime")).status_code == 200


async def test_what_a_stream_would_be_is_told_without_one(api: Served) -> None:
    head = await api.client.head(STREAM)
    following = await api.get("/health/live")  # on the same connection, so the answer before it has ended
    assert (head.status_code, head.headers["content-type"], following.status_code) == (
        200,
        "text/event-stream; charset=utf-8",
        200,
    )


async def test_nothing_on_the_way_is_to_hold_a_stream_back(api: Served) -> None:
    head = await api.client.head(STREAM)
    assert (head.headers["cache-control"], head.headers["x-accel-buffering"]) == ("no-store", "no")


async def test_beyond_as_many_streams_as_there_may_be_is_a_problem(few: None, api: Served) -> None:
    async with following(api), following(api):
        answer = await api.get(STREAM)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["retry-after"]) == (
        503,
        "application/problem+json",
        "5",
    )


async def test_who_follows_no_longer_makes_room_for_another(few: None, api: Served) -> None:
    for _ in range(5):
        async with following(api) as events:
            await anext(events)


async def test_questions_are_answered_however_many_streams_there_are(few: None, api: Served) -> None:
    async with following(api), following(api):
        await api.get(STREAM)
        answer = await api.get("/v1/metrics/realtime")
    assert answer.status_code == 200


async def test_a_stream_ends_when_the_server_stops(api: Served) -> None:
    async with following(api) as events:
        await anext(events)
        async with asyncio.timeout(3):
            await api.stop()
        assert [event async for event in events] == []


async def test_a_stream_ends_with_the_token_it_was_asked_with(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    token = signed(exp=int(time.time()) - 5)  # so little that it is still taken
    async with resources(leading_to(shared_settings) | SECRET_ENVIRON) as given, serving(given) as api:
        api.client.headers.update(bearer(token))
        async with following(api) as events:
            assert [name async for name, _ in events] == ["metrics"]


async def test_while_clickhouse_is_away_a_stream_says_so_and_goes_on_after_that(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    chosen = shared_settings.clickhouse
    async with Proxy(chosen.host, chosen.port) as proxy:
        environ = leading_to(shared_settings) | {"CLICKHOUSE_PORT": str(proxy.port)}
        async with resources(environ) as given, serving(given) as api, following(api) as events:
            await anext(events)
            proxy.arm(Fault.RESET, after=0)
            while (told := await anext(events))[0] == "metrics":
                pass
            proxy.mend()
            while (name := (await anext(events))[0]) != "metrics":
                pass
    assert (told, name) == (("unavailable", {"detail": "clickhouse cannot answer now"}), "metrics")


class _Dearer(ClickHouse):
    asked = 0

    async def select(self, sql: str, *args: Any, name: str = "", **options: Any) -> Block:
        _Dearer.asked += name == "metrics/realtime"
        if name == "metrics/realtime" and _Dearer.asked == 2:
            raise TooMuch("time")
        return await super().select(sql, *args, name=name, **options)


async def test_a_stream_outlives_a_question_that_costs_too_much(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    environ = leading_to(shared_settings)
    async with (
        resources(environ, clickhouse=_Dearer) as given,
        serving(given) as api,
        following(api) as events,
    ):
        told = [await anext(events) for _ in range(3)]
    assert [name for name, _ in told] == ["metrics", "unavailable", "metrics"]


async def test_a_stream_that_cannot_begin_is_a_problem(shared_settings: tree.Settings) -> None:
    async with resources({}) as given, serving(given) as api:
        answer = await api.get(STREAM)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")

"""Requests that mean no good: they are refused before anything is asked, and leave nothing behind.

Faults 34 (ranges and grains without end), 36 (bodies) and 47 (names without end) of the list in `tests/faults`.
"""

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Iterator
from itertools import cycle, product
from typing import Final
from urllib.parse import quote, urlencode

import httpx
import pytest

from tests.support.api import Served, resources, serving
from tests.support.durations import lasting
from tests.support.fake_clickhouse import FakeClickHouse

RANGED: Final = (
    *(
        f"/v1/metrics/{name}"
        for name in ("users", "bookings", "payments", "trips", "drivers", "routes", "realtime")
    ),
    *(f"/v1/analytics/{name}" for name in ("funnel", "retention", "geographic", "trends")),
)
ALL: Final = (*RANGED, "/v1/analytics/cohort", "/v1/metrics/realtime/stream")

TEN_YEARS: Final = "start_date=2016-10-01&end_date=2026-10-01"
INJECTIONS: Final = (
    "' OR 1=1 --",
    "1; DROP TABLE events_raw",
    "x') UNION ALL SELECT name FROM system.tables --",
    "{since:DateTime64(3, 'UTC')}",
    "2026-10-01' AND sleepEachRow(3) = '0",
    "`; SELECT 1 /*",
    "\\'; SELECT 1",
    "daily\x00",
    "url('http://127.0.0.1/')",
    "../../etc/passwd",
    "${jndi:ldap://127.0.0.1/}",
    "\r\nX-Injected: yes",
)
NAMES: Final = (
    "start_date end_date timezone include_time_series granularity steps window_days breakdown cohort_type periods "
    "user_type mode limit sort metric level resolution compare moving_average group_by sql"
).split()


@pytest.fixture
async def untouched() -> AsyncIterator[Served]:
    """An API whose ClickHouse nobody may even connect to."""
    async with FakeClickHouse(greets=False) as server:
        environ = {"CLICKHOUSE_PORT": str(server.port)}
        async with resources(environ) as given, serving(given) as served:
            yield served
        assert not server._tasks, "ClickHouse was asked"


@pytest.fixture
async def lonely() -> AsyncIterator[Served]:
    """An API whose every dependency is away."""
    async with resources({}) as given, serving(given) as served:
        yield served


# What is refused before any question


@pytest.mark.parametrize(
    "query", [TEN_YEARS, "granularity=minute", "granularity=1m", "limit=1e9", "periods=1000"]
)
async def test_what_has_no_end_is_refused_before_anything_is_asked(untouched: Served, query: str) -> None:
    statuses = {path: (await untouched.get(f"{path}?{query}")).status_code for path in RANGED}
    assert statuses == dict.fromkeys(RANGED, 400)


async def test_whatever_stands_in_a_parameter_is_no_sql(untouched: Served) -> None:
    statuses = {
        (path, name, value): (await untouched.get(f"{path}?{urlencode({name: value})}")).status_code
        for path, (name, value) in zip(cycle(ALL), product(NAMES, INJECTIONS), strict=False)
    }
    assert {asked: status for asked, status in statuses.items() if status != 400} == {}


async def test_an_answer_to_a_wrong_parameter_has_no_header_of_the_callers(untouched: Served) -> None:
    answer = await untouched.get("/v1/metrics/users?timezone=%0d%0aX-Injected:%20yes")
    assert answer.status_code == 400 and "x-injected" not in answer.headers


async def test_what_can_be_asked_is_what_is_described(lonely: Served) -> None:
    described = (await lonely.get("/schema/openapi.json")).json()["paths"].keys()
    assert {path for path in ALL if path not in {name.rstrip("/") for name in described}} == set()


# Bodies


@pytest.mark.parametrize("path", ["/", "/v1/metrics/bookings", "/nowhere"])
async def test_eleven_megabytes_are_too_much(lonely: Served, path: str) -> None:
    assert (await lonely.client.post(path, content=bytes(11 << 20))).status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "zstd"])
async def test_a_compressed_body_is_not_looked_into(lonely: Served, encoding: str) -> None:
    answer = await lonely.client.post(
        "/", content=b"\x1f\x8b" + bytes(1000), headers={"Content-Encoding": encoding}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")


# Names without end

REQUESTS: Final = round(lasting(10_000))
CANARIES: Final = ("+2348031234567", "ada@example.com", "4556737586899855")


async def test_names_without_end_make_few_series_and_nobodys_data_is_in_the_log(
    lonely: Served, caplog: pytest.LogCaptureFixture
) -> None:
    await known(lonely)
    before = await series(lonely)
    with caplog.at_level(logging.DEBUG):
        await pipelined(lonely, list(requests()))
    after = await series(lonely)
    text = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("openride"))
    assert len(after - before) < 100, sorted(after - before)[:100]
    assert [canary for canary in CANARIES if canary in text or canary in "".join(after)] == []


async def known(served: Served) -> None:
    """Ask each known path once: its series are there from then on."""
    for path in ("/", "/health/live", "/metrics", "/nowhere", *ALL):
        await served.get(f"{path}?x=1")


def requests() -> Iterator[bytes]:
    """Paths, methods, parameters, metrics and tenants that nobody knows, some with somebody's data in them."""
    rng = random.Random(47)
    for n in range(REQUESTS):
        canary = quote(rng.choice(CANARIES))
        path = rng.choice(
            (
                f"/v1/metrics/metric_{n}",
                f"/v1/{canary}/{n}",
                f"/tenants/{n}/v1/metrics/users",
                f"/v1/metrics/users?metric_{n}={canary}",
                f"/v1/analytics/trends?metric=m{n}&tenant={canary}",
                f"/{n}/{canary}",
            )
        )
        method = rng.choice(("GET", "GET", "GET", "HEAD", "DELETE", f"M{n}"))
        yield f"{method} {path} HTTP/1.1\r\nHost: tenant{n}.example\r\nX-Tenant: {canary}\r\n\r\n".encode()


async def pipelined(served: Served, requests: list[bytes], *, connections: int = 10) -> None:
    """Send them on some connections, and read that each was answered."""
    url = httpx.URL(served.server.url)

    async def send(own: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(url.host, url.port)
        for request in own:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            if length and not request.startswith(b"HEAD"):
                await reader.readexactly(int(length[1]))
        writer.close()

    async with asyncio.TaskGroup() as group:
        for n in range(connections):
            group.create_task(send(requests[n::connections]))


async def series(served: Served) -> set[str]:
    """The name and labels of each series of ours."""
    lines = (await served.get("/metrics")).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if line.startswith("openride_")}

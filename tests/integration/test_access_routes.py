"""No route was left open, and each asks for what it should."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar, Router, get
from litestar.routes import HTTPRoute
from litestar.types import Guard

from openride_analytics.access import ANYONE, Role
from openride_analytics.api import Api, Health
from openride_analytics.api.access import Access, at_least
from openride_analytics.api.application import create_api
from openride_analytics.api.problems import respond
from tests.support.api import ApiResources, Served, resources, serving
from tests.support.tokens import SECRET_ENVIRON, bearer, signed

ASKED = "/v1/metrics/bookings"


@pytest.fixture
async def guarded() -> AsyncIterator[Served]:
    """An API that asks for tokens."""
    async with resources(SECRET_ENVIRON) as given, serving(given) as served:
        yield served


PUBLIC = {
    "/",
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/schema",
    "/schema/openapi.json",
    "/v1/reports/files/{link}",
    "/v1/reports/unsubscribe/{link}",
}


def application(given: ApiResources) -> Litestar:
    health = Health(given, children=lambda: (), partitions=lambda: ())
    return create_api(Api(given, health), asyncio.Event())


def routes(app: Litestar) -> Iterator[tuple[str, str, list[Guard]]]:
    """Template, method and guards of everything that can be asked."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute), f"{route} is none that this test knows"
        for handler in route.route_handlers:
            for method in handler.http_methods:
                yield route.path_format, str(method), handler.resolve_guards()


def a_path(template: str) -> str:
    """One that the template fits."""
    return re.sub(r"{[^}]*}", str(uuid4()), template)


async def test_the_public_list_is_short_and_known() -> None:
    async with resources(SECRET_ENVIRON) as given:
        access = Access(given)
        assert {
            template for template, *_ in routes(application(given)) if access.is_public(template)
        } <= PUBLIC


async def test_every_route_is_public_or_guarded(guarded: Served) -> None:
    async with resources(SECRET_ENVIRON) as given:
        found = list(routes(application(given)))
    assert [template for template, _, guards in found if not guards] == []
    asked = {
        (template, method): (await guarded.client.request(method, a_path(template))).status_code
        for template, method, _ in found
    }
    open_to_all = {template for (template, _), status in asked.items() if status != 401}
    assert open_to_all - PUBLIC == set() and ("/v1/metrics/bookings", "GET") in asked


@pytest.mark.parametrize("path", sorted(path for path in PUBLIC - {"/schema"} if "{" not in path))
async def test_what_is_public_asks_nobody(guarded: Served, path: str) -> None:
    assert (await guarded.get(path)).status_code in (200, 503)


@pytest.mark.parametrize(
    "path",
    [
        "/schemas",
        "/v1/metrics/bookings/",
        "//v1/metrics/bookings",
        "/metrics/../v1/metrics/bookings",
        "/%761/metrics/bookings",
    ],
)
async def test_no_spelling_of_a_path_gets_around(guarded: Served, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(guarded.server.url).port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(5):
        status = int((await reader.read()).split()[1])
    writer.close()
    assert status in (401, 404)


async def test_head_and_options_are_guarded_too(guarded: Served) -> None:
    found = [(await guarded.client.request(method, ASKED)).status_code for method in ("HEAD", "OPTIONS")]
    assert found == [401, 401]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [("viewer", [200, 403, 403]), ("analyst", [200, 200, 403]), ("admin", [200, 200, 200])],
)
async def test_a_route_may_ask_for_more(role: str, statuses: list[int]) -> None:
    def asking(path: str, least: Role) -> Router:
        @get("/", guards=[at_least(least)])
        async def answer() -> str:
            return "here"

        return Router(path, route_handlers=[answer])

    async with resources(SECRET_ENVIRON) as given:
        app = Litestar(
            [asking("/a", Role.VIEWER), asking("/b", Role.ANALYST), asking("/c", Role.ADMIN)],
            guards=[Access(given).admit],
            exception_handlers={Exception: respond},
            openapi_config=None,
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(cast("Any", app)), base_url="http://here"
        ) as client:
            answers = [
                await client.get(path, headers=bearer(signed(role=role))) for path in ("/a", "/b", "/c")
            ]
    assert [answer.status_code for answer in answers] == statuses


def test_where_nobody_is_asked_everything_is_allowed() -> None:
    assert ANYONE.role is Role.ADMIN


async def test_the_schema_says_that_a_token_is_needed(guarded: Served) -> None:
    schema = (await guarded.get("/schema/openapi.json")).json()
    assert (schema["security"], schema["components"]["securitySchemes"]["bearer"]["scheme"]) == (
        [{"bearer": []}],
        "bearer",
    )
    assert schema["paths"]["/health/live"]["get"]["security"] == [{}]


async def test_every_answer_has_the_headers_of_safety(guarded: Served) -> None:
    wanted = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
    }
    for path in ("/", "/health/live", "/metrics", "/nowhere", ASKED):
        headers = (await guarded.get(path)).headers
        assert {name: headers.get(name) for name in wanted} == wanted, path

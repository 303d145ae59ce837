"""Pages of other origins: which may read what, whatever the answer is."""

from collections.abc import AsyncIterator

import pytest

from openride_analytics.api.headers import IDEMPOTENCY_KEY, IF_NONE_MATCH, IF_RANGE, RANGE, SENT
from tests.support.api import Served, resources, serving
from tests.support.tokens import SECRET_ENVIRON, bearer, signed

PAGE = "https://dash.example"
EVIL = "https://dash.example.evil.example"
ASKED = "/v1/metrics/bookings?zone=x"


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    """One that asks for tokens and lets two origins read."""
    environ = SECRET_ENVIRON | {"CORS_ORIGINS": f"{PAGE},http://localhost:3000"}
    async with resources(environ) as given, serving(given) as served:
        yield served


def preflight(origin: str, method: str = "GET", headers: str = "authorization") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_preflight_needs_no_token(api: Served, method: str) -> None:
    answer = await api.client.options(ASKED, headers=preflight(PAGE, method, "authorization, content-type"))
    headers = answer.headers
    assert (answer.status_code, headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert "authorization" in headers["Access-Control-Allow-Headers"].lower()
    assert method in headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    "asked", [preflight(EVIL), preflight("null"), preflight(PAGE, "PUT"), preflight(PAGE, headers="x-what")]
)
async def test_a_preflight_for_what_is_not_allowed_is_refused(api: Served, asked: dict[str, str]) -> None:
    answer = await api.client.options(ASKED, headers=asked)
    problem = "application/problem+json"
    assert (answer.status_code, answer.headers["content-type"]) == (400, problem)


@pytest.mark.parametrize("asked", [preflight(EVIL), preflight("null")])
async def test_no_other_origin_is_told_that_it_may_ask(api: Served, asked: dict[str, str]) -> None:
    answer = await api.client.options(ASKED, headers=asked)
    assert [name for name in answer.headers if name.startswith("access-control")] == []


async def test_a_preflight_is_an_answer_like_others(api: Served) -> None:
    answer = await api.client.options(ASKED, headers=preflight(PAGE))
    assert (answer.headers["X-Content-Type-Options"], len(answer.headers["X-Request-ID"])) == ("nosniff", 32)
    counted = 'openride_http_requests_total{method="OPTIONS",route="unmatched",status="204"} 1.0'
    assert counted in (await api.get("/metrics")).text


ANSWERS = {
    "200": ("GET", "/", b""),
    "400": ("GET", ASKED, b""),
    "404": ("GET", "/nowhere", b""),
    "405": ("POST", "/v1/metrics/bookings", b""),
    "413": ("POST", "/", bytes(2 << 20)),
}


@pytest.mark.parametrize(("status", "asked"), ANSWERS.items())
async def test_every_answer_can_be_read(api: Served, status: str, asked: tuple[str, str, bytes]) -> None:
    method, path, body = asked
    headers = {"Origin": PAGE, **bearer(signed())}
    answer = await api.client.request(method, path, content=body, headers=headers)
    found = answer.headers.get_list("Access-Control-Allow-Origin")
    assert (answer.status_code, found, answer.headers["Vary"]) == (int(status), [PAGE], "Origin")
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


async def test_a_page_may_read_every_header_that_answers_have(api: Served) -> None:
    answer = await api.get("/", Origin=PAGE)
    told = {name.partition(".")[0] for name in SENT} - {"Cache-Control", "Last-Modified"}  # those are always
    assert told - set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == set()


@pytest.mark.parametrize(
    "header", [IDEMPOTENCY_KEY, IF_NONE_MATCH, IF_RANGE, RANGE], ids=lambda one: one["name"]
)
async def test_a_page_may_send_every_header_that_is_understood(api: Served, header: dict[str, str]) -> None:
    answer = await api.client.options(ASKED, headers=preflight(PAGE, headers=header["name"].lower()))
    assert answer.status_code == 204


async def test_that_a_token_is_needed_can_be_read(api: Served) -> None:
    answer = await api.get(ASKED, Origin=PAGE)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, PAGE)


@pytest.mark.parametrize("origin", [EVIL, "https://dash-example", "http://dash.example", "null", "*", ""])
async def test_no_other_origin_reads_anything(api: Served, origin: str) -> None:
    answers = [
        await api.get(ASKED, Origin=origin, **bearer(signed())),
        await api.client.post("/", content=bytes(2 << 20), headers={"Origin": origin}),
    ]
    assert [answer.headers.get("Access-Control-Allow-Origin") for answer in answers] == [None, None]


async def test_nobody_is_allowed_credentials(api: Served) -> None:
    answers = [
        await api.get("/", Origin=PAGE, Cookie="a=b"),
        await api.client.options(ASKED, headers=preflight(PAGE)),
    ]
    assert ["Access-Control-Allow-Credentials" in answer.headers for answer in answers] == [False, False]


async def test_without_origins_no_page_reads_anything() -> None:
    async with resources({}) as given, serving(given) as api:
        answer = await api.get("/", Origin=PAGE)
        asked = await api.client.options("/", headers=preflight(PAGE))
    assert [name for name in (*answer.headers, *asked.headers) if name.startswith("access-control")] == []


async def test_every_origin_may_be_allowed() -> None:
    async with resources({"CORS_ORIGINS": "*"}) as given, serving(given) as api:
        answers = [
            await api.get("/", Origin=EVIL),
            await api.client.post("/", content=bytes(2 << 20), headers={"Origin": EVIL}),
        ]
    assert [answer.headers["Access-Control-Allow-Origin"] for answer in answers] == ["*", "*"]


@pytest.mark.parametrize("asked", [{}, {"Origin": EVIL}, {"Origin": PAGE}])
async def test_no_browser_keeps_for_one_page_what_another_was_told(
    api: Served, asked: dict[str, str]
) -> None:
    answer = await api.client.get("/", headers=asked)
    assert answer.headers.get_list("Vary") == ["Origin"]


async def test_where_no_page_may_read_anything_nothing_depends_on_it() -> None:
    async with resources({}) as given, serving(given) as served:
        assert "Vary" not in (await served.get("/")).headers

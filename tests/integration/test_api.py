"""The API over a real warehouse: what can be asked, and what is said of wrong questions."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from openride_analytics import settings as tree
from openride_analytics.store.clickhouse import ClickHouse
from tests.support.api import Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.eventually import eventually
from tests.support.proxy import Fault, Proxy
from tests.support.warehouse import store

pytestmark = pytest.mark.clickhouse

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OCTOBER = "start_date=2026-10-01&end_date=2026-10-31"


def event(event_type: str, at: str, *, seed: int = 0, **changes: Any) -> dict[str, Any]:
    return example(event_type, seed=seed, event_id=str(uuid4()), event_timestamp=at, **changes)


@pytest.fixture
async def api(warehouse: ClickHouse, shared_settings: tree.Settings) -> AsyncIterator[Served]:
    """Two bookings created on 5 October, one confirmed, one cancelled by its rider; and one of September."""
    first, second, earlier = (str(uuid4()) for _ in range(3))
    await store(
        warehouse,
        [
            event("booking.created", "2026-10-05T08:00:00+01:00", booking_id=first),
            event("booking.created", "2026-10-05T09:00:00+01:00", booking_id=second),
            event("booking.created", "2026-09-30T23:30:00+01:00", booking_id=earlier),
            event("booking.confirmed", "2026-10-05T08:05:00+01:00", booking_id=first, total_price="4500.50"),
            event("booking.cancelled", "2026-10-06T10:00:00+01:00", booking_id=second),
        ],
        token=str(uuid4()),
    )
    async with resources(leading_to(shared_settings), now=NOW) as given, serving(given) as served:
        yield served


async def test_bookings_of_a_range(api: Served) -> None:
    answer = (await api.get(f"/v1/metrics/bookings?{OCTOBER}")).json()
    answer.pop("generated_at")
    answer.pop("time_series", None)
    assert answer == {
        "date_range": "2026-10-01 to 2026-10-31",
        "timezone": "Africa/Lagos",
        "bookings_created": 2,
        "bookings_confirmed": 1,
        "bookings_cancelled": 1,
        "bookings_completed": 0,
        "conversion_rate": 50.0,
        "cancellation_rate": 50.0,
        "completion_rate": 0.0,
        "avg_booking_value": "4500.50",
        "total_booking_value": "4500.50",
        "cancellations_by": {"RIDER": 1},
    }


async def test_bookings_day_by_day(api: Served) -> None:
    query = "start_date=2026-10-04&end_date=2026-10-06&include_time_series=true"
    series = (await api.get(f"/v1/metrics/bookings?{query}")).json()["time_series"]
    assert [(point["timestamp"], point["bookings_created"]) for point in series] == [
        ("2026-10-04T00:00:00+01:00", 0),
        ("2026-10-05T00:00:00+01:00", 2),
        ("2026-10-06T00:00:00+01:00", 0),
    ]


async def test_the_range_is_of_the_time_zone_asked_for(api: Served) -> None:
    answer = await api.get(
        "/v1/metrics/bookings?start_date=2026-10-01&end_date=2026-10-01&timezone=Asia/Tokyo"
    )
    assert answer.json()["bookings_created"] == 1  # 30 September 23:30 in Lagos


async def test_without_a_range_the_last_thirty_days(api: Served) -> None:
    assert (await api.get("/v1/metrics/bookings")).json()["date_range"] == "2026-09-16 to 2026-10-15"


async def test_realtime_has_its_numbers(api: Served) -> None:
    answer = (await api.get("/v1/metrics/realtime")).json()
    assert answer.keys() == {
        "timestamp",
        "active_users",
        "active_drivers",
        "active_trips",
        "bookings_last_hour",
        "revenue_last_hour",
        "avg_wait_time_minutes",
        "events_per_second",
        "ingestion_lag_seconds",
        "system_health",
    }


@pytest.mark.parametrize(
    ("query", "field", "allowed"),
    [
        ("granularity=yearly", "granularity", "daily, hourly, monthly, weekly"),
        ("include_time_series=perhaps", "include_time_series", "true, false"),
        ("timezone=Mars/Olympus", "timezone", "an IANA name"),
        ("start_date=yesterday", "start_date", "an ISO 8601 date"),
        ("end_date=2026-02-30", "end_date", "an ISO 8601 date"),
        ("start_date=2026-10-31&end_date=2026-10-01", "start_date", "not empty"),
        ("start_date=2020-01-01&end_date=2026-10-01", "start_date", "at most 400 days"),
        ("start_date=2026-10-01&start_date=2026-10-02", "start_date", "once"),
        ("startdate=2026-10-01", "startdate", "start_date, end_date"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/metrics/bookings", "/v1/metrics/realtime"])
async def test_a_wrong_parameter_is_a_problem_that_names_it(
    lonely: Served, path: str, query: str, field: str, allowed: str
) -> None:
    answer = await lonely.get(f"{path}?{query}")
    (error,) = answer.json()["errors"]
    assert answer.status_code == 400 and error["field"] == field and allowed in error["allowed"]


@pytest.fixture
async def lonely() -> AsyncIterator[Served]:
    """An API whose every dependency is away."""
    async with resources({}) as given, serving(given) as served:
        yield served


async def test_a_question_to_a_warehouse_that_is_away_may_be_repeated(lonely: Served) -> None:
    answer = await lonely.get("/v1/metrics/bookings")
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


async def test_problems_are_problem_details(lonely: Served) -> None:
    answer = await lonely.get("/nowhere")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Not Found", 404)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/metrics/", "/schema/nowhere", "/%00", "/%ff", "/..//etc"]
)
async def test_unknown_paths_are_not_found(lonely: Served, path: str) -> None:
    assert (await lonely.get(path)).json()["status"] == 404


async def test_a_wrong_method_is_told_which_are_right(lonely: Served) -> None:
    answer = await lonely.client.post("/v1/metrics/bookings")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_options_tells_the_methods_that_a_wrong_one_is_told(lonely: Served) -> None:
    asked = [await lonely.client.request(method, "/v1/metrics/bookings") for method in ("OPTIONS", "PUT")]
    assert asked[0].headers["Allow"] == asked[1].headers["Allow"]


async def test_head_is_get_without_a_body(lonely: Served) -> None:
    answer = await lonely.client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_body_that_is_too_large_is_refused(lonely: Served) -> None:
    assert (await lonely.client.post("/", content=bytes(2 << 20))).status_code == 413


async def test_the_root_says_where_to_go(lonely: Served) -> None:
    links = (await lonely.get("/")).json()["links"]
    statuses = {(await lonely.get(path)).status_code for path in links.values()}
    assert statuses <= {200, 503}


async def test_without_the_api_role_only_the_process_answers() -> None:
    async with resources({}) as given, serving(given, full=False) as served:
        paths = ("/", "/health/live", "/metrics", "/v1/metrics/bookings", "/schema/openapi.json")
        assert [(await served.get(path)).status_code for path in paths] == [200, 200, 200, 404, 404]


async def test_a_sane_request_id_comes_back(lonely: Served) -> None:
    answer = await lonely.get("/", **{"X-Request-ID": "order-66.b_1"})
    assert answer.headers["X-Request-ID"] == "order-66.b_1"


@pytest.mark.parametrize("given", ["", "a b", "<script>", "x" * 65])
async def test_any_other_request_id_is_replaced(lonely: Served, given: str) -> None:
    assert len((await lonely.get("/", **{"X-Request-ID": given})).headers["X-Request-ID"]) == 32


async def test_every_answer_forbids_sniffing_and_storing(lonely: Served) -> None:
    headers = (await lonely.get("/nowhere")).headers
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


async def test_nothing_says_what_it_is_made_of(lonely: Served) -> None:
    assert "server" not in (await lonely.get("/")).headers


async def test_metrics_are_named(lonely: Served) -> None:
    text = (await lonely.get("/metrics")).text
    names = (
        "openride_http_requests_total",
        "openride_http_request_duration_seconds",
        "openride_ingest_events_total",
        "openride_consumer_lag_messages",
    )
    assert [name for name in names if f"# TYPE {name} " not in text] == []


async def test_requests_are_counted_by_route_and_not_by_path(lonely: Served) -> None:
    for path in ("/nowhere/1", "/nowhere/2", "/health/live?x=1"):
        await lonely.get(path)
    lines = (await lonely.get("/metrics")).text.splitlines()
    counted = {line for line in lines if line.startswith("openride_http_requests_total{")}
    assert counted == {
        'openride_http_requests_total{method="GET",route="unmatched",status="404"} 2.0',
        'openride_http_requests_total{method="GET",route="/health/live",status="200"} 1.0',
    }


async def test_the_schema_describes_the_parameters(lonely: Served) -> None:
    schema = (await lonely.get("/schema/openapi.json")).json()
    parameters = schema["paths"]["/v1/metrics/bookings"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters if parameter["in"] == "query"] == [
        "start_date",
        "end_date",
        "timezone",
        "include_time_series",
        "granularity",
    ]


async def test_a_question_whose_caller_leaves_is_not_asked_any_longer(
    warehouse: ClickHouse, shared_settings: tree.Settings
) -> None:
    chosen = shared_settings.clickhouse
    async with Proxy(chosen.host, chosen.port) as proxy:
        environ = leading_to(shared_settings) | {"CLICKHOUSE_PORT": str(proxy.port)}
        async with resources(environ, now=NOW) as given, serving(given) as api:
            await api.get(f"/v1/metrics/bookings?{OCTOBER}")
            proxy.arm(Fault.HANG, after=0)
            asking = asyncio.create_task(api.get(f"/v1/metrics/bookings?{OCTOBER}&timezone=UTC"))
            await eventually(lambda: given.clickhouse.lent > 0)
            asking.cancel()
            await eventually(lambda: given.clickhouse.lent == 0, within=3)

"""What callers notice of a ClickHouse that hangs, while events are being stored beside them."""

import asyncio

import pytest

from openride_analytics.api.problems import RETRY_AFTER_SECONDS
from openride_analytics.ingest import warehouse
from openride_analytics.ingest.partition import State
from openride_analytics.store import clickhouse
from tests.support.api import Served, resources, serving
from tests.support.durations import lasting
from tests.support.eventually import poll
from tests.support.faults import Line, partition_of, send_bookings, until, until_committed
from tests.support.proxy import Fault

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

QUERY_SECONDS = 0.5
QUESTIONS = (
    *(
        f"/v1/metrics/{name}"
        for name in ("users", "bookings", "payments", "trips", "drivers", "routes", "realtime")
    ),
    *(f"/v1/analytics/{name}" for name in ("funnel", "cohort", "retention", "geographic", "trends")),
)


async def test_a_hung_clickhouse_is_503_in_time_and_nothing_else_waits_for_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 12: questions end within their budget, as many as there are; other routes and the group go on."""
    monkeypatch.setattr(warehouse, "INSERT_SECONDS", lasting(20))
    monkeypatch.setattr(clickhouse, "LATE_SECONDS", 0.2)
    environ = {
        "CLICKHOUSE_PORT": str(line.proxy.port),
        "CLICKHOUSE_DATABASE": line.settings.clickhouse.database,
        "QUERY_TIMEOUT_SECONDS": f"{QUERY_SECONDS:g}",
    }
    async with line.ingesting() as actor, resources(environ) as given, serving(given) as served:
        partition = await partition_of(actor, line.rig.topics.booking)
        await until(partition, State.RUNNING)
        owned = list(actor.partitions)
        line.proxy.arm(Fault.HANG)
        await send_bookings(line.rig, 500)
        asking = [asyncio.create_task(served.get(path)) for path in QUESTIONS * 2]
        beside = await others(served)
        early = sum(task.done() for task in asking)
        async with asyncio.timeout(
            20 * QUERY_SECONDS
        ):  # against 24 questions, one after another through 6 places
            hung = await asyncio.gather(*asking)
        await asyncio.sleep(2 * line.settings.kafka.session_timeout_ms / 1000)
        kept, lent = list(actor.partitions) == owned, given.clickhouse.lent
        line.proxy.mend()
        await poll(lambda: answered(served, QUESTIONS[1]))
        await until_committed(line.rig, 500, line.rig.topics.booking)
    assert {(answer.status_code, answer.headers.get("retry-after")) for answer in hung} == {
        (503, str(RETRY_AFTER_SECONDS))
    }
    assert (beside, early < len(asking), kept, lent) == ([200, 400, 404], True, True, 0)
    assert await line.rig.count("events_raw") == 500


async def answered(served: Served, path: str) -> bool:
    """Whether a question is: on a busy machine half a second may not be enough for one."""
    return (await served.get(path)).status_code == 200


async def others(served: Served) -> list[int]:
    """The statuses of what does not need ClickHouse."""
    return [
        (await served.get(path)).status_code
        for path in ("/health/live", "/v1/metrics/users?limit=many", "/nowhere")
    ]

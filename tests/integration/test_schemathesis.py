"""Thousands of questions that the description of the API allows, and as many that it does not."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from tests.support.api import Served
from tests.support.events import stream
from tests.support.exports import environ, exporting, made
from tests.support.reports import asked
from tests.support.schemathesis_hooks import NOW
from tests.support.tokens import bearer, signed
from tests.support.warehouse import prepared

pytestmark = [
    pytest.mark.clickhouse,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.timeout(300),
]

ROOT = Path(__file__).parents[2]
CASES = 2_000
TOKEN = signed(role="admin")  # who may ask everything
CONFIG = """
max-stream-events = 1

[[operations]]
include-path = "/v1/metrics/realtime/stream"
generation = { max-examples = 20 }

[[operations]]
include-path = "/v1/exports/metrics/excel"
generation = { max-examples = 4 }
phases.coverage.enabled = false

[[operations]]
include-path = "/v1/reports/schedule/{schedule_id}/preview"
generation = { max-examples = 4 }
phases.coverage.enabled = false

[[operations]]
include-name = ["POST /v1/reports/schedule", "PATCH /v1/reports/schedule/{schedule_id}"]
generation = { max-examples = 40 }
phases.coverage.enabled = false
"""  # a stream has no end of its own; workbooks and previews take long to make, lists of a hundred addresses to invent


def some_events() -> list[dict[str, Any]]:
    events = [json.loads(value) for _, value in stream(2_000, end=NOW)]
    return [{"event_id": str(uuid4()), **event} for event in events]


@pytest.fixture
def variables(
    clickhouse_server: EmbeddedClickHouse, redis_url: str, reports_url: str, tmp_path: Path
) -> dict[str, str]:
    """Of a service that asks for tokens, counts requests, and has something to tell; nobody has exported there yet."""
    settings = prepared(clickhouse_server, "test_schemathesis", some_events())
    return environ(
        settings,
        redis_url.removesuffix("/0") + "/9",  # exports are asked for that nobody makes
        tmp_path / "exports",
        RATE_LIMIT_PER_MINUTE="1000000",
        EXPORT_MAX_PER_USER="10000",
        EXPORT_MAX_WAITING="10000",
        REPORT_MAX_PER_USER="10000",
        DATABASE_URL=reports_url,
    )


@pytest.fixture
async def export_id(variables: dict[str, str]) -> str:
    """An export with a file."""
    async with exporting(variables, now=NOW.timestamp()) as (_, served):
        found, _ = await made(served, bearer(TOKEN), dataset="booking_events", format="csv")
    return str(found["export_id"])


@pytest.fixture
async def api(variables: dict[str, str], export_id: str) -> AsyncIterator[Served]:
    """Exports wait there: no process is started for each."""
    async with exporting(variables, now=NOW.timestamp(), count=0) as (_, served):
        yield served


@pytest.fixture
async def report_ids(api: Served) -> dict[str, str]:
    """A schedule, and a run of it that waits."""
    who = bearer(TOKEN)
    schedule = (await api.client.post("/v1/reports/schedule", json=asked(), headers=who)).json()["id"]
    run = (await api.client.post(f"/v1/reports/schedule/{schedule}/execute", headers=who)).json()["id"]
    return {"SCHEDULE_ID": schedule, "EXECUTION_ID": run}


async def test_it_finds_nothing(
    api: Served, export_id: str, report_ids: dict[str, str], tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    arguments = [
        *("run", f"{api.server.url}/schema/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "12", "--seed", "1"),
        *(
            "--report",
            "json",
            "--report-json-path",
            str(report),
            "--generation-database",
            "none",
            "--no-color",
        ),
        "--continue-on-failure",
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", *arguments),
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "EXPORT_ID": export_id,
            **report_ids,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said.decode()
    assert json.loads(report.read_bytes())["test_cases"]["generated"] >= CASES

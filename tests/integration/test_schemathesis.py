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
from tests.support.api import Served, leading_to, resources, serving
from tests.support.events import stream
from tests.support.schemathesis_hooks import NOW
from tests.support.tokens import SECRET_ENVIRON, signed
from tests.support.warehouse import prepared

pytestmark = [pytest.mark.clickhouse, pytest.mark.redis, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
CASES = 2_000
CONFIG = """
max-stream-events = 1

[[operations]]
include-path = "/v1/metrics/realtime/stream"
generation = { max-examples = 20 }
"""  # a stream has no end of its own


def some_events() -> list[dict[str, Any]]:
    events = [json.loads(value) for _, value in stream(2_000, end=NOW)]
    return [{"event_id": str(uuid4()), **event} for event in events]


@pytest.fixture
async def api(clickhouse_server: EmbeddedClickHouse, redis_url: str) -> AsyncIterator[Served]:
    """One that asks for tokens, counts requests, and has something to tell."""
    settings = await asyncio.to_thread(prepared, clickhouse_server, "test_schemathesis", some_events())
    environ = (
        leading_to(settings) | SECRET_ENVIRON | {"REDIS_URL": redis_url, "RATE_LIMIT_PER_MINUTE": "1000000"}
    )
    async with resources(environ, now=NOW.timestamp()) as given, serving(given) as served:
        yield served


async def test_it_finds_nothing(api: Served, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    arguments = [
        *("run", f"{api.server.url}/schema/openapi.json", "--header", f"Authorization: Bearer {signed()}"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "100", "--seed", "1"),
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
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks"},
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

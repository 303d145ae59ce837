"""A service that exports, around a real ClickHouse and a real Redis; and what it has to export."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from openride_analytics import settings as tree
from openride_analytics.embedded.clickhouse import EmbeddedClickHouse
from openride_analytics.exports import cleaner
from openride_analytics.exports.cleaner import Cleaner
from openride_analytics.exports.worker import Worker
from openride_analytics.store import jobs
from openride_analytics.supervisor import Spec
from tests.support.api import ApiResources, Served, leading_to, resources, serving
from tests.support.events import example
from tests.support.eventually import poll
from tests.support.tokens import SECRET_ENVIRON, bearer, signed
from tests.support.warehouse import prepared

OVER = ("completed", "failed", "cancelled")
ACCEPTED = 202

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC).timestamp()
OCTOBER = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
BOOKINGS = {"dataset": "booking_events", "format": "csv", **OCTOBER}
THOUSANDS = 4000


def event(event_type: str, at: str, **changes: Any) -> dict[str, Any]:
    """A valid event that no other one is."""
    return example(event_type, event_id=str(uuid4()), event_timestamp=at, **changes)


# Three bookings created in October, one of them confirmed; one of September; somebody registered.
FEW = [
    *(
        event("booking.created", f"2026-10-0{day}T08:00:00+01:00", booking_id=str(uuid4()))
        for day in (1, 2, 3)
    ),
    event("booking.confirmed", "2026-10-03T09:00:00+01:00"),
    event("booking.created", "2026-09-30T23:30:00+01:00"),
    event("user.registered", "2026-10-05T08:00:00+01:00", full_name="Ada", email="ada@example.com"),
]


@pytest.fixture(scope="session")
def few_settings(clickhouse_server: EmbeddedClickHouse) -> tree.Settings:
    """Settings that lead to those few events."""
    return prepared(clickhouse_server, "test_exports_few", FEW)


@pytest.fixture
async def few(few_settings: tree.Settings, redis_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A service that exports them; a user may have two exports at a time."""
    variables = environ(few_settings, redis_url, tmp_path / "exports", EXPORT_MAX_PER_USER="2")
    async with exporting(variables, now=NOW) as (_, served):
        yield served


@pytest.fixture(scope="session")
def thousands_settings(clickhouse_server: EmbeddedClickHouse) -> tree.Settings:
    """Settings that lead to some thousand bookings."""
    several = [event("booking.created", "2026-10-05T08:00:00Z") for _ in range(THOUSANDS)]
    return prepared(clickhouse_server, "test_exports_thousands", several)


@pytest.fixture
def thousands(thousands_settings: tree.Settings, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables of a service that has them to export."""
    return environ(thousands_settings, redis_url, tmp_path / "exports")


@pytest.fixture
def own_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that no other test has, looked after more often."""
    monkeypatch.setattr(jobs, "_SAME_SLOT", f"test:{{{uuid4()}}}:")
    monkeypatch.setattr(cleaner, "EVERY_SECONDS", 0.1)


def environ(warehouse: tree.Settings, redis_url: str, folder: Path, **more: str) -> dict[str, str]:
    """The variables of a service that exports to a folder."""
    return {
        **leading_to(warehouse),
        **SECRET_ENVIRON,
        "REDIS_URL": redis_url,
        "EXPORT_TEMP_DIR": str(folder),
        "RATE_LIMIT_PER_MINUTE": "0",
        **more,
    }


def workers(given: ApiResources, count: int = 1) -> list[Spec]:
    """The actors of the role."""
    found = [
        Worker(
            number,
            given.jobs,
            given.files,
            given.settings,
            given.metrics,
            given.clock,
            look_seconds=0.05,
            traces=given.traces,
        )
        for number in range(count)
    ]
    cleaner = Cleaner(given.jobs, given.files, given.settings.exports.temp_dir, given.clock)
    return [*map(Spec, found), Spec(cleaner)]


@asynccontextmanager
async def exporting(
    variables: dict[str, str], *, now: float | None = None, count: int = 1
) -> AsyncIterator[tuple[ApiResources, Served]]:
    """The API, with so many workers beside it."""
    async with (
        resources(variables, now=now) as given,
        serving(given, beside=workers(given, count) if count else ()) as served,
    ):
        yield given, served


def somebody(role: str = "analyst") -> dict[str, str]:
    """The headers of a user whom nobody has seen before: the Redis is everybody's."""
    return bearer(signed(sub=str(uuid4()), role=role))


async def ask(api: Served, who: dict[str, str], **asked: Any) -> httpx.Response:
    """Request an export."""
    return await api.client.post("/v1/exports/request", json=asked, headers=who)


async def status(api: Served, who: dict[str, str], export_id: str) -> dict[str, Any]:
    found = await api.get(f"/v1/exports/{export_id}/status", **who)
    assert found.status_code == httpx.codes.OK, found.text
    return dict(found.json())


async def over(api: Served, who: dict[str, str], export_id: str) -> dict[str, Any]:
    """What it is at its end."""

    async def ended() -> bool:
        return (await status(api, who, export_id))["status"] in OVER

    await poll(ended)
    return await status(api, who, export_id)


async def made(api: Served, who: dict[str, str], **asked: Any) -> tuple[dict[str, Any], bytes]:
    """Have an export made: its status, and its file."""
    answer = await ask(api, who, **asked)
    assert answer.status_code == ACCEPTED, answer.text
    found = await over(api, who, answer.json()["export_id"])
    assert found["status"] == "completed", found
    file = await api.get(f"/v1/exports/{found['export_id']}/download", **who)
    assert file.status_code == httpx.codes.OK, file.text
    return found, file.content


def rows(text: bytes) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def column(text: bytes, name: str) -> Sequence[str]:
    """One column of a CSV."""
    return [row[name] for row in rows(text)]


def files(folder: Path) -> list[Path]:
    """Whatever is left there."""
    return [path for path in folder.rglob("*") if path.is_file()]

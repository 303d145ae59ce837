"""The runbook's backup and restore, under no other rights than those of the user that deploy/ makes for it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openride_analytics.settings import load
from openride_analytics.store.clickhouse import ClickHouse
from openride_analytics.store.migrations import migrate
from tests.support.clickhouse import Database
from tests.support.faults import booking_events
from tests.support.rights import guarded
from tests.support.s3 import BUCKET, KEY, SECRET
from tests.support.warehouse import store

pytestmark = pytest.mark.clickhouse

RUNBOOK = Path(__file__).parents[2] / "deploy/RUNBOOK.md"
USER = "backup"


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    async with guarded(tmp_path, monkeypatch) as there:
        yield there


@pytest.fixture
async def service(database: Database) -> AsyncIterator[ClickHouse]:
    """Its client, of a warehouse with some bookings."""
    settings = load(database.env())
    clickhouse = ClickHouse(settings.clickhouse)
    await clickhouse.open()
    await migrate(clickhouse, settings)
    await store(clickhouse, booking_events(10))
    yield clickhouse
    await clickhouse.close()


def statements(word: str, bucket: str) -> list[str]:
    """Those of the runbook that begin with the word, with our object store in the place of its example."""
    found = re.findall(rf"\b{word} DATABASE .*?;", RUNBOOK.read_text("utf-8"), re.DOTALL)
    place = rf"S3('{bucket}/rights/\1', '{KEY}', '{SECRET}')"
    return [re.sub(r"S3\('\S+/(\S+)', 'KEY', 'SECRET'\)", place, each.rstrip(";")) for each in found]


async def test_the_user_for_backups_may_do_what_the_runbook_says(
    database: Database, service: ClickHouse, s3: dict[str, str]
) -> None:
    bucket = f"{s3['EXPORT_S3_ENDPOINT']}/{BUCKET}"
    with database.client() as operator:
        operator.execute(f"SET ROLE {USER}")
        for statement in statements("BACKUP", bucket):
            operator.execute(statement)
        await service.execute(f"DROP DATABASE {database.name} SYNC")
        for statement in statements("RESTORE", bucket):
            operator.execute(statement)
    found = await service.select(f"SELECT count() AS c FROM {database.name}.booking_events")
    assert found.one()["c"] == 10

"""The runbook's restore: a backup in an object store, what came after it from Kafka again."""

import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition

from tests.support.auditing import differences
from tests.support.faults import Line, send_bookings, until_committed
from tests.support.s3 import BUCKET, KEY, SECRET

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

RUNBOOK = Path(__file__).parents[2] / "deploy" / "RUNBOOK.md"


def stored_to() -> str:
    """The runbook's query for where each partition is to be set back to."""
    found = re.search(r"SELECT kafka_topic, kafka_partition, max.*?;", RUNBOOK.read_text(), re.DOTALL)
    assert found is not None
    return found.group().replace("kafka_epoch = '0'", "kafka_epoch = 'test'").rstrip(";")


async def test_what_came_after_the_backup_is_taken_from_kafka_again(line: Line, s3: dict[str, str]) -> None:
    """ClickHouse is lost and restored as the runbook says: every event is there once."""
    rig, clickhouse = line.rig, line.rig.clickhouse
    topic, name = rig.topics.booking, rig.database.name
    place = f"S3('{s3['EXPORT_S3_ENDPOINT']}/{BUCKET}/{name}', '{KEY}', '{SECRET}')"
    await send_bookings(rig, 200)
    async with line.ingesting():
        await until_committed(rig, 200, topic)
    await clickhouse.select(f"BACKUP DATABASE {name} TO {place}")
    await send_bookings(rig, 100)
    async with line.ingesting():
        await until_committed(rig, 300, topic)

    await clickhouse.execute(f"DROP DATABASE {name} SYNC")
    await clickhouse.select(f"RESTORE DATABASE {name} FROM {place}")
    async with AIOKafkaConsumer(
        bootstrap_servers=rig.bootstrap, group_id=rig.settings.kafka.group_id, enable_auto_commit=False
    ) as operator:
        found = await clickhouse.select(stored_to())
        positions = {
            TopicPartition(row[0], row[1]): OffsetAndMetadata(row[2], "")
            for row in zip(*found.columns, strict=True)
        }
        operator.assign(list(positions))
        await operator.commit(positions)
    async with line.ingesting():
        await until_committed(rig, 300, topic)

    assert (await rig.count("events_raw"), await differences(rig.settings, clickhouse)) == (300, [])

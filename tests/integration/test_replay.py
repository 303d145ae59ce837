"""`replay` against real brokers: each event once, at its topic, under its key, unchanged."""

import asyncio
import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openride_analytics.errors import Invalid, Retryable
from openride_analytics.settings import Kafka, Topics
from openride_analytics.simulate.replay import Options, Replay, address
from openride_analytics.simulate.rides import Rides
from tests.support.kafka import Broker, create_topics, read_all
from tests.support.kafka_broker import free_ports
from tests.support.sending import arrived, kafka_settings, slow_group

EVENTS = 2000


@pytest.fixture(scope="module")
def events() -> list[bytes]:
    """Simulated ones, written as other producers may write them: with spaces, and letters that are not ASCII."""
    rides = Rides(seed=3, drivers=60, riders=400, first_day=datetime(2026, 11, 2, tzinfo=UTC).date())
    told = [*rides.prelude(), *rides.until(datetime(2026, 11, 3, 12, tzinfo=UTC))][:EVENTS]
    return [json.dumps(one.event | {"note": "Ọjọ́"}, ensure_ascii=False).encode() for one in told]


@pytest.fixture
def file(tmp_path: Path, events: list[bytes]) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(events))
    return path


@pytest.fixture
async def kafka(broker: Broker, topics: Topics, group_id: str) -> Kafka:
    await create_topics(broker.bootstrap, topics.events().values())
    return kafka_settings(broker.bootstrap, topics, group_id)


async def run(kafka: Kafka, *files: Path, rebase: bool = False, lenient: bool = False) -> Replay:
    options = Options([str(path) for path in files], rebase=rebase, lenient=lenient)
    replay = Replay(options, kafka, stream=io.StringIO())
    await replay.run()
    return replay


async def test_every_event_arrives_once_where_it_belongs_and_unchanged(
    kafka: Kafka, file: Path, events: list[bytes]
) -> None:
    replay = await run(kafka, file)
    expected = sorted((*address(event), event) for event in events)
    assert (replay.sent, sorted(await arrived(kafka))) == (EVENTS, expected)


async def test_an_entity_keeps_its_order_and_partition(kafka: Kafka, file: Path, events: list[bytes]) -> None:
    await run(kafka, file)
    records = await read_all(kafka.bootstrap_servers, kafka.topics.booking)
    found = {record.key: set[int]() for record in records}
    for record in records:
        found[record.key].add(record.partition)
    order = [event for event in events if address(event)[0] == "booking"]
    by_key = {key: [event for event in order if address(event)[1] == key] for key in found}
    assert ({len(partitions) for partitions in found.values()}, by_key) == (
        {1},
        {key: [record.value for record in records if record.key == key] for key in found},
    )


async def test_gzipped_and_plain_files_are_one_stream(kafka: Kafka, file: Path, tmp_path: Path) -> None:
    lines = file.read_bytes().splitlines()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines[:10])))
    (tmp_path / "b.jsonl").write_bytes(b"\n".join(lines[10:20]))
    replay = await run(kafka, tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl")
    assert (replay.sent, sorted(value or b"" for _, _, value in await arrived(kafka))) == (
        20,
        sorted(lines[:20]),
    )


async def test_a_large_event_is_sent_alone(kafka: Kafka, tmp_path: Path) -> None:
    event = json.dumps({"event_type": "user.registered", "user_id": "u", "note": "x" * 500_000}).encode()
    (tmp_path / "large.jsonl").write_bytes(b"\n".join([event, event]))
    await run(kafka, tmp_path / "large.jsonl")
    assert [value for _, _, value in await arrived(kafka)] == [event, event]


async def test_rebased_events_end_now(kafka: Kafka, file: Path) -> None:
    await run(kafka, file, rebase=True)
    newest = max(
        datetime.fromisoformat(json.loads(value or b"")["event_timestamp"])
        for *_, value in await arrived(kafka)
    )
    assert 0 <= (datetime.now(UTC) - newest).total_seconds() < 60


async def test_a_bad_line_stops_the_replay_and_is_named(
    kafka: Kafka, file: Path, events: list[bytes]
) -> None:
    file.write_bytes(b"\n".join([*events[:7], b"no event", *events[7:]]))
    with pytest.raises(Invalid, match=r"events\.jsonl:8: not JSON"):
        await run(kafka, file)


async def test_what_comes_before_a_bad_line_is_sent(kafka: Kafka, file: Path, events: list[bytes]) -> None:
    file.write_bytes(b"\n".join([*events[:7], b"no event"]))
    with pytest.raises(Invalid):
        await run(kafka, file)
    assert sorted(value or b"" for *_, value in await arrived(kafka)) == sorted(events[:7])


async def test_a_lenient_replay_skips_bad_lines(kafka: Kafka, file: Path, events: list[bytes]) -> None:
    file.write_bytes(b"\n".join([*events[:7], b"no event", *events[7:9]]))
    replay = await run(kafka, file, lenient=True)
    assert (replay.sent, replay.skipped) == (9, 1)


async def test_the_groups_lag_is_followed(
    broker: Broker, topics: Topics, group_id: str, file: Path, events: list[bytes]
) -> None:
    kafka = kafka_settings(broker.bootstrap, topics, group_id, max_lag=100)
    partitions = await create_topics(broker.bootstrap, topics.events().values())
    async with slow_group(kafka, partitions) as group:
        replaying = asyncio.create_task(run(kafka, file))
        worst = 0
        async with asyncio.timeout(60):
            while not replaying.done():
                worst = max(worst, *await group.lags())
                await group.commit(80)
                await asyncio.sleep(0)
        assert ((await replaying).sent, 50 <= worst <= 100) == (EVENTS, True)


async def test_without_a_broker_the_replay_fails(topics: Topics, group_id: str, file: Path) -> None:
    [port] = free_ports(1)
    with pytest.raises(Retryable, match="kafka"):
        await run(kafka_settings(f"127.0.0.1:{port}", topics, group_id), file)


async def test_a_cancelled_replay_knows_what_it_sent(kafka: Kafka, file: Path) -> None:
    replay = Replay(Options([str(file)], rate=500), kafka, stream=io.StringIO())
    task = asyncio.create_task(replay.run())
    async with asyncio.timeout(30):
        while not await arrived(kafka):
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), replay.sent) == (True, len(await arrived(kafka)))

"""What one would write first, and what no way of parsing can beat: both for comparison with the service.

The first try: confluent-kafka, `json.loads`, rows as tuples, clickhouse-driver. It checks nothing, knows no dead
letters, and stores twice what it had not committed when it died. It fills the same tables by the same views.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from clickhouse_driver import Client
from confluent_kafka import Consumer

from openride_analytics.schema.columns import COMMON, LANDING
from openride_analytics.settings import Settings
from tests.bench.figures import Figure, say
from tests.bench.load import Ride, rides
from tests.bench.servers import KINDS

ROWS = 10_000
LIMIT_SECONDS = 900

Convert = Callable[[Any], Any]


def first_try(settings: Settings, total: int) -> Figure:
    """Store the first `total` messages of the topics; events a second, from the first poll on."""
    kafka, clickhouse = settings.kafka, settings.clickhouse
    client = Client(clickhouse.host, port=clickhouse.port, database=clickhouse.database)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "first-try",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    kinds = {topic: kind for kind, topic in kafka.topics.events().items()}
    consumer.subscribe(list(kinds))
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    stored, begun = 0, time.monotonic()
    while stored < total and time.monotonic() - begun < LIMIT_SECONDS:
        for message in consumer.consume(500, 1.0):
            kind = kinds[str(message.topic())]
            rows[kind].append(_row(kind, message))
            if len(rows[kind]) >= ROWS:
                stored += _flush(client, kind, rows)
                consumer.commit(asynchronous=False)
        if sum(map(len, rows.values())) + stored >= total:
            for kind in list(rows):
                stored += _flush(client, kind, rows)
            consumer.commit(asynchronous=False)
    rate = stored / (time.monotonic() - begun)
    consumer.close()
    client.disconnect()
    say(f"ingest: a first try stored {stored:,} at {rate:,.0f}/s")
    return Figure("ingest", "a first try, row by row", rate, "events/s", "json, tuples, clickhouse-driver")


def _flush(client: Client, kind: str, rows: dict[str, list[tuple[Any, ...]]]) -> int:
    names = ", ".join(column.name for column in (*COMMON, *LANDING[kind]))
    return int(client.execute(f"INSERT INTO landing_{kind} ({names}) VALUES", rows.pop(kind, [])) or 0)


def _row(kind: str, message: Any) -> tuple[Any, ...]:
    event = json.loads(message.value())
    place = {
        "entity_id": message.key().decode(),
        "actor_id": event.get("rider_id"),
        "metadata": message.value().decode(),
        "kafka_epoch": "0",
        "kafka_topic": message.topic(),
        "kafka_partition": message.partition(),
        "kafka_offset": message.offset(),
    }
    event |= place
    return tuple(CONVERT[kind][c.name](event.get(c.name)) for c in (*COMMON, *LANDING[kind]))


def _convert(type_: str) -> Convert:
    if type_.startswith("Array"):
        return lambda value: value or []
    inner = type_.removeprefix("Nullable(")
    makers: dict[str, Convert] = {"UUID": UUID, "DateTime": datetime.fromisoformat, "Decimal": Decimal}
    make = next((made for begins, made in makers.items() if inner.startswith(begins)), None)
    if make is None:
        return lambda value: value
    return lambda value: None if value is None else make(value)


CONVERT = {kind: {c.name: _convert(c.type) for c in (*COMMON, *LANDING[kind])} for kind in KINDS}


def floor(total: int) -> Figure:
    """ClickHouse's own parser on the same bytes, all cores, into typed columns that nobody stores."""
    with tempfile.TemporaryDirectory(prefix="openride-bench-") as folder:
        messages: dict[str, list[Ride]] = defaultdict(list)
        for ride in rides(total):
            messages[ride.kind].append(ride)
        for kind, found in messages.items():
            (Path(folder) / kind).write_bytes(b"\n".join(ride.value for ride in found))
        structures = {
            kind: ", ".join(f"{c.name} {_loose(c.type)}" for c in LANDING[kind]) for kind in messages
        }
        done = subprocess.run(
            [sys.executable, "-c", PARSE, folder, json.dumps(structures)],
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT_SECONDS,
        )
    rate = total / float(done.stdout)
    return Figure(
        "ingest", "ClickHouse's own JSON parser", rate, "events/s", "the same bytes, nothing stored"
    )


def _loose(type_: str) -> str:
    return type_.replace("DateTime64(3, 'UTC')", "String")


PARSE = """
import json, sys, time
import chdb.session
folder, structures = sys.argv[1], json.loads(sys.argv[2])
session = chdb.session.Session()
def parse():
    begun = time.monotonic()
    for kind, structure in structures.items():
        structure = structure.replace("'", "\\\\'")
        session.query(f"SELECT * FROM file('{folder}/{kind}', 'JSONEachRow', '{structure}') "
                      "SETTINGS input_format_skip_unknown_fields = 1 FORMAT Null")
    return time.monotonic() - begun
print(min(parse() for _ in range(3)))
"""

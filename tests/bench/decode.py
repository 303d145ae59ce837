"""What one core makes of messages: events, columns of events, bytes for ClickHouse.

CPU time, so that neighbors on the machine count less.
"""

import time
from collections.abc import Callable

from openride_analytics.ingest.builder import CHUNK
from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.columns import COMMON, LANDING, columns_of
from openride_analytics.schema.events import KINDS
from openride_analytics.store.clickhouse import Rows
from tests.bench.figures import Figure
from tests.bench.load import rides

TYPES = {kind: {column.name: column.type for column in (*COMMON, *LANDING[kind])} for kind in LANDING}


def measure(count: int, runs: int) -> list[Figure]:
    """Rates of decoding, of turning events into columns, and of encoding the columns."""
    now = time.time()
    messages = list(rides(count))
    values: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for message in messages:
        values[message.kind].append(message.value)
    work = [
        (kind, Decoder(kind, 1 << 20, 730), of_kind[first : first + CHUNK])
        for kind, of_kind in values.items()
        for first in range(0, len(of_kind), CHUNK)
    ]
    events = [(kind, [decoder(value, now) for value in chunk]) for kind, decoder, chunk in work]
    columns = [(TYPES[kind], columns_of(kind, rows)[0]) for kind, rows in events]

    def decode() -> None:
        for _, decoder, chunk in work:
            decoder.all(chunk, now)

    def make_columns() -> None:
        for kind, rows in events:
            columns_of(kind, rows)

    def encode() -> None:
        for types, block in columns:
            Rows({name: types[name] for name in block}).add(block)

    size = sum(len(message.value) for message in messages) / len(messages)
    what: dict[str, tuple[Callable[[], None], str]] = {
        "decode": (decode, f"{size:.0f} bytes a message on average"),
        "columns": (make_columns, f"chunks of {CHUNK:,}"),
        "encode": (encode, "typed columns to the native format"),
    }
    return [
        Figure("decode", name, _rate(run, count, runs), "messages/s", note)
        for name, (run, note) in what.items()
    ]


def _rate(work: Callable[[], None], count: int, runs: int) -> float:
    """The best of some runs, per second of CPU time."""
    seconds = []
    for _ in range(runs):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return count / min(seconds)

"""What one core makes of messages: events, columns of events, bytes for ClickHouse.

CPU time, so that neighbors on the machine count less.
"""

import time
from collections.abc import Callable

from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.columns import COMMON, LANDING, columns_of
from openride_analytics.schema.events import KINDS, Event
from openride_analytics.store import native
from tests.bench.figures import Figure
from tests.bench.load import rides

BATCH = 5_000
REVISION = native.CUSTOM_SERIALIZATION_REVISION
TYPES = {kind: {column.name: column.type for column in (*COMMON, *LANDING[kind])} for kind in LANDING}


def measure(count: int, runs: int) -> list[Figure]:
    """Rates of decoding, of turning events into columns, and of encoding the columns."""
    now = time.time()
    messages = list(rides(count))
    decoders = {kind: Decoder(kind, 1 << 20, 730) for kind in KINDS}
    work = [(decoders[message.kind], message.value) for message in messages]
    events: dict[str, list[Event]] = {kind: [] for kind in KINDS}
    for message in messages:
        events[message.kind].append(decoders[message.kind](message.value, now))
    batches = [
        (kind, rows[first : first + BATCH])
        for kind, rows in events.items()
        for first in range(0, len(rows), BATCH)
    ]
    columns = [(TYPES[kind], columns_of(kind, rows)[0]) for kind, rows in batches]

    def decode() -> None:
        for decoder, value in work:
            decoder(value, now)

    def make_columns() -> None:
        for kind, rows in batches:
            columns_of(kind, rows)

    def encode() -> None:
        for types, block in columns:
            for name, values in block.items():
                for _ in native.column(name, types[name], values, revision=REVISION):
                    pass

    size = sum(len(message.value) for message in messages) / len(messages)
    what: dict[str, tuple[Callable[[], None], str]] = {
        "decode": (decode, f"{size:.0f} bytes a message on average"),
        "columns": (make_columns, f"batches of {BATCH:,}"),
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

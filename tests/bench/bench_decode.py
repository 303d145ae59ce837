"""How many messages a second one core decodes, and how many rows it turns into columns.

    python -m tests.bench.bench_decode [--file EVENTS.jsonl] [--messages 100000] [--runs 5]

Without a file: life-like messages of tests.support.events. CPU time, so that neighbors on the machine count
less.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from openride_analytics.ingest.decode import Decoder
from openride_analytics.schema.columns import columns_of
from openride_analytics.schema.events import EVENT_TYPES, KINDS, Event
from tests.support.events import NOW, stream

_BATCH = 5_000


class _Tag(msgspec.Struct):
    event_type: str
    event_timestamp: datetime


def _from_file(path: Path) -> tuple[list[tuple[str, bytes]], float]:
    """The file's messages with their kinds, and a time (epoch seconds) at which all are young enough."""
    lines = path.read_bytes().splitlines()
    tags = [msgspec.json.decode(line, type=_Tag) for line in lines]
    now = max(tag.event_timestamp for tag in tags).timestamp()
    return [(EVENT_TYPES[tag.event_type][0], line) for tag, line in zip(tags, lines, strict=True)], now


def _rate(work: Callable[[], object], count: int, runs: int) -> str:
    """Median and best of some runs, in thousands a second."""
    rates = []
    for _ in range(runs):
        began = time.process_time()
        work()
        rates.append(count / (time.process_time() - began) / 1000)
    return f"{statistics.median(rates):6.0f},000/s (best {max(rates):.0f},000/s)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()

    if options.file:
        messages, now = _from_file(options.file)
    else:
        messages, now = list(stream(options.messages)), NOW.timestamp()
    decoders = {kind: Decoder(kind, 1 << 20, 730) for kind in KINDS}
    work = [(decoders[kind], value) for kind, value in messages]
    events: dict[str, list[Event]] = {kind: [] for kind in KINDS}
    for kind, value in messages:
        events[kind].append(decoders[kind](value, now))

    def decode() -> None:
        for decoder, value in work:
            decoder(value, now)

    def columns() -> None:
        for kind, rows in events.items():
            for first in range(0, len(rows), _BATCH):
                columns_of(kind, rows[first : first + _BATCH])

    size = sum(len(value) for _, value in messages) / len(messages)
    print(f"{len(messages)} messages of {size:.0f} bytes on average")
    print(f"decode   {_rate(decode, len(messages), options.runs)}")
    print(f"columns  {_rate(columns, len(messages), options.runs)}")


if __name__ == "__main__":
    main()

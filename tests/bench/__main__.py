"""Measure this machine; README.md says what each number is.

Best of some runs, because neighbors on a machine only ever make it slower. Nothing here passes or fails.
"""

import argparse
import asyncio

from tests.bench import api, decode, exports, ingest, insert, startup, tracing
from tests.bench.figures import Figure, as_json, table

BENCHMARKS = ("decode", "insert", "ingest", "startup", "tracing", "api", "exports")


def main() -> None:
    """Run the benchmarks asked for, one after the other, and print all figures in the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", type=_benchmark, help=f"of {', '.join(BENCHMARKS)} [all]")
    parser.add_argument("--events", type=int, default=200_000, help="of the backlog of ingest [200000]")
    parser.add_argument("--broker", choices=("kafka", "embedded"), default="kafka", help="[kafka]")
    parser.add_argument(
        "--rates",
        type=_rates,
        default="200:20,1000:20,10000:20",
        help="events/s:seconds, of the messages sent to a running service [200:20,1000:20,10000:20]",
    )
    parser.add_argument("--compare", action="store_true", help="ingest: also a first try, and the floor")
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(size) for size in text.split(",")],
        default=[1_000_000],
        help="api: events of each population, of which the first is measured in full [1000000]",
    )
    parser.add_argument(
        "--ingesting", type=int, default=0, help="api: for so many seconds events stream in [0]"
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest export [1000000]")
    parser.add_argument("--runs", type=int, default=3, help="of which the best counts [3]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    figures = [
        figure for name in options.benchmarks or BENCHMARKS for figure in asyncio.run(_measure(name, options))
    ]
    print(as_json(figures) if options.json else table(figures))


async def _measure(name: str, options: argparse.Namespace) -> list[Figure]:
    if name == "decode":
        return decode.measure(min(options.events, 100_000), options.runs)
    if name == "insert":
        return await insert.measure(options.runs)
    if name == "ingest":
        return await ingest.measure(
            options.events, options.broker, options.rates, options.runs, compare=options.compare
        )
    if name == "tracing":
        return await tracing.measure(options.events, options.runs)
    if name == "api":
        return await api.measure(options.sizes, options.ingesting)
    if name == "exports":
        return await exports.measure(options.rows)
    return await startup.measure(options.broker, options.runs)


def _benchmark(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(BENCHMARKS)}")
    return text


def _rates(text: str) -> list[tuple[int, int]]:
    pairs = [pair.partition(":") for pair in text.split(",") if pair]
    return [(int(rate), int(seconds or 20)) for rate, _, seconds in pairs]


if __name__ == "__main__":
    main()

"""Run only the embedded servers until SIGTERM or Ctrl-C: ClickHouse, Kafka, Redis, PostgreSQL, a mail sink.

All listen on the loopback interface alone, without passwords. Kafka is librdkafka's mock broker: it keeps
about 5 MB or 100,000 messages of a partition in memory, nothing on disk. The others find their data again.
"""

import argparse
import asyncio
from pathlib import Path

from openride_analytics.embedded.env_file import remove_env_file, write_env_file
from openride_analytics.embedded.mock_cluster import LIMITS
from openride_analytics.embedded.stack import Ports, Stack, topics_of
from openride_analytics.settings import Settings
from openride_analytics.signals import until_signal

LARGEST_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the data goes, where the settings are written, which ports."""
    parser.add_argument("--data-dir", type=Path, default=Path(".data"), metavar="D", help="[.data]")
    parser.add_argument(
        "--env-file",
        type=Path,
        metavar="F",
        help="write the settings that a `serve` needs, once all are ready",
    )
    for server in ("clickhouse", "kafka", "redis", "postgres", "smtp"):
        parser.add_argument(f"--{server}-port", type=_port, default=0, metavar="N", help="[any that is free]")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """0 after a signal. Raises Fatal when a server cannot start or dies. `settings` name the topics."""
    asyncio.run(until_signal(_serve(args, topics_of(settings))))
    return 0


async def _serve(args: argparse.Namespace, topics: dict[str, int]) -> None:
    if args.env_file is not None:
        remove_env_file(args.env_file)
    ports = Ports(args.clickhouse_port, args.kafka_port, args.redis_port, args.postgres_port, args.smtp_port)
    async with Stack(args.data_dir, ports=ports, topics=topics) as stack:
        for name, server in stack.servers.items():
            keeps = LIMITS if name == "kafka" else server.data_dir
            print(f"{name:<11}{server.url}  {keeps}", flush=True)
        try:
            if args.env_file is not None:
                write_env_file(args.env_file, stack.env())
                print(f"{'settings':<11}{args.env_file}", flush=True)
            await stack.wait()
        finally:
            if args.env_file is not None:
                remove_env_file(args.env_file)


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= LARGEST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port; allowed: 1 to {LARGEST_PORT}")

"""`python -m openride_analytics.embedded.clickhouse --data-dir D --port P`: the server's own process."""

import argparse
import logging
import sys
from pathlib import Path

from openride_analytics.embedded.clickhouse.server import run


def main() -> int:
    parser = argparse.ArgumentParser(
        description="The ClickHouse engine behind its native protocol, on loopback."
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=9000, help="0: any that is free")
    parser.add_argument("--database", default="openride_analytics")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    return run(arguments.data_dir.absolute(), arguments.port, arguments.database)


if __name__ == "__main__":
    sys.exit(main())

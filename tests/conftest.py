"""The shared fixtures, each beside what it starts."""

import gc

pytest_plugins = [
    "tests.support.kafka",
    "tests.support.clickhouse",
    "tests.support.servers",
    "tests.support.warehouse",
    "tests.support.drives",
    "tests.support.ingestion",
    "tests.support.books",
    "tests.support.exports",
    "tests.support.s3",
    "tests.support.redis_cluster",
    "tests.support.reports",
]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: to look for garbage among it took a third of a worker's time."""
    gc.freeze()

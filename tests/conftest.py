"""The shared fixtures, each beside what it starts; and the order of tests that several workers run."""

import gc
import os
from itertools import chain, groupby

import hypothesis
import pytest

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("timeless", deadline=None)
hypothesis.settings.load_profile("timeless")

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

SLOW = {"faults", "e2e"}  # some seconds each, up to a minute


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with some files of slow tests: what is left at the end, for the others to take over, is quick.

    Workers get equal numbers of tests, in this order.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow: list[list[pytest.Item]] = []
    quick: list[pytest.Item] = []
    for path, tests in groupby(items, key=lambda item: item.path):
        if SLOW.intersection(path.parts):
            slow.append(list(tests))
        else:
            quick.extend(tests)
    total, items[:] = len(items), []
    for worker in range(workers):
        share = (total - len(items)) // (workers - worker)
        mine = list(chain(*slow[worker::workers]))
        more = max(0, share - len(mine))
        items += mine + quick[:more]
        del quick[:more]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: to look for garbage among it took a quarter of a worker's time."""
    gc.freeze()

"""The SQL of questions sent by another client, to tell what the service adds to it."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import clickhouse_driver

MOST_AT_ONCE = 3  # statements of one question


class Bare:
    """A client of ClickHouse alone, with a connection for each statement that is sent at the same time."""

    def __init__(self, environ: Mapping[str, str], statements: Mapping[str, Iterable[str]]) -> None:
        """`statements`: by URL."""
        self._statements = statements
        self._drivers = [
            clickhouse_driver.Client(
                environ["CLICKHOUSE_HOST"],
                port=int(environ["CLICKHOUSE_PORT"]),
                database=environ["CLICKHOUSE_DATABASE"],
                settings={"use_uncompressed_cache": 1},  # as the service
            )
            for _ in range(MOST_AT_ONCE)
        ]
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE)

    def knows(self, url: str) -> bool:
        """Whether the statements of this question are at hand."""
        return url in self._statements

    def ask(self, url: str) -> float:
        """Milliseconds until all of its statements were answered, sent at once."""
        begun = time.perf_counter()
        list(self._threads.map(_execute, self._drivers, self._statements[url]))
        return (time.perf_counter() - begun) * 1000

    def close(self) -> None:
        """After the last question."""
        self._threads.shutdown()
        for driver in self._drivers:
            driver.disconnect()


def _execute(driver: clickhouse_driver.Client, sql: str) -> None:
    driver.execute(sql)

"""The shared fixtures, each beside what it starts."""

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

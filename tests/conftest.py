"""The shared fixtures, each beside what it starts."""

pytest_plugins = ["tests.support.kafka", "tests.support.clickhouse"]

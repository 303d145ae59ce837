"""A ClickHouse server for development and tests: the real engine (chdb) behind its native TCP protocol."""

from openride_analytics.embedded.clickhouse.process import EmbeddedClickHouse

__all__ = ["EmbeddedClickHouse"]

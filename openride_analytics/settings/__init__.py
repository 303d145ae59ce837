"""Settings: environment variables and `.env`, decoded and validated once into one frozen tree."""

from openride_analytics.settings.describe import describe, env_example, markdown, warnings, with_table
from openride_analytics.settings.load import SettingsError, load
from openride_analytics.settings.secret import Secret
from openride_analytics.settings.table import VARIABLES
from openride_analytics.settings.tree import (
    Api,
    App,
    Auth,
    ClickHouse,
    Exports,
    Ingest,
    Kafka,
    Otel,
    Postgres,
    Redis,
    Reports,
    Retention,
    Settings,
    Smtp,
    Topics,
)
from openride_analytics.settings.variable import Variable

__all__ = [
    "VARIABLES",
    "Api",
    "App",
    "Auth",
    "ClickHouse",
    "Exports",
    "Ingest",
    "Kafka",
    "Otel",
    "Postgres",
    "Redis",
    "Reports",
    "Retention",
    "Secret",
    "Settings",
    "SettingsError",
    "Smtp",
    "Topics",
    "Variable",
    "describe",
    "env_example",
    "load",
    "markdown",
    "warnings",
    "with_table",
]

"""Every variable there is: its name, where its value goes, what it may be, its default, and its use."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from openride_analytics.settings.kinds import (
    Kind,
    boolean,
    choice,
    currency,
    directory,
    existing_file,
    host,
    integer,
    number,
    origins,
    pattern,
    port,
    secret,
    servers,
    text,
    timezone,
    url,
)

DAYS = integer(1, 36_500)
SECONDS = integer(1, 7 * 86_400)
IDENTIFIER = pattern(r"[A-Za-z_][A-Za-z0-9_]{0,62}", "a plain identifier: letters, digits and _, at most 63")
TOPIC = pattern(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", "a topic name: letters, digits, . _ and -, at most 249")


@dataclass(frozen=True)
class Derived:
    """A default that follows from variables above it. `words` says how."""

    words: str
    value: Callable[[Mapping[str, object]], str]


@dataclass(frozen=True)
class Variable:
    """`path` is the attribute in the tree; `default` is written as the variable would be (None: unset)."""

    name: str
    path: str
    kind: Kind
    default: str | Derived | None
    help: str
    alias: str | None = None

    @property
    def file_name(self) -> str | None:
        """The variable that names a file with the value, for secrets."""
        return f"{self.name}_FILE" if self.kind.secret else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which the value may be given."""
        return tuple(name for name in (self.name, self.alias, self.file_name) if name)


def variables() -> tuple[Variable, ...]:
    """All variables, in the order in which they are documented and decoded."""
    return VARIABLES


def _local(values: Mapping[str, object]) -> bool:
    return values.get("APP_ENV") in ("development", "test")


_EVERYWHERE = "0.0.0.0"  # noqa: S104 - in a container the outside must reach it
_HOST = Derived(
    f"127.0.0.1 in development and test, else {_EVERYWHERE}",
    lambda v: "127.0.0.1" if _local(v) else _EVERYWHERE,
)
_PUBLIC_URL = Derived("http://localhost:PORT", lambda v: f"http://localhost:{v.get('PORT', 8000)}")
_NATIVE_PORT = Derived(
    "9000; 9440 if CLICKHOUSE_SECURE", lambda v: "9440" if v.get("CLICKHOUSE_SECURE") else "9000"
)
_REDIS_URL = Derived(
    "redis://localhost:6379/2; /0 if REDIS_CLUSTER",
    lambda v: f"redis://localhost:6379/{0 if v.get('REDIS_CLUSTER') else 2}",
)
_TEMP_DIR = Derived(
    "openride-exports under the system's temporary folder",
    lambda _: str(Path(tempfile.gettempdir()) / "openride-exports"),
)

VARIABLES = (
    Variable("APP_NAME", "app.name", text(100), "openride-analytics-service", "Name in logs and traces"),
    Variable(
        "APP_ENV",
        "app.env",
        choice("development", "test", "staging", "production"),
        "development",
        "Production creates no topics and has no crash points",
    ),
    Variable(
        "LOG_LEVEL",
        "app.log_level",
        choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", upper=True),
        "INFO",
        "Least severe log line written",
    ),
    Variable("HOST", "app.host", host(), _HOST, "Address the HTTP server listens on"),
    Variable("PORT", "app.port", port(0), "8000", "Port of the HTTP server; 0: any free one"),
    Variable(
        "PUBLIC_URL", "app.public_url", url("http", "https"), _PUBLIC_URL, "What links in mails begin with"
    ),
    Variable(
        "SHUTDOWN_GRACE_SECONDS",
        "app.shutdown_grace_seconds",
        number(0.1, 600),
        "8",
        "What work in hand may take to finish when asked to stop",
    ),
    # ClickHouse
    Variable("CLICKHOUSE_HOST", "clickhouse.host", host(), "localhost", "ClickHouse server"),
    Variable("CLICKHOUSE_SECURE", "clickhouse.secure", boolean(), "false", "Speak TLS to ClickHouse"),
    Variable(
        "CLICKHOUSE_PORT",
        "clickhouse.port",
        port(http={8123: 9000, 8443: 9440}),
        _NATIVE_PORT,
        "Its native protocol's port (not HTTP)",
    ),
    Variable("CLICKHOUSE_USER", "clickhouse.user", text(), "default", "ClickHouse user"),
    Variable("CLICKHOUSE_PASSWORD", "clickhouse.password", secret(), "", "ClickHouse password"),
    Variable(
        "CLICKHOUSE_DATABASE",
        "clickhouse.database",
        IDENTIFIER,
        "openride_analytics",
        "Database; created if absent",
    ),
    Variable(
        "CLICKHOUSE_CLUSTER",
        "clickhouse.cluster",
        IDENTIFIER,
        None,
        "Cluster on which the schema is made (replicated and distributed tables)",
    ),
    Variable(
        "CLICKHOUSE_POOL_SIZE",
        "clickhouse.pool_size",
        integer(2, 256),
        "8",
        "Connections at most, some kept for inserts and some for reads",
    ),
    # PostgreSQL
    Variable(
        "DATABASE_URL",
        "postgres.url",
        url("postgresql", "postgres", secret=True),
        None,
        "PostgreSQL, where report schedules are kept",
    ),
    # Kafka
    Variable(
        "KAFKA_BOOTSTRAP_SERVERS",
        "kafka.bootstrap_servers",
        servers(),
        "localhost:9092",
        "Brokers to begin with",
    ),
    Variable(
        "KAFKA_CONSUMER_GROUP_ID", "kafka.group_id", text(249), "analytics-service-group", "Consumer group"
    ),
    Variable(
        "KAFKA_MAX_POLL_RECORDS",
        "kafka.max_poll_records",
        integer(1, 1_000_000),
        "500",
        "Messages taken from the client at once",
    ),
    Variable(
        "KAFKA_SECURITY_PROTOCOL",
        "kafka.security_protocol",
        choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL", upper=True),
        "PLAINTEXT",
        "How to speak to the brokers",
    ),
    Variable(
        "KAFKA_SASL_MECHANISM",
        "kafka.sasl_mechanism",
        choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", upper=True),
        None,
        "With SASL_PLAINTEXT and SASL_SSL",
    ),
    Variable("KAFKA_SASL_USERNAME", "kafka.sasl_username", text(), None, "Likewise"),
    Variable("KAFKA_SASL_PASSWORD", "kafka.sasl_password", secret(), None, "Likewise"),
    Variable(
        "KAFKA_SSL_CAFILE",
        "kafka.ssl_cafile",
        existing_file(),
        None,
        "Authorities to trust, with SSL and SASL_SSL; unset: the system's",
    ),
    Variable("KAFKA_SSL_CERTFILE", "kafka.ssl_certfile", existing_file(), None, "Client certificate"),
    Variable(
        "KAFKA_SSL_KEYFILE", "kafka.ssl_keyfile", existing_file(), None, "Its key; unset: in the same file"
    ),
    Variable("KAFKA_SSL_PASSWORD", "kafka.ssl_password", secret(), None, "Password of the key"),
    Variable("KAFKA_TOPIC_USER", "kafka.topics.user", TOPIC, "openride.events.user", "Topic of user events"),
    Variable(
        "KAFKA_TOPIC_BOOKING",
        "kafka.topics.booking",
        TOPIC,
        "openride.events.booking",
        "Topic of booking events",
    ),
    Variable(
        "KAFKA_TOPIC_PAYMENT",
        "kafka.topics.payment",
        TOPIC,
        "openride.events.payment",
        "Topic of payment events",
    ),
    Variable("KAFKA_TOPIC_TRIP", "kafka.topics.trip", TOPIC, "openride.events.trip", "Topic of trip events"),
    Variable(
        "KAFKA_TOPIC_ROUTE", "kafka.topics.route", TOPIC, "openride.events.route", "Topic of route events"
    ),
    Variable(
        "KAFKA_TOPIC_LOCATION",
        "kafka.topics.location",
        TOPIC,
        "openride.events.location",
        "Topic of GPS samples",
    ),
    Variable("KAFKA_TOPIC_DLQ", "kafka.topics.dlq", TOPIC, "openride.events.dlq", "Topic of dead letters"),
    Variable(
        "KAFKA_TOPIC_EPOCH",
        "kafka.topic_epoch",
        pattern(r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, . _ and -"),
        "0",
        "Change it when topics are recreated: their offsets begin again",
    ),
    Variable(
        "KAFKA_TOPIC_PARTITIONS",
        "kafka.topic_partitions",
        integer(1, 1000),
        "3",
        "Partitions of the topics this service creates (outside production)",
    ),
    Variable(
        "KAFKA_TOPIC_REPLICATION", "kafka.topic_replication", integer(1, 32), "1", "Replicas of the same"
    ),
    Variable(
        "KAFKA_MAX_LAG",
        "kafka.max_lag",
        integer(0, 1_000_000_000),
        "0",
        "simulate and replay keep the group's lag per partition below it; 0: no limit",
    ),
    # Redis
    Variable(
        "REDIS_CLUSTER",
        "redis.cluster",
        boolean(),
        "false",
        "REDIS_URL is a node of a cluster (database 0 only)",
    ),
    Variable("REDIS_URL", "redis.url", url("redis", "rediss", "unix", secret=True), _REDIS_URL, "Cache"),
    Variable(
        "CACHE_TTL_METRICS",
        "redis.cache_ttl_metrics",
        SECONDS,
        "300",
        "Seconds an answer of /v1/metrics is kept",
    ),
    Variable(
        "CACHE_TTL_REPORTS",
        "redis.cache_ttl_reports",
        SECONDS,
        "3600",
        "Seconds an answer of /v1/analytics is kept",
    ),
    # Ingestion
    Variable(
        "INGEST_BATCH_SIZE",
        "ingest.batch_size",
        integer(1, 1_000_000),
        "10000",
        "Rows of a partition that make a batch",
        alias="AGGREGATION_BATCH_SIZE",
    ),
    Variable(
        "INGEST_FLUSH_INTERVAL_MS",
        "ingest.flush_interval_ms",
        integer(1, 60_000),
        "1000",
        "A smaller batch is stored after this long",
    ),
    Variable(
        "INGEST_MAX_INFLIGHT_BYTES",
        "ingest.max_inflight_bytes",
        integer(1, 1 << 40),
        str(64 << 20),
        "Bytes fetched and not yet stored, at most",
    ),
    Variable(
        "INGEST_MAX_MESSAGE_BYTES",
        "ingest.max_message_bytes",
        integer(1, 1 << 30),
        str(1 << 20),
        "A larger message is dead-lettered",
    ),
    Variable(
        "INGEST_MAX_EVENT_AGE_DAYS",
        "ingest.max_event_age_days",
        DAYS,
        "730",
        "An event with an older timestamp is dead-lettered",
    ),
    Variable(
        "INGEST_DEDUP_WINDOW",
        "ingest.dedup_window",
        integer(1, 100_000_000),
        "100000",
        "Messages of a partition among which a repeated event_id is stored once",
    ),
    Variable(
        "DLQ_MAX_RATIO",
        "ingest.dlq_max_ratio",
        number(0.001, 1),
        "0.5",
        "Dead letters among a partition's last 1,000 messages that stop it",
    ),
    Variable(
        "DLQ_MAX_RUN",
        "ingest.dlq_max_run",
        integer(1, 1_000_000_000),
        "1000",
        "Dead letters in a row that stop a partition",
    ),
    Variable(
        "CRASH_AT",
        "ingest.crash_at",
        pattern(r"[a-z_]+(:[1-9][0-9]{0,8})?", "point or point:n"),
        None,
        "For tests: die at this step of storing a batch, the n-th time; refused in production",
    ),
    # Retention
    Variable("METRICS_RETENTION_DAYS", "retention.metrics_days", DAYS, "90", "Days events are kept"),
    Variable("LOCATION_RETENTION_DAYS", "retention.location_days", DAYS, "30", "Days GPS samples are kept"),
    Variable(
        "AGGREGATES_RETENTION_DAYS", "retention.aggregates_days", DAYS, "730", "Days aggregates are kept"
    ),
    # API
    Variable(
        "API_MAX_RANGE_DAYS",
        "api.max_range_days",
        integer(1, 3660),
        "400",
        "Longest range a question may cover",
    ),
    Variable(
        "ANALYTICS_TIMEZONE",
        "api.analytics_timezone",
        timezone(),
        "Africa/Lagos",
        "Time zone of a question that names none",
    ),
    Variable(
        "DEFAULT_CURRENCY", "api.default_currency", currency(), "NGN", "Currency of revenue and of bookings"
    ),
    Variable("CORS_ORIGINS", "api.cors_origins", origins(), "", "Origins whose pages may call the API"),
    Variable(
        "RATE_LIMIT_PER_MINUTE",
        "api.rate_limit_per_minute",
        integer(0, 10_000_000),
        "0",
        "Requests a client may make; 0: no limit",
    ),
    # Exports
    Variable(
        "EXPORT_MAX_ROWS",
        "exports.max_rows",
        integer(1, 1_000_000_000),
        "100000",
        "Rows of an export, at most",
    ),
    Variable(
        "EXPORT_TEMP_DIR", "exports.temp_dir", directory(), _TEMP_DIR, "Where exported files are written"
    ),
    Variable(
        "EXPORT_RETENTION_HOURS", "exports.retention_hours", integer(1, 87_600), "24", "Hours they are kept"
    ),
    Variable("EXPORT_WORKERS", "exports.workers", integer(1, 64), "2", "Exports made at the same time"),
    # Mail
    Variable("SMTP_HOST", "smtp.host", host(), None, "Mail server; unset: no mail is sent"),
    Variable("SMTP_PORT", "smtp.port", port(), "587", "Its port"),
    Variable("SMTP_USER", "smtp.user", text(), None, "User, if it asks for one"),
    Variable("SMTP_PASSWORD", "smtp.password", secret(), None, "Password of the user"),
    Variable(
        "SMTP_FROM_EMAIL",
        "smtp.from_email",
        pattern(r"[^@\s<>,;\"]+@[A-Za-z0-9.-]+", "an e-mail address"),
        "openride-analytics@localhost",
        "Sender of reports",
    ),
    Variable("SMTP_USE_TLS", "smtp.use_tls", boolean(), "true", "Insist on TLS"),
    Variable(
        "MAIL_MAX_ATTACHMENT_MB",
        "smtp.max_attachment_mb",
        integer(0, 100),
        "10",
        "A larger file is linked to, not attached",
    ),
    Variable(
        "REPORT_FILES_RETENTION_DAYS",
        "smtp.report_files_retention_days",
        DAYS,
        "30",
        "Days a report's file and its link live",
    ),
    # Access control
    Variable(
        "AUTH_ENABLED",
        "auth.enabled",
        boolean(),
        "false",
        "Ask callers for a token; not part of this version yet",
    ),
    Variable("JWT_SECRET_KEY", "auth.jwt_secret_key", secret(32), None, "Key of HS* signatures"),
    Variable(
        "JWT_ALGORITHM",
        "auth.jwt_algorithm",
        choice("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"),
        "HS256",
        "The one algorithm accepted",
    ),
    Variable(
        "JWT_JWKS_URL", "auth.jwt_jwks_url", url("http", "https"), None, "Where public keys are published"
    ),
    Variable("JWT_ISSUER", "auth.jwt_issuer", text(), None, "Issuer a token must have"),
    Variable("JWT_AUDIENCE", "auth.jwt_audience", text(), None, "Audience a token must have"),
    Variable("JWT_ROLE_CLAIM", "auth.jwt_role_claim", text(), "role", "Claim that holds the caller's role"),
    # OpenTelemetry
    Variable("OTEL_SDK_DISABLED", "otel.disabled", boolean(), "false", "Switch tracing off"),
    Variable(
        "OTEL_SERVICE_NAME",
        "otel.service_name",
        text(),
        Derived("APP_NAME", lambda v: str(v.get("APP_NAME", "openride"))),
        "Name in traces",
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "otel.exporter_endpoint",
        url("http", "https"),
        None,
        "Collector; unset: no traces are sent",
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "otel.exporter_headers",
        secret(),
        None,
        "Headers for it, name=value,...",
    ),
    Variable(
        "OTEL_RESOURCE_ATTRIBUTES", "otel.resource_attributes", text(2000), None, "Attributes, name=value,..."
    ),
    Variable(
        "OTEL_TRACES_SAMPLER",
        "otel.traces_sampler",
        choice(
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ),
        "parentbased_always_on",
        "Which traces are kept",
    ),
    Variable(
        "OTEL_TRACES_SAMPLER_ARG",
        "otel.traces_sampler_arg",
        number(0, 1),
        "1",
        "Share kept by the ratio samplers",
    ),
)

"""The variables that say how the service itself behaves."""

from collections.abc import Mapping

from openride_analytics.settings.kinds import (
    boolean,
    choice,
    currency,
    existing_file,
    host,
    integer,
    number,
    origins,
    pattern,
    port,
    secret,
    text,
    timezone,
    url,
)
from openride_analytics.settings.variable import Derived, Variable

DAYS = integer(1, 36_500)


def _local(values: Mapping[str, object]) -> bool:
    return values.get("APP_ENV") in ("development", "test")


_EVERYWHERE = "0.0.0.0"  # noqa: S104 - in a container the outside must reach it
_HOST = Derived(
    f"127.0.0.1 in development and test, else {_EVERYWHERE}",
    lambda v: "127.0.0.1" if _local(v) else _EVERYWHERE,
)
_PUBLIC_URL = Derived("http://localhost:PORT", lambda v: f"http://localhost:{v.get('PORT', 8000)}")

APP = (
    Variable("APP_NAME", "app.name", text(100), "openride-analytics-service", "Name in logs and traces"),
    Variable(
        "APP_ENV",
        "app.env",
        choice("development", "test", "staging", "production"),
        "development",
        "Production creates no topics, has no crash points and shows /schema to callers only",
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
)

INGEST = (
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
        "A smaller batch is stored after this long at most",
    ),
    Variable(
        "INGEST_MAX_INFLIGHT_BYTES",
        "ingest.max_inflight_bytes",
        integer(1, 1 << 40),
        str(96 << 20),
        "Bytes fetched and not yet stored, at most; half of it is for whichever topics need it, the rest shared out",
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
        "INGEST_STALL_SECONDS",
        "ingest.stall_seconds",
        number(1, 3600),
        "30",
        "A consumer that stands still so long, with lag and no outage, is built anew",
    ),
    Variable(
        "AUDIT_INTERVAL_MINUTES",
        "ingest.audit_interval_minutes",
        integer(0, 10_080),
        "60",
        "How often what is stored is compared with Kafka; 0: never",
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
        pattern(r"[a-z_]+(:[1-9][0-9]{0,8}(:stop)?)?", "point, point:n or point:n:stop"),
        None,
        "For tests: die (or be stopped) at this step of storing a batch, the n-th time; refused in production",
    ),
)

RETENTION = (
    Variable("METRICS_RETENTION_DAYS", "retention.metrics_days", DAYS, "90", "Days events are kept"),
    Variable("LOCATION_RETENTION_DAYS", "retention.location_days", DAYS, "30", "Days GPS samples are kept"),
    Variable(
        "AGGREGATES_RETENTION_DAYS", "retention.aggregates_days", DAYS, "730", "Days aggregates are kept"
    ),
)

API = (
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
        "Requests a caller may make, at all replicas together; 0: no limit",
    ),
    Variable(
        "QUERY_TIMEOUT_SECONDS",
        "api.query_timeout_seconds",
        number(0.1, 600),
        "10",
        "Time that ClickHouse may take for one question of a caller",
    ),
    Variable(
        "QUERY_MAX_MEMORY_MB",
        "api.query_max_memory_mb",
        integer(1, 1 << 20),
        "2048",
        "Memory that it may take there",
    ),
    Variable(
        "QUERY_MAX_ROWS",
        "api.query_max_rows",
        integer(1, 1_000_000_000_000),
        "1000000000",
        "Rows of tables that it may read there",
    ),
)

AUTH = (
    Variable(
        "AUTH_ENABLED",
        "auth.enabled",
        boolean(),
        "false",
        "Ask callers for a token; without it production does not start, and others only on loopback",
    ),
    Variable("JWT_SECRET_KEY", "auth.jwt_secret_key", secret(32), None, "Key of HS* signatures"),
    Variable(
        "JWT_ALGORITHM",
        "auth.jwt_algorithm",
        choice("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"),
        "HS256",
        "The one algorithm accepted; HS* with JWT_SECRET_KEY, the others with JWT_JWKS_URL",
    ),
    Variable(
        "JWT_JWKS_URL", "auth.jwt_jwks_url", url("http", "https"), None, "Where public keys are published"
    ),
    Variable("JWT_ISSUER", "auth.jwt_issuer", text(), None, "Issuer a token must have"),
    Variable("JWT_AUDIENCE", "auth.jwt_audience", text(), None, "Audience a token must have"),
    Variable(
        "JWT_ROLE_CLAIM",
        "auth.jwt_role_claim",
        text(),
        "role",
        "Claim that holds the role: viewer, analyst or admin",
    ),
)

OTEL = (
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
        "Collector; unset: nothing is traced",
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "otel.exporter_protocol",
        choice("http/protobuf", "grpc"),
        "http/protobuf",
        "How to speak to it: its ports are usually 4318 for HTTP, 4317 for gRPC",
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "otel.exporter_certificate",
        existing_file(),
        None,
        "Authorities to trust, with https; unset: the well-known ones",
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
        "parentbased_traceidratio",
        "Which traces are kept; parentbased_*: also those that a caller or a producer has chosen to keep",
    ),
    Variable(
        "OTEL_TRACES_SAMPLER_ARG",
        "otel.traces_sampler_arg",
        number(0, 1),
        "0.05",
        "Share of traces kept by the ratio samplers; of ingestion it is of batches",
    ),
)

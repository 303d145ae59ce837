"""The settings as the rest of the program sees them: one frozen tree. Names, defaults and limits: `table`."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from openride_analytics.settings.secret import Secret


class App(msgspec.Struct, frozen=True):
    name: str
    env: str  # development | test | staging | production
    log_level: str
    host: str
    port: int
    public_url: str  # without a slash at its end
    shutdown_grace_seconds: float


class ClickHouse(msgspec.Struct, frozen=True):
    host: str
    port: int
    user: str
    password: Secret  # may be empty
    database: str  # an identifier that needs no quotes
    secure: bool
    cluster: str | None  # likewise
    pool_size: int


class Postgres(msgspec.Struct, frozen=True):
    url: Secret | None


class Topics(msgspec.Struct, frozen=True):
    """Topic names: one for each kind of event, and the dead-letter topic."""

    user: str
    booking: str
    payment: str
    trip: str
    route: str
    location: str
    dlq: str

    def events(self) -> dict[str, str]:
        """Kind of event to its topic."""
        return {
            "user": self.user,
            "booking": self.booking,
            "payment": self.payment,
            "trip": self.trip,
            "route": self.route,
            "location": self.location,
        }


class Kafka(msgspec.Struct, frozen=True):
    bootstrap_servers: str  # host:port[,host:port...]
    group_id: str
    max_poll_records: int
    security_protocol: str  # PLAINTEXT | SSL | SASL_PLAINTEXT | SASL_SSL
    sasl_mechanism: str | None
    sasl_username: str | None
    sasl_password: Secret | None
    ssl_cafile: str | None
    ssl_certfile: str | None
    ssl_keyfile: str | None
    ssl_password: Secret | None
    topics: Topics
    topic_epoch: str  # [A-Za-z0-9._-]{1,64}: it becomes part of insert tokens and derived ids
    topic_partitions: int
    topic_replication: int
    max_lag: int  # messages per partition; 0: no limit
    session_timeout_ms: int


class Redis(msgspec.Struct, frozen=True):
    url: Secret
    cluster: bool
    cache_ttl_metrics: int  # seconds
    cache_ttl_reports: int  # seconds


class Ingest(msgspec.Struct, frozen=True):
    batch_size: int  # rows
    flush_interval_ms: int
    max_inflight_bytes: int
    max_message_bytes: int
    max_event_age_days: int
    dlq_max_ratio: float
    dlq_max_run: int
    dedup_window: int  # messages per partition
    stall_seconds: float
    audit_interval_minutes: int  # 0: no audits
    crash_at: str | None  # point, point:n or point:n:stop


class Retention(msgspec.Struct, frozen=True):
    metrics_days: int
    location_days: int
    aggregates_days: int


class Api(msgspec.Struct, frozen=True):
    max_range_days: int
    analytics_timezone: str  # IANA
    default_currency: str  # ISO 4217
    cors_origins: tuple[str, ...]
    rate_limit_per_minute: int  # 0: no limit
    query_timeout_seconds: float
    query_max_memory_mb: int  # MiB
    query_max_rows: int


class Exports(msgspec.Struct, frozen=True):
    max_rows: int
    temp_dir: Path
    retention_hours: int
    workers: int
    max_per_user: int  # waiting or being made
    max_waiting: int  # of all users together, those being made among them
    store_url: str | None  # s3://bucket/prefix; None: temp_dir
    s3_endpoint: str | None
    s3_region: str | None
    s3_access_key_id: str | None
    s3_secret_access_key: Secret | None


class Smtp(msgspec.Struct, frozen=True):
    host: str | None  # None: no mail is sent
    port: int
    user: str | None
    password: Secret | None
    from_email: str
    use_tls: bool
    ssl_cafile: str | None
    timeout_seconds: float
    max_attachment_mb: int
    report_files_retention_days: int
    link_secret: Secret | None


class Reports(msgspec.Struct, frozen=True):
    max_attempts: int
    retry_seconds: float  # before the second attempt; later ones wait longer
    pause_after_failures: int  # in a row
    max_per_user: int
    history_days: int  # that runs are remembered


class Auth(msgspec.Struct, frozen=True):
    enabled: bool
    jwt_secret_key: Secret | None
    jwt_algorithm: str
    jwt_jwks_url: str | None
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_role_claim: str


class Otel(msgspec.Struct, frozen=True):
    disabled: bool
    service_name: str
    exporter_endpoint: str | None  # None: nothing is traced
    exporter_protocol: str  # http/protobuf | grpc
    exporter_certificate: str | None
    exporter_headers: Secret | None
    resource_attributes: str | None
    traces_sampler: str
    traces_sampler_arg: float


class Settings(msgspec.Struct, frozen=True):
    """All of them. `sources` says where each variable's value came from."""

    app: App
    clickhouse: ClickHouse
    postgres: Postgres
    kafka: Kafka
    redis: Redis
    ingest: Ingest
    retention: Retention
    api: Api
    exports: Exports
    smtp: Smtp
    reports: Reports
    auth: Auth
    otel: Otel
    sources: Mapping[str, str]

"""The variables that say where the servers are and how to use them."""

from openride_analytics.settings.kinds import (
    boolean,
    choice,
    existing_file,
    host,
    integer,
    pattern,
    port,
    secret,
    servers,
    text,
    url,
)
from openride_analytics.settings.variable import Derived, Variable

SECONDS = integer(1, 7 * 86_400)
IDENTIFIER = pattern(r"[A-Za-z_][A-Za-z0-9_]{0,62}", "a plain identifier: letters, digits and _, at most 63")
TOPIC = pattern(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", "a topic name: letters, digits, . _ and -, at most 249")

_NATIVE_PORT = Derived(
    "9000; 9440 if CLICKHOUSE_SECURE", lambda v: "9440" if v.get("CLICKHOUSE_SECURE") else "9000"
)
_REDIS_URL = Derived(
    "redis://localhost:6379/2; /0 if REDIS_CLUSTER",
    lambda v: f"redis://localhost:6379/{0 if v.get('REDIS_CLUSTER') else 2}",
)


CLICKHOUSE = (
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
)

POSTGRES = (
    Variable(
        "DATABASE_URL",
        "postgres.url",
        url("postgresql", "postgres", secret=True),
        None,
        "PostgreSQL, where report schedules are kept",
    ),
)

KAFKA = (
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
    Variable(
        "KAFKA_SESSION_TIMEOUT_MS",
        "kafka.session_timeout_ms",
        integer(1_000, 300_000),
        "10000",
        "After such a silence the group gives a member's partitions to the others",
    ),
)

REDIS = (
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
        "Seconds an answer is kept that goes on changing: its range is not over",
    ),
    Variable(
        "CACHE_TTL_REPORTS",
        "redis.cache_ttl_reports",
        SECONDS,
        "3600",
        "Seconds an answer is kept whose range is over, unless something comes late",
    ),
)

"""What must hold between variables. Each rule takes the values decoded so far and yields what is wrong."""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

from openride_analytics.errors import Invalid
from openride_analytics.settings.secret import Secret

Values = Mapping[str, object]  # by variable name; one whose text was wrong is absent

_SASL = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_SSL = ("KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE", "KAFKA_SSL_PASSWORD")
_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}  # RFC 7518, 3.2: as long as the hash
_TOPICS = tuple(
    f"KAFKA_TOPIC_{n}" for n in ("USER", "BOOKING", "PAYMENT", "TRIP", "ROUTE", "LOCATION", "DLQ")
)


def violations(values: Values) -> Iterator[Invalid]:
    """Everything wrong between the values."""
    for rule in (
        _sasl,
        _ssl,
        _topics,
        _redis_database,
        _inflight,
        _mail_login,
        _mail_authorities,
        _link_secret,
        _crash_point,
        _access_control,
        _file_store,
        _traces,
    ):
        yield from rule(values)


def _sasl(values: Values) -> Iterator[Invalid]:
    protocol = values.get("KAFKA_SECURITY_PROTOCOL")
    if protocol is None:
        return
    for name in _SASL:
        if str(protocol).startswith("SASL_") and name in values and values[name] is None:
            yield Invalid(name, f"it is missing, and KAFKA_SECURITY_PROTOCOL={protocol} needs it")
        if not str(protocol).startswith("SASL_") and values.get(name) is not None:
            allowed = "KAFKA_SECURITY_PROTOCOL=SASL_SSL or SASL_PLAINTEXT with it"
            yield Invalid(name, f"it has no effect with KAFKA_SECURITY_PROTOCOL={protocol}", allowed)


def _ssl(values: Values) -> Iterator[Invalid]:
    protocol = values.get("KAFKA_SECURITY_PROTOCOL")
    for name in _SSL:
        if protocol in ("PLAINTEXT", "SASL_PLAINTEXT") and values.get(name) is not None:
            allowed = "KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL with it"
            yield Invalid(name, f"it has no effect with KAFKA_SECURITY_PROTOCOL={protocol}", allowed)
    for name in ("KAFKA_SSL_KEYFILE", "KAFKA_SSL_PASSWORD"):
        if values.get(name) is not None and values.get("KAFKA_SSL_CERTFILE", "") is None:
            yield Invalid(name, "it has no effect without KAFKA_SSL_CERTFILE", "both, or neither")


def _topics(values: Values) -> Iterator[Invalid]:
    taken: dict[str, str] = {}
    for name in _TOPICS:
        if name not in values:
            continue
        # Kafka itself refuses two topics whose names differ in . and _ only: their metrics would collide.
        topic = str(values[name]).replace(".", "_")
        if topic in taken:
            yield Invalid(name, f"{values[name]!r} is the topic of {taken[topic]} too", "a topic of its own")
        taken.setdefault(topic, name)


def _redis_database(values: Values) -> Iterator[Invalid]:
    url = values.get("REDIS_URL")
    if not isinstance(url, Secret):
        return
    parts = urlsplit(url.reveal())
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    database = parse_qs(parts.query).get("db", [path])[-1] or "0"
    if not database.isdecimal():
        yield Invalid("REDIS_URL", "the database is not a number", "redis://host:port/number")
    elif values.get("REDIS_CLUSTER") and int(database) != 0:
        yield Invalid("REDIS_URL", f"it names database {database}, and a cluster has only 0", "database 0")


def _inflight(values: Values) -> Iterator[Invalid]:
    room, one = values.get("INGEST_MAX_INFLIGHT_BYTES"), values.get("INGEST_MAX_MESSAGE_BYTES")
    if isinstance(room, int) and isinstance(one, int) and room < one:
        problem = f"{room} bytes cannot hold one message of INGEST_MAX_MESSAGE_BYTES={one}"
        yield Invalid("INGEST_MAX_INFLIGHT_BYTES", problem, f"at least {one}")


def _mail_login(values: Values) -> Iterator[Invalid]:
    for name, other in (("SMTP_USER", "SMTP_PASSWORD"), ("SMTP_PASSWORD", "SMTP_USER")):
        if values.get(name) is None and name in values and values.get(other) is not None:
            yield Invalid(name, f"it is missing, and {other} is set", "both, or neither")


def _mail_authorities(values: Values) -> Iterator[Invalid]:
    if values.get("SMTP_SSL_CAFILE") is not None and values.get("SMTP_USE_TLS") is False:
        problem = "it has no effect with SMTP_USE_TLS=false"
        yield Invalid("SMTP_SSL_CAFILE", problem, "SMTP_USE_TLS=true with it")


def _link_secret(values: Values) -> Iterator[Invalid]:
    # Elsewhere each process signs with a key of its own: its links end with it, and no other replica knows them.
    mails = values.get("APP_ENV") == "production" and values.get("SMTP_HOST") is not None
    if mails and values.get("LINK_SECRET", "") is None and values.get("JWT_SECRET_KEY", "") is None:
        problem = "it is missing, and without JWT_SECRET_KEY nothing can sign the links in mails"
        yield Invalid("LINK_SECRET", problem, "at least 32 bytes, the same for all replicas")


def _file_store(values: Values) -> Iterator[Invalid]:
    names = (
        "EXPORT_S3_ENDPOINT",
        "EXPORT_S3_REGION",
        "EXPORT_S3_ACCESS_KEY_ID",
        "EXPORT_S3_SECRET_ACCESS_KEY",
    )
    for name in names:
        if values.get(name) is not None and values.get("EXPORT_STORE_URL", "") is None:
            yield Invalid(name, "it has no effect without EXPORT_STORE_URL", "both, or neither")
    for name, other in (names[2:], names[:1:-1]):
        if values.get(name) is None and name in values and values.get(other) is not None:
            yield Invalid(name, f"it is missing, and {other} is set", "both, or neither")


def _traces(values: Values) -> Iterator[Invalid]:
    endpoint = values.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    for name in ("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_HEADERS"):
        if values.get(name) is not None and "OTEL_EXPORTER_OTLP_ENDPOINT" in values and endpoint is None:
            yield Invalid(name, "it has no effect without OTEL_EXPORTER_OTLP_ENDPOINT", "both, or neither")
    if values.get("OTEL_EXPORTER_OTLP_CERTIFICATE") is not None and str(endpoint).startswith("http:"):
        yield Invalid(
            "OTEL_EXPORTER_OTLP_CERTIFICATE", "it has no effect with an endpoint of http", "https with it"
        )


def _crash_point(values: Values) -> Iterator[Invalid]:
    if values.get("APP_ENV") == "production" and values.get("CRASH_AT") is not None:
        yield Invalid("CRASH_AT", "it is set, and APP_ENV=production has no crash points", "unset")


def _access_control(values: Values) -> Iterator[Invalid]:
    enabled, env = values.get("AUTH_ENABLED"), values.get("APP_ENV")
    if enabled is False and env == "production":
        problem = "it is off, and APP_ENV=production does not start without access control"
        yield Invalid("AUTH_ENABLED", problem, "true")
    elif enabled is False and env is not None and "HOST" in values and not _is_loopback(str(values["HOST"])):
        problem = f"{values['HOST']} can be reached from outside, and without AUTH_ENABLED anybody may ask"
        yield Invalid("HOST", problem, "127.0.0.1, ::1 or localhost; or AUTH_ENABLED=true with it")
    if enabled:
        yield from _keys(values)


def _keys(values: Values) -> Iterator[Invalid]:
    algorithm, secret = values.get("JWT_ALGORITHM"), values.get("JWT_SECRET_KEY")
    if not isinstance(algorithm, str):
        return
    needed = "JWT_SECRET_KEY" if algorithm in _SECRET_BYTES else "JWT_JWKS_URL"
    if needed in values and values[needed] is None:
        yield Invalid(needed, f"it is missing, and JWT_ALGORITHM={algorithm} needs it")
    least = _SECRET_BYTES.get(algorithm, 0)
    if isinstance(secret, Secret) and len(secret.reveal().encode()) < least:
        problem = f"it is shorter than {least} bytes, and JWT_ALGORITHM={algorithm} needs as many"
        yield Invalid("JWT_SECRET_KEY", problem)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

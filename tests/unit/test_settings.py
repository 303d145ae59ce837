"""Settings: what is taken, what is refused and in which words."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from openride_analytics.errors import Invalid
from openride_analytics.settings import (
    VARIABLES,
    Secret,
    Settings,
    SettingsError,
    describe,
    env_example,
    load,
    markdown,
    warnings,
    with_table,
)

README = Path(__file__).parents[2] / "README.md"
ENV_EXAMPLE = Path(__file__).parents[2] / "deploy/env.example"
GUARDED = {"AUTH_ENABLED": "true", "JWT_SECRET_KEY": "k" * 32}


def errors(environ: Mapping[str, str]) -> list[str]:
    """The lines that such an environment is refused with."""
    with pytest.raises(SettingsError) as refused:
        load(environ)
    return str(refused.value).splitlines()


def value(environ: Mapping[str, str], path: str) -> object:
    """The value at a path of the tree."""
    node: object = load(environ)
    for part in path.split("."):
        node = getattr(node, part)
    return node


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("app.name", "openride-analytics-service"),
        ("app.env", "development"),
        ("app.log_level", "INFO"),
        ("app.port", 8000),
        ("clickhouse.port", 9000),
        ("clickhouse.database", "openride_analytics"),
        ("clickhouse.cluster", None),
        ("clickhouse.password", Secret("")),
        ("postgres.url", None),
        ("kafka.bootstrap_servers", "localhost:9092"),
        ("kafka.group_id", "analytics-service-group"),
        ("kafka.max_poll_records", 500),
        ("kafka.topics.booking", "openride.events.booking"),
        ("kafka.topics.dlq", "openride.events.dlq"),
        ("kafka.topic_epoch", "0"),
        ("redis.url", Secret("redis://localhost:6379/2")),
        ("redis.cache_ttl_metrics", 300),
        ("ingest.batch_size", 10_000),
        ("ingest.max_inflight_bytes", 96 * 1024 * 1024),
        ("retention.metrics_days", 90),
        ("retention.location_days", 30),
        ("retention.aggregates_days", 730),
        ("api.max_range_days", 400),
        ("api.query_timeout_seconds", 10),
        ("api.analytics_timezone", "Africa/Lagos"),
        ("api.cors_origins", ()),
        ("exports.max_rows", 100_000),
        ("auth.enabled", False),
    ],
)
def test_default(path: str, expected: object) -> None:
    assert value({}, path) == expected


@pytest.mark.parametrize(
    ("name", "text", "path", "expected"),
    [
        ("APP_NAME", "rides", "app.name", "rides"),
        ("LOG_LEVEL", "debug", "app.log_level", "DEBUG"),
        ("PORT", " 0 ", "app.port", 0),
        ("SHUTDOWN_GRACE_SECONDS", "2.5", "app.shutdown_grace_seconds", 2.5),
        ("PUBLIC_URL", "https://rides.example/", "app.public_url", "https://rides.example"),
        ("CLICKHOUSE_HOST", "::1", "clickhouse.host", "::1"),
        ("CLICKHOUSE_CLUSTER", "main", "clickhouse.cluster", "main"),
        ("CLICKHOUSE_PASSWORD", " p@ss:w/rd ", "clickhouse.password", Secret(" p@ss:w/rd ")),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1, [::1]:2", "kafka.bootstrap_servers", "a:1,[::1]:2"),
        ("KAFKA_SECURITY_PROTOCOL", "ssl", "kafka.security_protocol", "SSL"),
        ("CORS_ORIGINS", "https://a.example, http://b:8080", "api.cors_origins", ("https://a.example", "http://b:8080")),
        ("CORS_ORIGINS", "*", "api.cors_origins", ("*",)),
        ("AGGREGATION_BATCH_SIZE", "7", "ingest.batch_size", 7),
        ("CRASH_AT", "inserted:2", "ingest.crash_at", "inserted:2"),
        ("CRASH_AT", "inserted:2:stop", "ingest.crash_at", "inserted:2:stop"),
        ("DEFAULT_CURRENCY", "GHS", "api.default_currency", "GHS"),
        ("EXPORT_TEMP_DIR", "/var/tmp/x", "exports.temp_dir", Path("/var/tmp/x")),
        ("OTEL_SERVICE_NAME", "traced", "otel.service_name", "traced"),
    ],
)  # fmt: skip
def test_taken(name: str, text: str, path: str, expected: object) -> None:
    assert value({name: text}, path) == expected


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", "Yes"])
def test_true(text: str) -> None:
    assert value({"CLICKHOUSE_SECURE": text}, "clickhouse.secure") is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "False"])
def test_false(text: str) -> None:
    assert value({"CLICKHOUSE_SECURE": text}, "clickhouse.secure") is False


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_empty_variable_counts_as_unset(text: str) -> None:
    assert value({"PORT": text}, "app.port") == 8000


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"APP_ENV": "development"}, "127.0.0.1"),
        ({"APP_ENV": "test"}, "127.0.0.1"),
        ({"APP_ENV": "staging", **GUARDED}, "0.0.0.0"),
        ({"APP_ENV": "production", **GUARDED}, "0.0.0.0"),
        ({"APP_ENV": "production", "HOST": "10.0.0.1", **GUARDED}, "10.0.0.1"),
    ],
)
def test_host_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert value(environ, "app.host") == expected


def test_public_url_follows_the_port() -> None:
    assert value({"PORT": "9999"}, "app.public_url") == "http://localhost:9999"


def test_clickhouse_port_follows_secure() -> None:
    assert value({"CLICKHOUSE_SECURE": "true"}, "clickhouse.port") == 9440


def test_redis_database_follows_cluster() -> None:
    assert value({"REDIS_CLUSTER": "true"}, "redis.url") == Secret("redis://localhost:6379/0")


def test_topics_by_kind() -> None:
    topics = load({"KAFKA_TOPIC_TRIP": "trips"}).kafka.topics
    assert topics.events() == {
        "user": "openride.events.user",
        "booking": "openride.events.booking",
        "payment": "openride.events.payment",
        "trip": "trips",
        "route": "openride.events.route",
        "location": "openride.events.location",
    }


def test_error_names_variable_problem_and_what_is_allowed() -> None:
    assert errors({"PORT": "http"}) == ["PORT: 'http' is not a whole number; allowed: 0 to 65535"]


def test_http_port_of_clickhouse() -> None:
    assert errors({"CLICKHOUSE_PORT": "8123"}) == [
        "CLICKHOUSE_PORT: 8123 is the HTTP port; this service speaks the native protocol, port 9000; "
        "allowed: 1 to 65535"
    ]


def test_https_port_of_clickhouse() -> None:
    assert errors({"CLICKHOUSE_PORT": "8443"}) == [
        "CLICKHOUSE_PORT: 8443 is the HTTP port; this service speaks the native protocol, port 9440; "
        "allowed: 1 to 65535"
    ]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("APP_ENV", "prod", "'prod' is not one of them"),
        ("APP_NAME", "a\nb", "'a\\nb' is too long or has characters that cannot be printed"),
        ("LOG_LEVEL", "loud", "'loud' is not one of them"),
        ("PORT", "65536", "65536 is too large"),
        ("PORT", "-1", "-1 is too small"),
        ("PORT", "1e3", "'1e3' is not a whole number"),
        ("PORT", "\u0663", "'\u0663' is not a whole number"),
        ("PORT", "9" * 70, f"'{'9' * 60}...' is not a whole number"),
        ("SHUTDOWN_GRACE_SECONDS", "nan", "'nan' is not a number"),
        ("SHUTDOWN_GRACE_SECONDS", "0", "0 is too small"),
        ("PUBLIC_URL", "rides.example", "no scheme"),
        ("PUBLIC_URL", "https://", "no host"),
        ("PUBLIC_URL", "https://h:x", "host or port cannot be read"),
        ("PUBLIC_URL", "ftp://h", "the scheme is not one of them"),
        ("CLICKHOUSE_HOST", "http://db", "'http://db' cannot be used"),
        ("CLICKHOUSE_HOST", "db:9000", "'db:9000' cannot be used"),
        (
            "CLICKHOUSE_PORT",
            "tcp://10.0.0.1:9000",
            "'tcp://10.0.0.1:9000' is a service link of Kubernetes; set enableServiceLinks: false",
        ),
        ("CLICKHOUSE_DATABASE", "open-ride", "'open-ride' cannot be used"),
        ("CLICKHOUSE_CLUSTER", "a b", "'a b' cannot be used"),
        ("CLICKHOUSE_SECURE", "maybe", "'maybe' is neither yes nor no"),
        ("CLICKHOUSE_POOL_SIZE", "1", "1 is too small"),
        ("DATABASE_URL", "mysql://u:p@h/d", "the scheme is not one of them"),
        ("DATABASE_URL", "postgresql://u:p@h1:5432,h2:54 32/d", "host or port cannot be read"),
        ("DATABASE_URL", "postgresql://u:p w@h/d", "a special character in user, password or path has to be"),
        ("DATABASE_URL", "postgresql://u:5/p@h/d", "a special character in user, password or path has to be"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092,b", "'b' is not host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:0", "'a:0' is not host:port"),
        ("KAFKA_TOPIC_EPOCH", "a b", "'a b' cannot be used"),
        ("KAFKA_TOPIC_EPOCH", "e" * 65, f"'{'e' * 60}...' cannot be used"),
        ("KAFKA_TOPIC_USER", "users/all", "'users/all' cannot be used"),
        ("KAFKA_TOPIC_USER", "..", "'..' cannot be used"),
        ("KAFKA_SSL_CAFILE", "/no/such/file", "'/no/such/file' is not a file"),
        ("DLQ_MAX_RATIO", "1.5", "1.5 is too large"),
        ("CRASH_AT", "at noon", "'at noon' cannot be used"),
        ("ANALYTICS_TIMEZONE", "Lagos", "'Lagos' is not a known zone"),
        ("ANALYTICS_TIMEZONE", "posix/Africa/Lagos", "'posix/Africa/Lagos' is not a known zone"),
        ("ANALYTICS_TIMEZONE", "../../etc/passwd", "'../../etc/passwd' is not a known zone"),
        ("ANALYTICS_TIMEZONE", "localtime", "'localtime' is not a known zone"),
        ("DEFAULT_CURRENCY", "XYZ", "'XYZ' is not one"),
        ("CORS_ORIGINS", "rides.example", "'rides.example' is not an origin"),
        ("CORS_ORIGINS", "*,https://a", "* stands alone"),
        ("EXPORT_TEMP_DIR", "here", "'here' is a relative path"),
        ("EXPORT_TEMP_DIR", __file__, "is not a directory"),
        ("JWT_SECRET_KEY", "short", "it is shorter than 32 bytes"),
    ],
)
def test_refused(name: str, text: str, problem: str) -> None:
    (line,) = errors({name: text})
    assert problem in line.removeprefix(f"{name}: ").partition("; allowed: ")[0]


SHAPED = [variable for variable in VARIABLES if not variable.kind.secret or "://" in variable.kind.allowed]


@pytest.mark.parametrize("name", [variable.name for variable in SHAPED])
def test_every_error_is_one_line_that_begins_with_the_name(name: str) -> None:
    # No number, no word of any set, neither a URL nor a file, and too long for text.
    assert [line.partition(":")[0] for line in errors({name: "\x00\n*" * 2000})] == [name]


def test_all_errors_are_told_at_once() -> None:
    found = errors({"PORT": "x", "APP_ENV": "y", "DEFAULT_CURRENCY": "z"})
    assert [line.partition(":")[0] for line in found] == ["APP_ENV", "PORT", "DEFAULT_CURRENCY"]


def test_errors_are_given_as_objects_too() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"PORT": "x"})
    assert [type(error) for error in refused.value.errors] == [Invalid]


# Between variables


def test_two_names_of_one_setting_that_differ() -> None:
    found = errors({"INGEST_BATCH_SIZE": "1", "AGGREGATION_BATCH_SIZE": "2"})
    assert found == [
        "INGEST_BATCH_SIZE: it differs from AGGREGATION_BATCH_SIZE, another name of it; allowed: one of them"
    ]


def test_two_names_of_one_setting_that_agree() -> None:
    assert value({"INGEST_BATCH_SIZE": "5", "AGGREGATION_BATCH_SIZE": "5"}, "ingest.batch_size") == 5


def test_sasl_needs_mechanism_user_and_password() -> None:
    found = errors({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert found == [
        f"KAFKA_SASL_{what}: it is missing, and KAFKA_SECURITY_PROTOCOL=SASL_SSL needs it"
        for what in ("MECHANISM", "USERNAME", "PASSWORD")
    ]


def test_sasl_complete() -> None:
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "scram-sha-512",
        "KAFKA_SASL_USERNAME": "u",
        "KAFKA_SASL_PASSWORD": "p",
    }
    assert value(environ, "kafka.sasl_mechanism") == "SCRAM-SHA-512"


def test_sasl_without_its_protocol() -> None:
    assert errors({"KAFKA_SASL_PASSWORD": "hidden"}) == [
        "KAFKA_SASL_PASSWORD: it has no effect with KAFKA_SECURITY_PROTOCOL=PLAINTEXT; "
        "allowed: KAFKA_SECURITY_PROTOCOL=SASL_SSL or SASL_PLAINTEXT with it"
    ]


def test_certificates_without_tls(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    found = errors({"KAFKA_SSL_CAFILE": str(tmp_path / "ca.pem")})
    assert found == [
        "KAFKA_SSL_CAFILE: it has no effect with KAFKA_SECURITY_PROTOCOL=PLAINTEXT; "
        "allowed: KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL with it"
    ]


def test_key_without_certificate() -> None:
    found = errors({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_PASSWORD": "hidden"})
    assert found == [
        "KAFKA_SSL_PASSWORD: it has no effect without KAFKA_SSL_CERTFILE; allowed: both, or neither"
    ]


@pytest.mark.parametrize("name", ["openride.events.user", "openride_events_user"])
def test_topics_differ(name: str) -> None:
    assert errors({"KAFKA_TOPIC_DLQ": name}) == [
        f"KAFKA_TOPIC_DLQ: {name!r} is the topic of KAFKA_TOPIC_USER too; allowed: a topic of its own"
    ]


@pytest.mark.parametrize("url", ["redis://h/2", "redis://h?db=2", "unix:///run/redis.sock?db=2"])
def test_redis_cluster_has_only_database_0(url: str) -> None:
    found = errors({"REDIS_CLUSTER": "yes", "REDIS_URL": url})
    assert found == ["REDIS_URL: it names database 2, and a cluster has only 0; allowed: database 0"]


def test_redis_database_is_a_number() -> None:
    found = errors({"REDIS_URL": "redis://h/cache"})
    assert found == ["REDIS_URL: the database is not a number; allowed: redis://host:port/number"]


def test_room_for_one_message() -> None:
    found = errors({"INGEST_MAX_INFLIGHT_BYTES": "10", "INGEST_MAX_MESSAGE_BYTES": "11"})
    assert found == [
        "INGEST_MAX_INFLIGHT_BYTES: 10 bytes cannot hold one message of INGEST_MAX_MESSAGE_BYTES=11; "
        "allowed: at least 11"
    ]


def test_mail_user_without_password() -> None:
    assert errors({"SMTP_USER": "u"}) == [
        "SMTP_PASSWORD: it is missing, and SMTP_USER is set; allowed: both, or neither"
    ]


def test_authorities_of_mail_need_tls(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    assert errors({"SMTP_SSL_CAFILE": str(tmp_path / "ca.pem"), "SMTP_USE_TLS": "false"}) == [
        "SMTP_SSL_CAFILE: it has no effect with SMTP_USE_TLS=false; allowed: SMTP_USE_TLS=true with it"
    ]


def test_production_signs_its_links_with_a_key_that_replicas_share() -> None:
    keys = {"JWT_ALGORITHM": "RS256", "JWT_JWKS_URL": "https://id.example.org/keys"}
    assert errors(
        {"APP_ENV": "production", "AUTH_ENABLED": "true", "SMTP_HOST": "mail.example.org", **keys}
    ) == [
        "LINK_SECRET: it is missing, and without JWT_SECRET_KEY nothing can sign the links in mails; "
        "allowed: at least 32 bytes, the same for all replicas"
    ]


def test_storage_needs_its_url_and_both_halves_of_a_key() -> None:
    assert errors({"EXPORT_S3_ENDPOINT": "http://storage:9000"}) == [
        "EXPORT_S3_ENDPOINT: it has no effect without EXPORT_STORE_URL; allowed: both, or neither"
    ]
    assert errors({"EXPORT_STORE_URL": "s3://files/made", "EXPORT_S3_ACCESS_KEY_ID": "key"}) == [
        "EXPORT_S3_SECRET_ACCESS_KEY: it is missing, and EXPORT_S3_ACCESS_KEY_ID is set; allowed: both, or neither"
    ]


@pytest.mark.parametrize(
    "url", ["files", "s3://", "http://files/made", "s3://Files", "s3://key:secret@files"]
)
def test_storage_is_a_bucket(url: str) -> None:
    assert [line.partition(":")[0] for line in errors({"EXPORT_STORE_URL": url})] == ["EXPORT_STORE_URL"]


def test_no_crash_points_in_production() -> None:
    assert errors({"APP_ENV": "production", "CRASH_AT": "inserted", **GUARDED}) == [
        "CRASH_AT: it is set, and APP_ENV=production has no crash points; allowed: unset"
    ]


def test_production_does_not_start_without_access_control() -> None:
    assert errors({"APP_ENV": "production"}) == [
        "AUTH_ENABLED: it is off, and APP_ENV=production does not start without access control; allowed: true"
    ]


@pytest.mark.parametrize(
    "environ", [{"HOST": "0.0.0.0"}, {"HOST": "::"}, {"HOST": "db.internal"}, {"APP_ENV": "staging"}]
)
def test_open_to_everybody_only_on_loopback(environ: dict[str, str]) -> None:
    (line,) = errors(environ)
    assert re.fullmatch(r"HOST: \S+ can be reached from outside, .+ anybody may ask; allowed: .+", line)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_access_control(host: str) -> None:
    assert value({"HOST": host}, "app.host") == host


@pytest.mark.parametrize(
    ("algorithm", "missing"),
    [
        ("HS256", "JWT_SECRET_KEY"),
        ("HS512", "JWT_SECRET_KEY"),
        ("RS256", "JWT_JWKS_URL"),
        ("EdDSA", "JWT_JWKS_URL"),
    ],
)
def test_access_control_needs_what_its_algorithm_needs(algorithm: str, missing: str) -> None:
    assert errors({"AUTH_ENABLED": "true", "JWT_ALGORITHM": algorithm}) == [
        f"{missing}: it is missing, and JWT_ALGORITHM={algorithm} needs it"
    ]


def test_a_secret_is_as_long_as_its_algorithm_asks() -> None:
    assert errors({**GUARDED, "JWT_ALGORITHM": "HS512"}) == [
        "JWT_SECRET_KEY: it is shorter than 64 bytes, and JWT_ALGORITHM=HS512 needs as many"
    ]


def test_a_secret_is_measured_in_bytes() -> None:
    secret = "\u00fc" * 16
    assert value({**GUARDED, "JWT_SECRET_KEY": secret}, "auth.jwt_secret_key") == Secret(secret)


# Secrets


def told(environ: Mapping[str, str]) -> str:
    """All that is said of such an environment: its errors, or else its description."""
    try:
        return repr(describe(load(environ)))
    except SettingsError as error:
        return str(error)


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES if variable.kind.secret])
@pytest.mark.parametrize("text", ["hidden", "redis://u:hidden@h", "postgres://u:hid#den@h", "x://:hid/den@h"])
def test_secrets_are_never_told(name: str, text: str) -> None:
    assert "hid" not in told({name: text})


@pytest.mark.parametrize("name", ["PUBLIC_URL", "CLICKHOUSE_HOST", "KAFKA_BOOTSTRAP_SERVERS", "JWT_JWKS_URL"])
def test_credentials_in_the_wrong_place_are_not_told(name: str) -> None:
    assert "hidden" not in told({name: "https://u:hidden@h:1"})


def test_secret_prints_as_stars() -> None:
    assert f"{Secret('hidden')} {Secret('hidden')!r}" == "*** ***"


def test_tree_prints_without_secrets() -> None:
    assert "hidden" not in repr(load({"CLICKHOUSE_PASSWORD": "hidden", "REDIS_URL": "redis://:hidden@h"}))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hidden@h:5/d", "postgresql://u:***@h:5/d"),
        ("redis://:hid@den@h/1", "redis://:***@h/1"),
        ("postgresql://u@h/d?password=hidden&sslmode=require", "postgresql://u@h/d?password=***&sslmode=require"),
        ("redis://h/1", "redis://h/1"),
        ("redis://:hid/den@h/1", "***"),
        ("hidden", "***"),
        ("", ""),
    ],
)  # fmt: skip
def test_masked(url: str, shown: str) -> None:
    assert Secret(url).masked() == shown


def test_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" from file \n")
    environ = {"CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "password")}
    assert value(environ, "clickhouse.password") == Secret(" from file ")


def test_url_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:p@h/d\r\n")
    assert value({"DATABASE_URL_FILE": str(tmp_path / "url")}, "postgres.url") == Secret(
        "postgresql://u:p@h/d"
    )


def test_a_url_may_name_several_hosts() -> None:
    url = "postgresql://u:p@h1:5432,h2:5433/d?target_session_attrs=read-write"
    assert value({"DATABASE_URL": url}, "postgres.url") == Secret(url)


def test_secret_given_twice(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    environ = {"CLICKHOUSE_PASSWORD": "hidden", "CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "password")}
    assert errors(environ) == [
        "CLICKHOUSE_PASSWORD: it is set, and CLICKHOUSE_PASSWORD_FILE too; allowed: one of them"
    ]


def test_secret_file_that_is_not_there() -> None:
    assert errors({"SMTP_PASSWORD_FILE": "/no/such", "SMTP_USER": "u"}) == [
        "SMTP_PASSWORD_FILE: '/no/such' cannot be read (FileNotFoundError); allowed: a UTF-8 text file"
    ]


def test_secret_file_that_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert errors({"JWT_SECRET_KEY_FILE": str(tmp_path / "empty")}) == [
        f"JWT_SECRET_KEY_FILE: '{tmp_path / 'empty'}' is empty; allowed: a file with the value"
    ]


# The .env file


def env_file(tmp_path: Path, text: str) -> Path:
    """Such a file."""
    path = tmp_path / ".env"
    path.write_text(text)
    return path


def test_env_file_is_read(tmp_path: Path) -> None:
    file = env_file(tmp_path, "# comment\nexport PORT='81'\nCLICKHOUSE_PASSWORD='a # ${b}'\n")
    assert load({}, file).clickhouse.password == Secret("a # ${b}")


def test_environment_wins_over_env_file(tmp_path: Path) -> None:
    assert load({"PORT": "80"}, env_file(tmp_path, "PORT=81")).app.port == 80


def test_empty_variable_does_not_win_over_env_file(tmp_path: Path) -> None:
    assert load({"PORT": ""}, env_file(tmp_path, "PORT=81")).app.port == 81


def test_environment_wins_under_any_of_its_names(tmp_path: Path) -> None:
    file = env_file(tmp_path, "INGEST_BATCH_SIZE=2")
    assert load({"AGGREGATION_BATCH_SIZE": "3"}, file).ingest.batch_size == 3


def test_override_wins_over_all(tmp_path: Path) -> None:
    file = env_file(tmp_path, "PORT=81")
    assert load({"PORT": "80"}, file, overrides={"PORT": "82"}).app.port == 82


def test_line_of_env_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = env_file(tmp_path, "PORT=81\nCLICKHOUSE_PASSWORD='hidden\n")
    with pytest.raises(SettingsError) as refused:
        load({}, file)
    assert str(refused.value) == f"{file}: line 2 cannot be read; allowed: NAME=value"


def test_env_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read \(FileNotFoundError\)"):
        load({}, tmp_path / "absent.env")


def test_given_environment_is_all_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file(tmp_path, "PORT=81")
    monkeypatch.chdir(tmp_path)
    assert load({}).app.port == 8000


def test_env_file_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file(tmp_path, "PORT=81")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    assert load().app.port == 81


# For people


def test_described_sources(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hidden")
    environ = {
        "PORT": "80",
        "CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "password"),
        "AGGREGATION_BATCH_SIZE": "9",
    }
    described = {
        name: (text, source)
        for name, text, source in describe(load(environ, env_file(tmp_path, "LOG_LEVEL=error")))
    }
    names = ("PORT", "CLICKHOUSE_PASSWORD", "INGEST_BATCH_SIZE", "LOG_LEVEL", "APP_ENV", "DATABASE_URL")
    assert [described[name] for name in names] == [
        ("80", "environment"),
        ("***", "file (CLICKHOUSE_PASSWORD_FILE)"),
        ("9", "environment (AGGREGATION_BATCH_SIZE)"),
        ("ERROR", ".env"),
        ("development", "default"),
        ("", "default"),
    ]


def test_every_variable_is_described() -> None:
    assert [name for name, _, _ in describe(load({}))] == [variable.name for variable in VARIABLES]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("CLICKHOUSE_HOST_FILE", "CLICKHOUSE_HOST"),
        ("clickhouse_host", "CLICKHOUSE_HOST"),
        ("INGEST_BATCHSIZE", "INGEST_BATCH_SIZE"),
    ],
)
def test_misspelling_is_warned_of(name: str, meant: str) -> None:
    assert warnings({name: "x"}) == [f"{name}: no such setting, it is ignored; did you mean {meant}?"]


@pytest.mark.parametrize(
    "name", ["PATH", "REDIS_PORT", "KAFKA_PORT_9092_TCP", "POSTGRES_URL", "OTEL_LOG_LEVEL", "PORT"]
)
def test_other_variables_are_nobodys_business(name: str) -> None:
    assert warnings({name: "x"}) == []


def test_table_has_a_row_for_each_variable() -> None:
    rows = markdown().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [variable.name for variable in VARIABLES]


def test_table_between_markers() -> None:
    written = with_table("a\n<!-- settings -->\nold\n<!-- /settings -->\nb\n")
    assert written == f"a\n<!-- settings -->\n\n{markdown()}\n<!-- /settings -->\nb\n"


def test_readme_has_the_table_of_settings() -> None:
    text = README.read_text("utf-8")
    assert "<!-- settings -->" in text and with_table(text) == text, "run `make settings-doc`"


def test_example_of_an_environment_is_what_the_settings_say() -> None:
    assert ENV_EXAMPLE.read_text("utf-8") == env_example(), "run `make settings-doc`"


def test_example_of_an_environment_sets_every_variable_to_what_it_is_anyway(tmp_path: Path) -> None:
    file = tmp_path / "env"
    plain = "\n".join(
        line[1:] for line in env_example().splitlines() if line.startswith("#") and line[1:2].isupper()
    )
    file.write_text(plain, "utf-8")
    assert describe_values(load({}, file)) == describe_values(load({}))


def describe_values(settings: Settings) -> list[tuple[str, str]]:
    """Each variable's name and value, wherever it came from."""
    return [(name, value) for name, value, _ in describe(settings)]

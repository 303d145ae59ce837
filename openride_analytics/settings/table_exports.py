"""The variables that say how files are exported, and where they are kept."""

import tempfile
from pathlib import Path

from openride_analytics.settings.kinds import directory, integer, pattern, secret, text, url
from openride_analytics.settings.variable import Derived, Variable

_TEMP_DIR = Derived(
    "openride-exports under the system's temporary folder",
    lambda _: str(Path(tempfile.gettempdir()) / "openride-exports"),
)

EXPORTS = (
    Variable(
        "EXPORT_MAX_ROWS",
        "exports.max_rows",
        integer(1, 1_000_000_000),
        "100000",
        "Rows of an export, at most",
    ),
    Variable(
        "EXPORT_TEMP_DIR",
        "exports.temp_dir",
        directory(),
        _TEMP_DIR,
        "Where exported files are written, and kept without EXPORT_STORE_URL",
    ),
    Variable(
        "EXPORT_RETENTION_HOURS", "exports.retention_hours", integer(1, 87_600), "24", "Hours they are kept"
    ),
    Variable("EXPORT_WORKERS", "exports.workers", integer(1, 64), "2", "Exports made at the same time"),
    Variable(
        "EXPORT_MAX_PER_USER",
        "exports.max_per_user",
        integer(1, 10_000),
        "5",
        "Exports of one user that wait or are being made",
    ),
    Variable(
        "EXPORT_MAX_WAITING",
        "exports.max_waiting",
        integer(1, 10_000),
        "100",
        "The same of all users together",
    ),
    Variable(
        "EXPORT_STORE_URL",
        "exports.store_url",
        pattern(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?", "s3://bucket[/prefix]"),
        None,
        "S3-compatible storage of exported files, for all replicas; unset: EXPORT_TEMP_DIR",
    ),
    Variable(
        "EXPORT_S3_ENDPOINT",
        "exports.s3_endpoint",
        url("http", "https"),
        None,
        "Its address, where it is not Amazon's",
    ),
    Variable("EXPORT_S3_REGION", "exports.s3_region", text(), None, "Its region; unset: AWS_REGION"),
    Variable(
        "EXPORT_S3_ACCESS_KEY_ID",
        "exports.s3_access_key_id",
        text(),
        None,
        "Access key; unset: the AWS_* variables, or the role of the machine",
    ),
    Variable(
        "EXPORT_S3_SECRET_ACCESS_KEY", "exports.s3_secret_access_key", secret(), None, "Secret of the key"
    ),
)

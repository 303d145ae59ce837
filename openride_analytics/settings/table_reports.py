"""The variables that say how scheduled reports are run."""

from openride_analytics.settings.kinds import integer, number
from openride_analytics.settings.variable import Variable

REPORTS = (
    Variable(
        "REPORT_MAX_ATTEMPTS",
        "reports.max_attempts",
        integer(1, 100),
        "6",
        "How often a run is tried before it fails, while ClickHouse or the mail server cannot answer",
    ),
    Variable(
        "REPORT_RETRY_SECONDS",
        "reports.retry_seconds",
        number(0.1, 3600),
        "60",
        "Before the second of them; each later one waits three times as long, an hour at most",
    ),
    Variable(
        "REPORT_PAUSE_AFTER_FAILURES",
        "reports.pause_after_failures",
        integer(1, 1000),
        "5",
        "Failed runs in a row after which a schedule is paused",
    ),
    Variable(
        "REPORT_MAX_PER_USER",
        "reports.max_per_user",
        integer(1, 1_000_000),
        "100",
        "Schedules of one user; those that are paused count too",
    ),
    Variable(
        "REPORT_HISTORY_DAYS",
        "reports.history_days",
        integer(1, 36_500),
        "730",
        "Days a run is remembered after its end, and a schedule after it was deleted",
    ),
)

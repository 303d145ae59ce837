"""The variables that say how reports are mailed."""

from openride_analytics.settings.kinds import (
    boolean,
    existing_file,
    host,
    integer,
    number,
    pattern,
    port,
    secret,
    text,
)
from openride_analytics.settings.variable import Variable

MAIL = (
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
    Variable(
        "SMTP_USE_TLS",
        "smtp.use_tls",
        boolean(),
        "true",
        "Insist on TLS: from the start on port 465, else by STARTTLS; nothing is sent in the clear. false: no TLS",
    ),
    Variable(
        "SMTP_SSL_CAFILE",
        "smtp.ssl_cafile",
        existing_file(),
        None,
        "Authorities to trust, with SMTP_USE_TLS; unset: the system's",
    ),
    Variable(
        "SMTP_TIMEOUT_SECONDS",
        "smtp.timeout_seconds",
        number(0.1, 600),
        "30",
        "For each step of sending: to connect, each command, each 64 KiB; ten times that for the last answer",
    ),
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
        integer(1, 36_500),
        "30",
        "Days a report's file and its link live",
    ),
    Variable(
        "LINK_SECRET",
        "smtp.link_secret",
        secret(32),
        None,
        "Key of the signatures of links in mails; unset: one derived from JWT_SECRET_KEY",
    ),
)

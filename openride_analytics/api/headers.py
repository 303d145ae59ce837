"""Headers as OpenAPI tells them: those that answers have, and those that an operation takes."""

from collections.abc import Iterable
from typing import Any, Final

from openride_analytics.api.problems import RETRY_AFTER_SECONDS

REQUEST_ID: Final = "5f2b8c0e9d1a4b7f8e6d3c2b1a09f8e7"
EXPORT_ID: Final = "0d9d3a52-6f0c-4a5e-9a55-0d7d7a3f3c11"
KEY_PATTERN: Final = r"^[!-~]([ -~]{0,253}[!-~])?$"  # of an Idempotency-Key

_TAG: Final = 'W/"9c1185a5c5e9fc5461280897"'
_FILE_TAG: Final = f'"{EXPORT_ID}.1"'


def _header(description: str, example: object, **schema: Any) -> dict[str, Any]:
    return {
        "description": description,
        "required": True,
        "schema": {"type": "string", **schema},
        "example": example,
    }


# By the name of the component; what follows a dot tells apart headers that have the same name.
SENT: Final = {
    "X-Request-ID": _header(
        "The caller's X-Request-ID, or a new one: the log has the request under it.",
        REQUEST_ID,
        pattern="^[A-Za-z0-9._-]{1,64}$",
    ),
    "X-Cache": _header("Whether it was kept from before.", "HIT", enum=["HIT", "MISS"]),
    "ETag": _header("The same for the same numbers.", _TAG, pattern='^W/"[0-9a-f]+"$'),
    "ETag.file": _header("The same for the same bytes; for If-Range.", _FILE_TAG, pattern='^"[0-9a-f.-]+"$'),
    "Cache-Control": _header(
        "How many seconds the caller may keep it.", "private, max-age=60", pattern="^private, max-age=[0-9]+$"
    ),
    "WWW-Authenticate": _header("What is wrong with the token.", 'Bearer realm="openride-analytics"'),
    "Retry-After": _header("Seconds.", RETRY_AFTER_SECONDS, type="integer", minimum=1),
    "Location": _header(
        "Where it is told how far it is.",
        f"/v1/exports/{EXPORT_ID}/status",
        pattern="^/v1/exports/[0-9a-f-]{36}/status$",
    ),
    "Location.report": _header(
        "Where it is.", f"/v1/reports/schedule/{EXPORT_ID}", pattern="^/v1/reports/[a-z]+/[0-9a-f-]{36}$"
    ),
    "Content-Disposition": _header(
        "The name to save it under (RFC 6266).",
        'attachment; filename="booking_events_2026-10-01_2026-10-31.csv"',
        pattern='^attachment; filename="[^"]+"',
    ),
    "Accept-Ranges": _header("That parts may be asked for.", "bytes", enum=["bytes"]),
    "Content-Range": _header("Which part it is, of how many bytes.", "bytes 0-1023/48213"),
    "Content-Range.none": _header("How many bytes there are.", "bytes */48213"),
    "Last-Modified": _header("When the file was made.", "Sun, 01 Nov 2026 06:02:11 GMT"),
    "X-Truncated": _header("Whether there are more rows than these.", "false", enum=["true", "false"]),
}


def sent(components: Iterable[str]) -> dict[str, Any]:
    """References to them, by the names of the headers."""
    return {name.partition(".")[0]: {"$ref": f"#/components/headers/{name}"} for name in components}


def _parameter(name: str, description: str, example: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


IF_NONE_MATCH: Final = _parameter(
    "If-None-Match", "ETags of answers that the caller has: if it is one of them, 304.", _TAG
)
IDEMPOTENCY_KEY: Final = _parameter(
    "Idempotency-Key",
    "Whatever the caller calls this request by. The same request with the same key is the same export, as long as "
    "that is kept; another request with the same key is refused.",
    "bookings-2026-10",
    pattern=KEY_PATTERN,
)
SCHEDULE_KEY: Final = _parameter(
    "Idempotency-Key",
    "Whatever the caller calls this request by. The same request with the same key is the same schedule; another "
    "request with the same key is refused.",
    "bookings-of-lagos",
    pattern=KEY_PATTERN,
)
RANGE: Final = _parameter(
    "Range",
    "One part of the file, in bytes. What cannot be read, and several parts, are ignored: then it is all of it.",
    "bytes=0-1023",
)
IF_RANGE: Final = _parameter(
    "If-Range",
    "The ETag or Last-Modified of the file that the caller has a part of: if it is another by now, all of it.",
    _FILE_TAG,
)

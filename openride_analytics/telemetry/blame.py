"""What may be said of an error: its class, its message without what may be somebody's, and where it came from.

The messages of our own tree are written for logs. Those of others are whatever they are: drivers quote rows and SQL,
parsers the text they could not read. Of these is left out what stands between quotes, and what looks like an address,
a number of somebody, a path, a token or the credentials of a URL.
"""

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from openride_analytics.errors import OpenRideError

_OURS: Final = "openride_analytics."
_LONGEST: Final = 300
_MOST_CAUSES: Final = 4
_HIDDEN: Final = "…"

_PRIVATE: Final = (
    # Not the apostrophe within a word; and what is quoted in a text that was cut may not end.
    (re.compile(r"(?<!\w)(['\"`]).*?(?:\1(?!\w)|\Z)", re.DOTALL), rf"\1{_HIDDEN}\1"),
    (re.compile(r"(?i)\b(password|secret|token|authorization)(\s*[=:]\s*)\S+"), rf"\1\2{_HIDDEN}"),
    (re.compile(r"\([^()]*\)=\([^()]*\)"), f"({_HIDDEN})"),  # PostgreSQL: Key (email)=(...) already exists
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+"), _HIDDEN),
    (re.compile(r"\S+@\S+"), _HIDDEN),
    (re.compile(r"(?<![\w.])/[\w.-]+(?:/[\w.-]*)+"), _HIDDEN),
    (re.compile(r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}\b"), _HIDDEN),
    (re.compile(r"[A-Za-z0-9_+=-]*[0-9][A-Za-z0-9_.+=-]{18,}"), _HIDDEN),
    (re.compile(r"\+?[0-9](?:[ -]?[0-9]){5,}"), _HIDDEN),
)


def blame(error: BaseException) -> dict[str, object]:
    """type, message, at (module:line, of ours where it passed through any), raised_at where that was another's,
    causes (classes, the nearest first) if there are any. Of a group of errors the first one is meant."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    places = list(_places(error.__traceback__))
    ours = [place for place in places if place.startswith(_OURS)]
    said: dict[str, object] = {"type": type(error).__name__, "message": message(error)}
    if places:
        said["at"] = ours[-1] if ours else places[-1]
    if ours and places[-1] != ours[-1]:
        said["raised_at"] = places[-1]
    if causes := [type(cause).__name__ for cause in _causes(error)]:
        said["causes"] = causes
    return said


def cleaned(text: str) -> str:
    """The first line of somebody else's message, without what may be private."""
    line = text.strip()[: 4 * _LONGEST]
    for pattern, instead in _PRIVATE:
        line = pattern.sub(instead, line)
    return (line.splitlines() or [""])[0][:_LONGEST]


def message(error: BaseException) -> str:
    """What an error says, fit for a log."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a log line must never be what fails
        return f"<unprintable {type(error).__name__}>"
    return text if isinstance(error, OpenRideError) else cleaned(text)


def _places(at: TracebackType | None) -> Iterator[str]:
    while at is not None:
        yield f"{at.tb_frame.f_globals.get('__name__', '?')}:{at.tb_lineno}"
        at = at.tb_next


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = 0
    while (
        cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ) is not None:
        if (seen := seen + 1) > _MOST_CAUSES:
            return
        yield cause
        error = cause

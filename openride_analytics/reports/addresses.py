"""Which addresses mail is sent to: plain ones, of one line, that every server takes."""

import re
from collections.abc import Iterable
from typing import Final

from openride_analytics.errors import Invalid
from openride_analytics.schema.reports import MAX_ADDRESS

ALLOWED: Final = "an address like ada@example.com, in ASCII, without a name"

# RFC 5321's Dot-string at a domain of two labels or more: no quotes, comments, address literals, and no white space,
# so nothing that ends a header.
_LOCAL: Final = re.compile(
    r"(?=.{1,64}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z"
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}\Z")


def address(text: str, *, field: str) -> str:
    """The address, its domain in lower case. Raises Invalid."""
    local, _, domain = text.rpartition("@")
    if len(text) > MAX_ADDRESS or not _LOCAL.match(local) or not _DOMAIN.match(domain):
        raise Invalid(field, "is not an e-mail address", ALLOWED)
    return f"{local}@{domain.lower()}"


def addresses(texts: Iterable[str], *, field: str) -> list[str]:
    """Each once, in order: no server tells apart what differs in case only. Raises a group of Invalid."""
    found: dict[str, str] = {}
    problems: list[Invalid] = []
    for number, text in enumerate(texts):
        try:
            good = address(text, field=f"{field}[{number}]")
        except Invalid as error:
            problems.append(error)
        else:
            found.setdefault(good.lower(), good)
    if problems:
        raise ExceptionGroup(field, problems)
    return list(found.values())

"""Mails a rendered report: a message and a connection for each recipient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from openride_analytics.reports.edition import Rendered
from openride_analytics.settings.tree import Smtp


class Status(StrEnum):
    """What became of a message to one recipient."""

    SENT = "sent"
    REFUSED = "refused"  # for good: the server will not take it
    UNCERTAIN = "uncertain"  # all of it was handed over, and no answer came: never send it again by itself
    RETRY = "retry"  # nothing was taken: try again later, this recipient only


@dataclass(frozen=True)
class Delivery:
    """`reason` is for people, and says nothing secret; empty of what was sent."""

    status: Status
    reason: str = ""


async def deliver(
    smtp: Smtp,
    rendered: Rendered,
    recipients: Sequence[str],
    *,
    message_id: str,
    unsubscribe: Callable[[str], str],
) -> Mapping[str, Delivery]:
    """By recipient, what became of it. `message_id`: what identifies the run (its execution's id); each recipient's
    Message-ID follows from it, and is the same whenever it is sent again. `unsubscribe`: a recipient's own link.
    """
    raise NotImplementedError


async def tell(smtp: Smtp, address: str, *, subject: str, text: str, message_id: str) -> Delivery:
    """A short plain message, to the owner of a schedule of which a run failed."""
    raise NotImplementedError

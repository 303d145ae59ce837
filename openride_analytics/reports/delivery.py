"""Mails a rendered report: a message and a connection for each recipient, who sees no other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from email.errors import MessageError
from functools import partial

from openride_analytics.reports.edition import Rendered
from openride_analytics.reports.message import message_id_for, notice, report
from openride_analytics.reports.session import Delivery, Session, Status, tls_context
from openride_analytics.reports.thread import apart
from openride_analytics.settings.tree import Smtp

__all__ = ["Delivery", "Status", "deliver", "tell"]

_NO_MESSAGE = Delivery(Status.REFUSED, "the address (in ASCII) or the subject cannot be put into a message")
_NO_AUTHORITIES = Delivery(
    Status.RETRY, "the authorities to trust (SMTP_SSL_CAFILE) cannot be read now", general=True
)
_NO_SERVER = Delivery(Status.REFUSED, "no mail server is set (SMTP_HOST)", general=True)


async def deliver(
    smtp: Smtp,
    rendered: Rendered,
    recipients: Sequence[str],
    *,
    message_id: str,
    unsubscribe: Callable[[str], str],
) -> Mapping[str, Delivery]:
    """By recipient, what became of it; one after the other. Where the server itself is the trouble, whoever has not
    been tried is not tried.

    `message_id`: what identifies the run (its execution's id); each recipient's Message-ID follows from it, and is the
    same whenever it is sent again. `unsubscribe`: a recipient's own link.

    Cancelled in the middle it tells nothing: who must know what became of each gives one recipient at a time.
    """
    attach = rendered.attached and _fits(smtp, rendered)

    def message(recipient: str) -> bytes:
        return report(
            rendered,
            sender=smtp.from_email,
            recipient=recipient,
            message_id=message_id_for(message_id, recipient, smtp.from_email),
            leave=unsubscribe(recipient),
            attach=attach,
        )

    found: dict[str, Delivery] = {}
    trouble: Delivery | None = None
    for recipient in recipients:
        if recipient in found:
            continue
        found[recipient] = trouble or await _send(smtp, recipient, partial(message, recipient))
        trouble = found[recipient] if found[recipient].general else None
    return found


async def tell(smtp: Smtp, address: str, *, subject: str, text: str, message_id: str) -> Delivery:
    """A short plain message, to the owner of a schedule of which a run failed."""

    def message() -> bytes:
        own = message_id_for(message_id, address, smtp.from_email)
        return notice(text, subject=subject, sender=smtp.from_email, recipient=address, message_id=own)

    return await _send(smtp, address, message)


async def _send(smtp: Smtp, recipient: str, make: Callable[[], bytes]) -> Delivery:
    if smtp.host is None:
        return _NO_SERVER
    try:
        raw = await apart(make)
    except (
        ValueError,
        MessageError,
    ):  # a line break in a header, or no address: nothing that may reach a server
        return _NO_MESSAGE
    try:
        context = await asyncio.to_thread(tls_context, smtp)
    except OSError:  # of `ssl` too: nothing has been sent
        return _NO_AUTHORITIES
    return await Session(smtp, context).send(recipient, raw)


def _fits(smtp: Smtp, rendered: Rendered) -> bool:
    limit = smtp.max_attachment_mb << 20
    return rendered.attachment is not None and len(rendered.attachment.content) <= limit

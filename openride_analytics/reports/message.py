"""A rendered report as a message to one person (RFC 5322, MIME)."""

import hashlib
import html
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Final

from openride_analytics.reports.edition import UNSUBSCRIBE, Attachment, Rendered

SENDER_NAME: Final = "OpenRide Analytics"

# Machines read these to know that nobody need answer: neither an absent person's program, nor ours theirs.
_BY_MACHINE: Final = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


class _Policy(EmailPolicy):
    """As SMTP wants it, but for a header with one long word: the standard library would encode it in order to break
    it, and a URL is none then.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() == "list-unsubscribe":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


# Seven bits: what a server takes without having said that it takes more.
_POLICY: Final = _Policy(linesep="\r\n", cte_type="7bit", raise_on_defect=True)


def report(
    rendered: Rendered, *, sender: str, recipient: str, message_id: str, leave: str, attach: bool
) -> bytes:
    """mixed(alternative(text, related(html, images)), attachment), with `leave` where UNSUBSCRIBE stands.

    Raises ValueError where a header would hold a line break, or an address is none.
    """
    headers = {
        **_BY_MACHINE,
        "List-Unsubscribe": f"<{leave}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    message = _message(rendered.subject, sender, recipient, message_id, headers)
    message.set_content(rendered.text.replace(UNSUBSCRIBE, leave))
    message.add_alternative(rendered.html.replace(UNSUBSCRIBE, html.escape(leave)), subtype="html")
    body = message.get_body(("html",))
    for content_id, image in rendered.images.items():
        if isinstance(body, EmailMessage):
            body.add_related(
                image, "image", "png", cid=f"<{content_id}>", filename="chart.png", disposition="inline"
            )
    if attach and rendered.attachment is not None:
        _attach(message, rendered.attachment)
    return message.as_bytes()


def notice(text: str, *, subject: str, sender: str, recipient: str, message_id: str) -> bytes:
    """A plain message. Raises ValueError likewise."""
    message = _message(subject, sender, recipient, message_id, _BY_MACHINE)
    message.set_content(text)
    return message.as_bytes()


def message_id_for(run: str, recipient: str, sender: str) -> str:
    """The same for the same run and recipient, however often it is sent; it tells nobody who that is."""
    whom = hashlib.sha256(f"{run} {recipient}".encode()).hexdigest()[:24]
    return f"<{run}.{whom}@{sender.rpartition('@')[2]}>"


def _message(
    subject: str, sender: str, recipient: str, message_id: str, headers: Mapping[str, str]
) -> EmailMessage:
    message = EmailMessage(_POLICY)
    message["From"] = Address(SENDER_NAME, addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = _literal(subject)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name] = value
    return message


def _literal(text: str) -> str:
    """Without what the standard library would read as an encoded word (RFC 2047) and write as what it means: that may
    be a line break, further headers and a body of whoever chose the text."""
    return text.replace("=?", "= ?")


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    maintype, _, subtype = attachment.media_type.partition("/")
    charset = {"charset": "utf-8"} if maintype == "text" else None
    message.add_attachment(attachment.content, maintype, subtype, filename=attachment.name, params=charset)

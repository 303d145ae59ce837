"""The mail sink: whole messages, envelopes, numbers that go on."""

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path

from openride_analytics.embedded.mail import EmbeddedMail

RECIPIENTS = ["ada@example.org", "obi@example.org"]


def report(subject: str = "Report") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "us@example.org", RECIPIENTS[0], subject
    message.set_content("₦ 1,000\n.a line that begins with a dot\n")
    message.add_attachment(
        bytes(range(256)), maintype="application", subtype="octet-stream", filename="r.bin"
    )
    return message


async def send(sink: EmbeddedMail, message: EmailMessage) -> None:
    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", int(sink.env()["SMTP_PORT"]), timeout=10) as client:
            client.send_message(message, "bounce@example.org", RECIPIENTS)

    await asyncio.to_thread(deliver)


async def test_the_envelope_is_kept(mail_sink: EmbeddedMail) -> None:
    await send(mail_sink, report())
    [mail] = mail_sink.messages()
    assert (mail.sender, mail.recipients) == ("bounce@example.org", RECIPIENTS)


async def test_the_text_is_kept(mail_sink: EmbeddedMail) -> None:
    await send(mail_sink, report())
    body = mail_sink.messages()[0].message.get_body()
    assert body is not None
    assert body.get_content().splitlines() == ["₦ 1,000", ".a line that begins with a dot"]


async def test_attachments_are_kept(mail_sink: EmbeddedMail) -> None:
    await send(mail_sink, report())
    [attachment] = mail_sink.messages()[0].message.iter_attachments()
    assert attachment.get_content() == bytes(range(256))


async def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for subject in ("first", "second"):
        async with EmbeddedMail(tmp_path) as sink:
            await send(sink, report(subject))
    assert [mail.message["Subject"] for mail in sink.messages()] == ["first", "second"]


async def test_what_was_removed_makes_no_other_message_be_written_over(tmp_path: Path) -> None:
    async with EmbeddedMail(tmp_path) as sink:
        for subject in ("first", "second"):
            await send(sink, report(subject))
        (tmp_path / "0001.eml").unlink()
        await send(sink, report("third"))
    assert [mail.message["Subject"] for mail in sink.messages()] == ["second", "third"]


async def test_messages_sent_at_once_are_all_kept(mail_sink: EmbeddedMail) -> None:
    await asyncio.gather(*(send(mail_sink, report(str(n))) for n in range(10)))
    assert {mail.message["Subject"] for mail in mail_sink.messages()} == set(map(str, range(10)))


async def test_a_client_that_stays_connected_does_not_hinder_a_stop(tmp_path: Path) -> None:
    async with EmbeddedMail(tmp_path) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(sink.env()["SMTP_PORT"]))
        await reader.readline()
    assert await asyncio.wait_for(reader.read(), 2) == b""
    writer.close()
    await writer.wait_closed()

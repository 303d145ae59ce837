"""Mailing reports to servers that refuse, delay, drop, strip and lie: what is sent, and what is known of it after."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from openride_analytics import settings as tree
from openride_analytics.reports import session
from openride_analytics.reports.delivery import Delivery, Status, deliver, tell
from openride_analytics.reports.edition import UNSUBSCRIBE, Attachment, Rendered
from tests.support.proxy import Fault, Proxy
from tests.support.smtp import PASSWORD, USER, Authority, MailServer, authority

ADA, OBI, EVE = "ada@example.org", "obi@example.org", "eve@example.org"
RUN = "5f0c1a52-6a0a-4c39-9c3c-2b51c0f0a001"
REPORT = Rendered(
    subject="Weekly report: 16 to 22 November 2026",
    html=f'<p>₦ 1,000 <a href="{UNSUBSCRIBE}">leave</a> <img src="cid:chart-0@test"></p>',
    text=f"₦ 1,000\n.a line that begins with a dot\n{UNSUBSCRIBE}\n",
    images={"chart-0@test": b"\x89PNG\r\n\x1a\n" + bytes(64)},
    attachment=Attachment("report.xlsx", "application/vnd.ms-excel", bytes(range(256)) * 8),
    rows=1,
)


def leave(address: str) -> str:
    return f"https://analytics.example.org/leave/{address.partition('@')[0]}?a=1&b=2"


def smtp(port: int, **changes: str) -> tree.Smtp:
    """Settings that lead to a server there, without TLS unless changes say so."""
    environ = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_USE_TLS": "false",
        "SMTP_TIMEOUT_SECONDS": "5",
        "SMTP_FROM_EMAIL": "reports@openride.example",
    }
    return tree.load(environ | changes).smtp


async def sent(settings: tree.Smtp, *recipients: str, rendered: Rendered = REPORT) -> Mapping[str, Delivery]:
    return await deliver(settings, rendered, recipients, message_id=RUN, unsubscribe=leave)


def statuses(found: Mapping[str, Delivery]) -> list[str]:
    return [delivery.status for delivery in found.values()]


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A server that does no wrong until told to."""
    async with MailServer() as made:
        yield made


@pytest.fixture
def trusted(tmp_path: Path) -> Authority:
    """An authority that the tests' settings may name."""
    return authority(tmp_path / "trusted")


async def test_nobody_sees_the_others(server: MailServer) -> None:
    await sent(smtp(server.port), ADA, OBI)
    assert [(t.recipients, str(t.message["To"])) for t in server.taken] == [([ADA], ADA), ([OBI], OBI)]


async def test_a_line_that_begins_with_a_dot_is_no_end(server: MailServer) -> None:
    await sent(smtp(server.port), ADA)
    body = server.taken[0].message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines()[1:] == [".a line that begins with a dot", leave(ADA)]


async def test_each_has_a_connection_of_its_own(server: MailServer) -> None:
    await sent(smtp(server.port), ADA, OBI, EVE)
    assert server.connections == 3


async def test_one_refused_recipient_does_not_stop_the_others(server: MailServer) -> None:
    server.rcpt = {OBI: ["550 5.1.1 No such user"]}
    found = await sent(smtp(server.port), ADA, OBI, EVE)
    assert statuses(found) == [Status.SENT, Status.REFUSED, Status.SENT]
    assert [taken.recipients for taken in server.taken] == [[ADA], [EVE]]


async def test_what_was_refused_says_why(server: MailServer) -> None:
    server.rcpt = {OBI: ["550 5.1.1 No such user"]}
    assert (await sent(smtp(server.port), OBI))[
        OBI
    ].reason == "the mail server answered 550 5.1.1 No such user"


async def test_a_server_that_says_much_is_quoted_in_short(server: MailServer) -> None:
    server.rcpt = {OBI: ["550 " + "no " * 300]}
    reason = (await sent(smtp(server.port), OBI))[OBI].reason
    assert len(reason) < 200


@pytest.mark.parametrize("answer", ["451 4.7.1 Greylisted", "421 4.3.2 Try later"])
async def test_what_was_put_off_is_sent_when_tried_again(server: MailServer, answer: str) -> None:
    server.rcpt = {OBI: [answer]}
    first = await sent(smtp(server.port), ADA, OBI)
    again = await sent(smtp(server.port), *(who for who, d in first.items() if d.status is Status.RETRY))
    assert (statuses(first), statuses(again)) == ([Status.SENT, Status.RETRY], [Status.SENT])
    assert [taken.recipients for taken in server.taken] == [[ADA], [OBI]]


@pytest.mark.parametrize(
    ("answer", "status"), [("452 4.3.1 Full", Status.RETRY), ("554 5.7.1 Looks bad", Status.REFUSED)]
)
async def test_a_message_may_be_refused_after_all_of_it(
    server: MailServer, answer: str, status: Status
) -> None:
    server.data = [answer]
    assert statuses(await sent(smtp(server.port), ADA)) == [status]


async def test_no_answer_after_the_dot_is_uncertain(server: MailServer) -> None:
    server.drop_after_data = True
    assert statuses(await sent(smtp(server.port), ADA)) == [Status.UNCERTAIN]
    assert len(server.taken) == 1


async def test_a_network_that_loses_the_answer_to_the_dot_is_uncertain(server: MailServer) -> None:
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.LOSE_ANSWER, on=b"\r\n.\r\n")
        assert statuses(await sent(smtp(proxy.port), ADA)) == [Status.UNCERTAIN]
    assert len(server.taken) == 1


async def test_a_connection_lost_before_the_dot_may_be_tried_again(server: MailServer) -> None:
    large = replace(REPORT, attachment=Attachment("large.bin", "application/octet-stream", bytes(6 << 20)))
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.CUT, after=100_000, on=b"DATA\r\n")
        assert statuses(await sent(smtp(proxy.port), ADA, rendered=large)) == [Status.RETRY]
    assert server.taken == []


async def test_a_message_sent_again_is_the_same_message(server: MailServer) -> None:
    server.drop_after_data = True
    for _ in range(2):
        await sent(smtp(server.port), ADA, OBI)
    ids = [str(taken.message["Message-ID"]) for taken in server.taken]
    assert ids[:2] == ids[2:] and ids[0] != ids[1]


async def test_a_server_that_says_nothing_is_not_waited_for(server: MailServer) -> None:
    server.silent = True
    found = await sent(smtp(server.port, SMTP_TIMEOUT_SECONDS="0.1"), ADA, OBI)
    assert statuses(found) == [Status.RETRY, Status.RETRY]
    assert server.connections == 1  # the second would have waited for nothing


async def test_a_server_that_hangs_in_the_message_is_not_waited_for(server: MailServer) -> None:
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.HANG, on=b"DATA\r\n")
        found = await sent(smtp(proxy.port, SMTP_TIMEOUT_SECONDS="0.2"), ADA)
        assert found[ADA].reason == "the mail server could not be used: it took too long"


async def test_what_nobody_has_taken_has_not_left(server: MailServer) -> None:
    """The whole message would wait in the system's buffers, and the dot behind it."""
    large = replace(REPORT, attachment=Attachment("large.bin", "application/octet-stream", bytes(2 << 20)))
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.HANG, after=len(b"DATA\r\n"), on=b"DATA\r\n")
        found = await sent(smtp(proxy.port, SMTP_TIMEOUT_SECONDS="0.5"), ADA, rendered=large)
    assert statuses(found) == [Status.RETRY]


async def test_a_conversation_that_takes_too_long_before_the_dot_may_be_tried_again(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "longest", lambda smtp, message: 0.5)
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.HANG, on=b"DATA\r\n")
        assert statuses(await sent(smtp(proxy.port), ADA)) == [Status.RETRY]


async def test_a_conversation_that_takes_too_long_after_the_dot_is_uncertain(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "longest", lambda smtp, message: 2)
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.rewrite = lambda answer: answer.replace(b"250 kept\r\n", b"")
        assert statuses(await sent(smtp(proxy.port), ADA)) == [Status.UNCERTAIN]


async def test_what_was_taken_is_sent_though_nobody_says_goodbye(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "longest", lambda smtp, message: 2)
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.HANG, on=b"QUIT\r\n")
        assert statuses(await sent(smtp(proxy.port, SMTP_TIMEOUT_SECONDS="3"), ADA)) == [Status.SENT]


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 10 << 20])
def test_a_conversation_has_the_time_of_its_steps(size: int) -> None:
    """Of each 64 KiB, the last answer, and more commands than there are."""
    pieces = -(-size // (1 << 16))
    assert session.longest(smtp(25), bytes(size)) >= 5 * (pieces + 10 + 15)


async def test_nobody_there_may_be_there_later() -> None:
    async with MailServer() as gone:
        pass
    assert statuses(await sent(smtp(gone.port), ADA)) == [Status.RETRY]


async def test_starttls_encrypts_what_is_sent(trusted: Authority) -> None:
    async with MailServer(tls=trusted.server("127.0.0.1")) as server:
        found = await sent(smtp(server.port, SMTP_USE_TLS="true", SMTP_SSL_CAFILE=trusted.file), ADA)
        assert (statuses(found), server.taken[0].encrypted) == ([Status.SENT], True)


async def test_port_465_is_encrypted_from_the_first_byte(
    trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MailServer(tls=trusted.server("127.0.0.1"), smtps=True) as server:
        monkeypatch.setattr(
            session, "TLS_FROM_THE_START", server.port
        )  # 465 is not for everybody to listen on
        found = await sent(smtp(server.port, SMTP_USE_TLS="true", SMTP_SSL_CAFILE=trusted.file), ADA)
        assert (statuses(found), len(server.taken)) == ([Status.SENT], 1)


async def test_nothing_is_sent_in_the_clear_where_starttls_was_stripped(trusted: Authority) -> None:
    async with MailServer(tls=trusted.server("127.0.0.1"), login=True) as server:
        async with Proxy("127.0.0.1", server.port) as proxy:
            proxy.rewrite = lambda answer: answer.replace(b"STARTTLS", b"XXXXXXXX")
            settings = smtp(
                proxy.port,
                SMTP_USE_TLS="true",
                SMTP_SSL_CAFILE=trusted.file,
                SMTP_USER=USER,
                SMTP_PASSWORD=PASSWORD,
            )
            found = await sent(settings, ADA)
        assert found[ADA].reason.endswith("it offers no STARTTLS, and SMTP_USE_TLS asks for it")
        assert re.fullmatch(rb"EHLO [a-z.]+\r\n", bytes(server.heard))


async def test_starttls_that_the_server_takes_back_is_no_reason_to_go_on() -> None:
    async with MailServer() as server:
        async with Proxy("127.0.0.1", server.port) as proxy:  # it offers what the server does not know
            proxy.rewrite = lambda answer: answer.replace(b"250-SMTPUTF8", b"250-STARTTLS")
            found = await sent(smtp(proxy.port, SMTP_USE_TLS="true"), ADA)
        assert found[ADA].status is not Status.SENT and b"MAIL" not in server.heard


@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_a_certificate_that_is_not_to_be_trusted_ends_it(
    tmp_path: Path, trusted: Authority, wrong: str
) -> None:
    other = authority(tmp_path / "other")
    context = other.server("127.0.0.1") if wrong == "authority" else trusted.server("mail.example.org")
    async with MailServer(tls=context) as server:
        found = await sent(smtp(server.port, SMTP_USE_TLS="true", SMTP_SSL_CAFILE=trusted.file), ADA)
    assert found[ADA].reason == "the mail server could not be used: its certificate is not to be trusted"
    assert b"MAIL" not in server.heard


@pytest.mark.parametrize("broken", ["away", "empty"])
async def test_without_the_authorities_to_trust_it_may_be_tried_again(
    tmp_path: Path, server: MailServer, broken: str
) -> None:
    """As while a mounted secret is being replaced."""
    file = tmp_path / "trusted.pem"
    file.touch()
    settings = smtp(server.port, SMTP_USE_TLS="true", SMTP_SSL_CAFILE=str(file))
    if broken == "away":
        file.unlink()
    found = [*(await sent(settings, ADA)).values()]
    found.append(await tell(settings, ADA, subject="Report failed", text="why", message_id=RUN))
    assert [(each.status, each.general) for each in found] == [(Status.RETRY, True)] * 2
    assert server.connections == 0


async def test_the_user_logs_in(trusted: Authority) -> None:
    async with MailServer(tls=trusted.server("127.0.0.1"), login=True) as server:
        login = {"SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD}
        found = await sent(smtp(server.port, SMTP_USE_TLS="true", SMTP_SSL_CAFILE=trusted.file, **login), ADA)
        assert statuses(found) == [Status.SENT] and b"AUTH" in server.heard


async def test_a_refused_login_is_told_once_and_without_what_was_said(trusted: Authority) -> None:
    async with MailServer(login=True) as server:
        found = await sent(smtp(server.port, SMTP_USER=USER, SMTP_PASSWORD="wrong-password"), ADA, OBI)
    assert found[OBI] == Delivery(Status.REFUSED, "the mail server refused the login (535)", general=True)
    assert server.connections == 1


async def test_a_reason_has_no_password_in_it(server: MailServer) -> None:
    server.login = True
    server.rcpt = {ADA: [f"550 {USER} with {PASSWORD}\x07 may not"]}
    found = await sent(smtp(server.port, SMTP_USER=USER, SMTP_PASSWORD=PASSWORD), ADA)
    assert found[ADA].reason == f"the mail server answered 550 {USER} with *** may not"


async def test_a_file_above_the_limit_is_not_attached(server: MailServer) -> None:
    await sent(smtp(server.port, MAIL_MAX_ATTACHMENT_MB="0"), ADA)
    assert list(server.taken[0].message.iter_attachments()) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_a_line_break_in_the_subject_reaches_no_server(server: MailServer, end: str) -> None:
    bad = Rendered(f"Report{end}Bcc: {EVE}", "h", "t", {}, None, 0)
    assert statuses(await sent(smtp(server.port), ADA, rendered=bad)) == [Status.REFUSED]
    assert server.connections == 0


@pytest.mark.parametrize(
    "address", [f"{ADA}\r\nRCPT TO:<{EVE}>", f"{ADA}, {EVE}", "nobody", f"{ADA}>\x00", "adé@example.org"]
)
async def test_an_address_that_is_more_than_one_reaches_no_server(server: MailServer, address: str) -> None:
    assert statuses(await sent(smtp(server.port), address)) == [Status.REFUSED]
    assert server.connections == 0


async def test_without_a_mail_server_nothing_is_sent() -> None:
    settings = tree.load({}).smtp
    assert statuses(await sent(settings, ADA)) == [Status.REFUSED]


async def test_a_cancelled_sending_before_the_dot_sends_nothing(server: MailServer) -> None:
    async with Proxy("127.0.0.1", server.port) as proxy:
        proxy.arm(Fault.HANG, on=b"DATA\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sent(smtp(proxy.port), ADA), 0.3)
    assert server.taken == []


async def test_the_owner_is_told_in_plain_words(server: MailServer) -> None:
    found = await tell(
        smtp(server.port), ADA, subject="Report failed", text="It failed.\n", message_id=f"{RUN}.failed"
    )
    message = server.taken[0].message
    assert found.status is Status.SENT
    assert (message.get_content_type(), message.get_content(), message["Auto-Submitted"]) == (
        "text/plain",
        "It failed.\r\n",
        "auto-generated",
    )

"""A mail server that fails at each step of a conversation in turn: what is known of the mail then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from openride_analytics import settings as tree
from openride_analytics.reports.session import Session, Status

BEFORE_THE_DOT = ("greeting", "EHLO", "MAIL", "RCPT", "DATA")
WELL = dict(
    zip(BEFORE_THE_DOT, ("220 mail.test", "250 mail.test", "250 OK", "250 OK", "354 go on"), strict=True)
)
DROP = ""
MESSAGE = b"Subject: report\r\n\r\nfigures\r\n"


class Server:
    """Answers one conversation as it should, but at one step."""

    def __init__(self, step: str, answer: str) -> None:
        self._answers = WELL | {".": "250 kept", "QUIT": "221 bye"} | {step: answer}
        self.over = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        step = "greeting"
        while answer := self._answers.get(step, DROP):
            writer.write(f"{answer}\r\n".encode())
            if answer.startswith(("421", "221")):
                break
            taken = step == "DATA" and answer == WELL["DATA"]
            line = await (reader.readuntil(b"\r\n.\r\n") if taken else reader.readline())
            step = "." if taken else line[:4].decode()
        writer.close()
        self.over.set()


@asynccontextmanager
async def failing(step: str, answer: str) -> AsyncIterator[tree.Smtp]:
    """The settings that lead to it."""
    answering = Server(step, answer)
    server = await asyncio.start_server(answering, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    environ = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_USE_TLS": "false"}
    try:
        yield tree.load(environ | {"SMTP_TIMEOUT_SECONDS": "5"}).smtp
        async with asyncio.timeout(10):
            await answering.over.wait()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("answer", "before", "after"),
    [
        (DROP, Status.RETRY, Status.UNCERTAIN),
        ("421 4.3.2 closing", Status.RETRY, Status.RETRY),
        ("451 4.7.1 later", Status.RETRY, Status.RETRY),
        ("554 5.7.1 no", Status.REFUSED, Status.REFUSED),
        ("is this mail?", Status.RETRY, Status.UNCERTAIN),
    ],
)
async def test_at_each_step_it_is_known_whether_it_may_be_sent_again(
    answer: str, before: Status, after: Status
) -> None:
    found = {}
    for step in (*BEFORE_THE_DOT, "."):
        async with failing(step, answer) as smtp:
            delivery = await Session(smtp, None).send("ada@example.org", MESSAGE)
        found[step] = (delivery.status, delivery.general)
    expected = {step: (before, step in ("greeting", "EHLO")) for step in BEFORE_THE_DOT}
    assert found == expected | {".": (after, False)}

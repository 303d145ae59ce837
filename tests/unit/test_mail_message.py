"""A report as a message: what Python's own parser reads in the bytes that are sent."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from openride_analytics.reports.edition import UNSUBSCRIBE, Attachment, Rendered
from openride_analytics.reports.message import message_id_for, report

ADA = "ada@example.org"
LEAVE = f"https://analytics.example.org/v1/reports/unsubscribe/{'Ab1_-' * 20}?a=1&b=<2>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
HTML = f'<p>₦ 1,000 é</p><a href="{UNSUBSCRIBE}">leave</a><img src="cid:chart-0@x"><img src="cid:chart-1@x">'
LONG = (
    "Bericht für den Vorstand über alle Zahlen der Woche, in ₦ und mit einem Namen, der auf keine Zeile passt"
)


def rendered(**changes: Any) -> Rendered:
    known: dict[str, Any] = {
        "subject": LONG,
        "html": HTML,
        "text": f"₦ 1,000\n.dot\nFrom here\n{'x' * 1200}\n{UNSUBSCRIBE}\n",
        "images": {"chart-0@x": PNG, "chart-1@x": PNG + b"1"},
        "attachment": Attachment("Zahlen é.csv", "text/csv", "a,b\n1,₦\n".encode()),
        "rows": 1,
    }
    return Rendered(**known | changes)


def raw(**changes: Any) -> bytes:
    return report(
        rendered(**changes),
        sender="reports@openride.example",
        recipient=ADA,
        message_id=message_id_for("run-1", ADA, "reports@openride.example"),
        leave=LEAVE,
        attach=True,
    )


@pytest.fixture
def message() -> EmailMessage:
    return message_from_bytes(raw(), policy=policy.default)


def test_there_is_no_defect_in_any_part(message: EmailMessage) -> None:
    assert [part.defects for part in message.walk()] == [[]] * len(list(message.walk()))
    assert all(not getattr(value, "defects", ()) for part in message.walk() for value in part.values())


def test_the_parts_are_nested_as_clients_expect(message: EmailMessage) -> None:
    def shape(part: Any) -> Any:
        return (
            {part.get_content_type(): [shape(p) for p in part.iter_parts()]}
            if part.is_multipart()
            else (part.get_content_type())
        )

    related = {"multipart/related": ["text/html", "image/png", "image/png"]}
    assert shape(message) == {
        "multipart/mixed": [{"multipart/alternative": ["text/plain", related]}, "text/csv"]
    }


def test_every_image_in_the_html_is_in_the_message(message: EmailMessage) -> None:
    body = message.get_body(("html",))
    assert body is not None
    ids = {str(part["Content-ID"]) for part in message.walk() if part["Content-ID"]}
    assert {f"<{found}>" for found in re.findall(r'src="cid:([^"]+)"', body.get_content())} == ids


def test_images_are_shown_and_not_listed(message: EmailMessage) -> None:
    found = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert [(p.get_content_disposition(), p.get_content()) for p in found] == [
        ("inline", PNG),
        ("inline", PNG + b"1"),
    ]


def test_the_file_is_what_was_made(message: EmailMessage) -> None:
    [file] = message.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("Zahlen é.csv", "a,b\n1,₦\n")


def test_the_subject_survives(message: EmailMessage) -> None:
    assert message["Subject"] == LONG


def test_the_text_survives(message: EmailMessage) -> None:
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["₦ 1,000", ".dot", "From here", "x" * 1200, LEAVE]


def test_both_bodies_lead_to_the_recipients_own_way_out(message: EmailMessage) -> None:
    body = message.get_body(("html",))
    assert body is not None
    assert (
        'href="' + LEAVE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in body.get_content()
    )
    assert UNSUBSCRIBE.encode() not in raw()


def test_one_click_unsubscribes(message: EmailMessage) -> None:
    assert message["List-Unsubscribe"] == f"<{LEAVE}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_way_out_is_one_line_that_every_client_can_read() -> None:
    assert f"\r\nList-Unsubscribe: <{LEAVE}>\r\n".encode() in raw()


def test_machines_are_told_not_to_answer(message: EmailMessage) -> None:
    assert message["Auto-Submitted"] == "auto-generated"


def test_there_is_a_date(message: EmailMessage) -> None:
    assert message["Date"].datetime.utcoffset() is not None


def test_the_message_id_tells_nobody_who_it_is_for(message: EmailMessage) -> None:
    found = str(message["Message-ID"])
    assert re.fullmatch(r"<run-1\.[0-9a-f]{24}@openride\.example>", found)


def test_lines_are_as_smtp_wants_them() -> None:
    lines = raw().split(b"\r\n")
    assert max(map(len, lines)) <= 998 and not any(b"\n" in line or b"\r" in line for line in lines)


def test_bytes_are_seven_bits() -> None:
    assert raw().isascii()


def test_without_images_or_file_it_is_an_alternative() -> None:
    found = message_from_bytes(raw(images={}, attachment=None), policy=policy.default)
    assert found.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize("subject", ["a\nBcc: eve@example.org", "a\r\n\r\nbody"])
def test_a_line_break_in_the_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        raw(subject=subject)


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?=0d=0aBcc:_eve=40evil.example=0d=0a=0d=0aHello?=: Monday",
        "=?utf-8?b?DQpYLUE6IGI=?=: Monday",
        "Name=?utf-8?q?=0d=0aBcc:?=: Monday",
        "==??=?=?utf-8?q?=0d=0aX-A:?= Monday",
        "Zahlen für =?utf-8?q?=0d=0aBcc:?= " * 8,
    ],
)
def test_an_encoded_word_in_the_subject_makes_no_header_and_no_body(subject: str) -> None:
    found, wanted = (message_from_bytes(raw(subject=said), policy=policy.default) for said in (subject, LONG))
    body, text = (one.get_body(("plain",)) for one in (found, wanted))
    assert body is not None and text is not None
    assert (found.keys(), body.get_content()) == (wanted.keys(), text.get_content())


def test_what_looks_like_an_encoded_word_can_still_be_read() -> None:
    found = message_from_bytes(raw(subject="What =?us-ascii?q?is?= this?"), policy=policy.default)
    assert found["Subject"] == "What = ?us-ascii?q?is?= this?"

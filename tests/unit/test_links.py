"""Signed links in mails: what they open, and what does not open them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from openride_analytics import settings as tree
from openride_analytics.errors import Invalid
from openride_analytics.reports.links import PATHS, Links, Purpose, links

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
ID = UUID("5f0c1a52-6a0a-4c39-9c3c-2b51c0f0a001")
OTHER = UUID("5f0c1a52-6a0a-4c39-9c3c-2b51c0f0a002")
ADA = "ada@example.org"
PUBLIC = "https://analytics.example.org/base"


def made(secret: bytes = b"s" * 32, days: int = 30) -> Links:
    return Links(PUBLIC, secret, days)


def token(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_link_begins_with_the_public_url() -> None:
    assert made().file(ID, NOW).startswith(PUBLIC + PATHS[Purpose.FILE])


def test_a_link_opens_what_it_was_made_for() -> None:
    assert made().verify(Purpose.FILE, token(made().file(ID, NOW)), NOW).id == ID


def test_no_address_is_in_a_link() -> None:
    url = made().unsubscribe(ID, ADA, NOW)
    assert "ada" not in url.lower() and len(url) < 200


@pytest.mark.parametrize(
    ("address", "schedule", "found"),
    [(ADA, ID, True), ("eve@example.org", ID, False), (ADA, OTHER, False)],
)
def test_an_unsubscribe_link_is_of_one_address_and_schedule(
    address: str, schedule: UUID, found: bool
) -> None:
    known = made().verify(Purpose.UNSUBSCRIBE, token(made().unsubscribe(schedule, ADA, NOW)), NOW)
    assert (known.id == ID and made().is_for(known, address)) is found


@pytest.mark.parametrize(
    ("after", "opens"), [(timedelta(days=30, seconds=-1), True), (timedelta(days=30), False)]
)
def test_a_link_lives_as_long_as_files_are_kept(after: timedelta, opens: bool) -> None:
    url = made().file(ID, NOW)
    if opens:
        assert made().verify(Purpose.FILE, token(url), NOW + after)
    else:
        with pytest.raises(Invalid, match="has expired"):
            made().verify(Purpose.FILE, token(url), NOW + after)


def test_a_link_opens_nothing_else() -> None:
    with pytest.raises(Invalid):
        made().verify(Purpose.UNSUBSCRIBE, token(made().file(ID, NOW)), NOW)


def test_no_character_of_a_link_can_be_changed() -> None:
    known = token(made().file(ID, NOW))
    for at, char in enumerate(known):
        changed = known[:at] + ("B" if char != "B" else "C") + known[at + 1 :]
        with pytest.raises(Invalid):
            made().verify(Purpose.FILE, changed, NOW)


def test_a_link_is_written_in_one_way_only() -> None:
    known = token(made().file(ID, NOW))
    same = known[:-1] + chr(ord(known[-1]) + 1)  # other bits than those that count
    with pytest.raises(Invalid):
        made().verify(Purpose.FILE, same, NOW)


@pytest.mark.parametrize(
    "wrong", ["", "A", "A" * 97, "A" * 98, "A" * 5000, "é" * 98, "../" * 20, "=" * 98, "\x00"]
)
def test_what_is_no_link_is_told_so(wrong: str) -> None:
    with pytest.raises(Invalid, match="is not one that this service made"):
        made().verify(Purpose.FILE, wrong, NOW)


def test_another_secret_makes_other_links() -> None:
    with pytest.raises(Invalid):
        made(b"t" * 32).verify(Purpose.FILE, token(made().file(ID, NOW)), NOW)


@pytest.mark.parametrize("name", ["LINK_SECRET", "JWT_SECRET_KEY"])
def test_replicas_with_the_same_secret_know_each_others_links(name: str) -> None:
    one, other = (links(tree.load({name: "k" * 32, "PUBLIC_URL": PUBLIC})) for _ in range(2))
    assert other.verify(Purpose.FILE, token(one.file(ID, NOW)), NOW).id == ID


def test_the_key_of_access_tokens_signs_no_link_itself() -> None:
    derived = links(tree.load({"JWT_SECRET_KEY": "k" * 32}))
    assert derived._key != b"k" * 32


def test_without_any_secret_links_end_with_the_process() -> None:
    one, other = (links(tree.load({})) for _ in range(2))
    with pytest.raises(Invalid):
        other.verify(Purpose.FILE, token(one.file(ID, NOW)), NOW)

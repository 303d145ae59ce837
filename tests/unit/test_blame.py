"""What the log says of an error: enough to find it, nothing of anybody's."""

import json

import pytest

from openride_analytics.errors import Retryable
from openride_analytics.telemetry.blame import blame, cleaned
from openride_analytics.telemetry.spans import remote


@pytest.mark.parametrize(
    "private",
    [
        "ada@example.com",
        "+2348012345678",
        "0801 234 5678",
        "'Ada Lovelace'",
        '"Ada Lovelace"',
        "postgresql://ada:hunter2@db.example/rides",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
        "4111111111111111",
        "4111-1111-1111-1111",
        "/home/ada/keys/id_rsa",
        "0199b7c4-5c0e-7d3a-9e51-2a1b3c4d5e6f",
    ],
)
def test_what_may_be_private_is_left_out(private: str) -> None:
    assert private.strip("'\"") not in cleaned(f"the value {private} was not taken")


@pytest.mark.parametrize(
    "text",
    [
        "Column doesn't exist, value 'Jane Roe' of booking",
        "can't parse 'Jane Roe, 12 High Street': it isn't JSON",
        f"could not convert string to float: 'Jane {'x' * 2000}'",
        "password=Jane",
        "Token: Jane",
    ],
)
def test_what_is_quoted_is_left_out_whatever_stands_around_it(text: str) -> None:
    assert "Jane" not in cleaned(text)


def test_a_message_that_begins_with_an_empty_line_is_read() -> None:
    assert cleaned("\n it failed\n twice") == "it failed"


def test_of_a_group_the_first_error_is_told() -> None:
    assert blame(ExceptionGroup("several", [KeyError("a"), ValueError("b")]))["type"] == "KeyError"


def test_what_remains_can_be_read() -> None:
    assert cleaned("division by zero in step 3 of 10") == "division by zero in step 3 of 10"


def test_a_row_that_postgres_quotes_is_left_out() -> None:
    text = 'duplicate key violates "people"\nDETAIL: Key (email)=(ada) already exists.'
    assert "ada" not in cleaned(text)


def test_our_own_errors_say_what_they_say() -> None:
    assert blame(Retryable("kafka", "broker 'a' is away"))["message"] == "kafka: broker 'a' is away"


def test_the_place_is_ours_and_whose_it_was_raised_in() -> None:
    with pytest.raises(ValueError, match="unusable") as caught:
        remote(Hostile())
    found = blame(caught.value)
    places = [str(found[name]).rpartition(":")[0] for name in ("at", "raised_at")]
    assert places == ["openride_analytics.telemetry.spans", __name__]


def test_the_causes_are_named_without_their_words() -> None:
    try:
        try:
            raise KeyError("secret")
        except KeyError as error:
            raise RuntimeError("it failed") from error
    except RuntimeError as error:
        found = blame(error)
    assert found["causes"] == ["KeyError"] and "secret" not in json.dumps(found)


class Hostile(bytes):
    """Bytes that cannot be read."""

    def decode(self, *_: str) -> str:
        raise ValueError("unusable")

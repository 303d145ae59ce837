"""The table of errors: what a caller is told, and what not."""

from collections.abc import Callable

import msgspec
import pytest
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from openride_analytics.api.problems import FieldError, Full, Unprocessable, describe
from openride_analytics.errors import Ambiguous, Fatal, Invalid, Reason, Rejected, Retryable, TooMuch
from openride_analytics.store.clickhouse import DataRefused, SchemaDrift

AWAY = Retryable("clickhouse", "no answer to SELECT secret FROM users")
ZONE = Invalid("timezone", "is not a known time zone", "an IANA name")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ZONE, 400),
        (ExceptionGroup("several", [ZONE, Invalid("limit", "is too large", "1..1000")]), 400),
        (ValidationException("no", extra=[{"key": "limit", "message": "Expected `int`"}]), 400),
        (AWAY, 503),
        (Ambiguous("postgres", "lost"), 503),
        (SchemaDrift("schema: UNKNOWN_TABLE (60)"), 503),
        (ExceptionGroup("asked at once", [AWAY, ExceptionGroup("inner", [AWAY])]), 503),
        (Full("there are 700 requests under way"), 503),
        (TooMuch("time"), 504),
        (ExceptionGroup("asked at once", [TooMuch("time"), AWAY]), 504),
        (NotFoundException(), 404),
        (MethodNotAllowedException(), 405),
        (HTTPException(status_code=413), 413),
        (HTTPException(status_code=429, headers={"Retry-After": "7"}), 429),
        (ClientException("no such host"), 400),
        (InternalServerException("inner workings"), 500),
        (DataRefused("rows refused"), 500),
        (Rejected(Reason.TOO_LARGE, "a message"), 500),
        (Fatal("broken"), 500),
        (KeyError("a defect"), 500),
        (ExceptionGroup("mixed", [AWAY, KeyError("a defect")]), 500),
    ],
)
def test_each_kind_of_error_has_its_status(error: Exception, status: int) -> None:
    assert describe(error)[0].status == status


def test_a_wrong_parameter_is_named_with_what_is_allowed() -> None:
    described, _ = describe(ZONE)
    assert described.errors == [FieldError("timezone", "is not a known time zone", "an IANA name")]


def test_all_wrong_parameters_are_named_at_once() -> None:
    described, _ = describe(
        ExceptionGroup("query", [ZONE, Invalid("granularity", "is not allowed", "daily")])
    )
    assert [error.field for error in described.errors or []] == ["timezone", "granularity"]


@pytest.mark.parametrize("several", [lambda all_: ExceptionGroup("query", all_), Unprocessable])
def test_of_very_many_wrong_ones_some_are_named(several: Callable[[list[Invalid]], Exception]) -> None:
    described, _ = describe(several([Invalid(f"p{n}", "is not a parameter") for n in range(100)]))
    assert described.errors is not None and len(described.errors) == 20


def test_a_dependency_that_is_away_is_named_without_what_it_said() -> None:
    assert describe(AWAY)[0].detail == "clickhouse cannot answer now; try again later"


def test_who_asked_too_much_is_told_of_what_and_not_to_ask_the_same_again() -> None:
    described, headers = describe(TooMuch("memory"))
    assert "more memory than" in (described.detail or "") and headers == {}


def test_a_dependency_that_is_away_may_be_asked_again() -> None:
    assert int(describe(AWAY)[1]["Retry-After"]) > 0


@pytest.mark.parametrize(
    "error",
    [KeyError("hunter2"), InternalServerException("hunter2"), DataRefused("hunter2"), OSError("hunter2")],
)
def test_a_defect_says_nothing_of_itself(error: Exception) -> None:
    assert b"hunter2" not in msgspec.json.encode(describe(error)[0])


def test_headers_of_the_framework_are_kept() -> None:
    _, headers = describe(HTTPException(status_code=429, headers={"Retry-After": "7"}))
    assert headers == {"Retry-After": "7"}


def test_a_wrong_method_is_told_which_are_right() -> None:
    _, headers = describe(MethodNotAllowedException(headers={"allow": "OPTIONS, GET"}))
    assert headers == {"Allow": "GET, HEAD, OPTIONS"}

"""Who gets in: good and bad tokens, and roles."""

import logging
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any
from uuid import uuid4

import pytest

from openride_analytics.access import Caller, Role
from tests.support.api import Served, resources, serving
from tests.support.tokens import SECRET, SECRET_ENVIRON, SUBJECT, bearer, claims, forged, signed

ASKED = "/v1/metrics/bookings?zone=x"  # whoever gets in is told that there is no such parameter
IN = 400

HOUR = 3600
HS = {"alg": "HS256", "typ": "JWT"}
NAMED = {"JWT_ISSUER": "https://issuer.example", "JWT_AUDIENCE": "rides"}


@pytest.fixture
async def guarded() -> AsyncIterator[Served]:
    """An API that asks for tokens."""
    async with resources(SECRET_ENVIRON) as given, serving(given) as served:
        yield served


@pytest.fixture
async def named() -> AsyncIterator[Served]:
    """One that names an issuer and an audience."""
    async with resources(SECRET_ENVIRON | NAMED) as given, serving(given) as served:
        yield served


def ago(seconds: float) -> int:
    return int(time.time() - seconds)


def good() -> dict[str, str]:
    """Made when they are needed: they age."""
    return {
        "as it should be": signed(),
        "for an audience, where none is asked for": signed(aud="somewhere"),
        "of an issuer, where none is asked for": signed(iss="somebody"),
        "a clock a little behind": signed(iat=ago(-5)),
        "just expired": signed(exp=ago(5)),
        "more claims": signed(email="x@example.com", nbf=ago(HOUR), jti=str(uuid4())),
    }


def bad() -> dict[str, str]:
    """Likewise."""
    return {
        "unsigned": forged({"alg": "none"}, claims()).rpartition(".")[0] + ".",
        "none, and signed": forged({"alg": "none"}, claims()),
        "None": forged({"alg": "None"}, claims()),
        "no algorithm": forged({"typ": "JWT"}, claims()),
        "algorithm not a text": forged({"alg": ["HS256"]}, claims()),
        "a longer secret and hash": signed(SECRET * 2, "HS512"),
        "a larger hash": forged({"alg": "HS384"}, claims()),
        "another secret": signed("b" * 32),
        "an empty secret": forged(HS, claims(), b""),
        "no exp": signed(exp=None),
        "no iat": signed(iat=None),
        "no sub": signed(sub=None),
        "an empty sub": signed(sub=""),
        "a sub that is a number": forged(HS, claims(sub=7)),
        "a sub of two lines": signed(sub="a\nb"),
        "a sub without end": signed(sub="a" * 256),
        "exp not a number": forged(HS, claims(exp="tomorrow")),
        "exp infinite": forged(HS, claims(exp=inf)),
        "exp larger than any float": forged(HS, claims(exp=10**400)),
        "iat larger than any float": forged(HS, claims(iat=10**400)),
        "nbf larger than any float": forged(HS, claims(nbf=10**400)),
        "exp null": forged(HS, {**claims(), "exp": None}),
        "exp a list": forged(HS, claims(exp=[ago(-HOUR)])),
        "not yet valid": signed(nbf=ago(-HOUR)),
        "of the future": signed(iat=ago(-HOUR)),
        "a critical header nobody knows": forged({**HS, "crit": ["x"], "x": 1}, claims()),
        "body not JSON": forged(HS, b"{"),
        "body not an object": forged(HS, b"[]"),
        "body too deep": forged(HS, b"[" * 5000),
        "header too deep": "W1tb" * 1500 + ".e30.e30",
        "two parts": signed().rpartition(".")[0],
        "four parts": signed() + ".e30",
        "five parts": "a.b.c.d.e",
        "changed": signed()[:-10] + "A" * 10,
        "garbage": "garbage",
        "not base64": "$.$.$",
        "bytes": "\u00ff\u00fe",
        "dots": "..",
    }


@pytest.mark.parametrize("name", good())
async def test_a_good_token_gets_in(guarded: Served, name: str) -> None:
    assert (await guarded.get(ASKED, **bearer(good()[name]))).status_code == IN


@pytest.mark.parametrize("name", bad())
async def test_a_bad_token_is_not_valid(guarded: Served, name: str) -> None:
    answer = await guarded.client.get(
        ASKED, headers={b"Authorization": f"Bearer {bad()[name]}".encode("latin-1")}
    )
    told = (answer.status_code, answer.headers["content-type"], answer.json()["detail"])
    assert told == (401, "application/problem+json", "the token is not valid")


async def test_an_expired_token_is_told_so(guarded: Served) -> None:
    answer = await guarded.get(ASKED, **bearer(signed(exp=ago(60))))
    assert (answer.status_code, answer.json()["detail"]) == (401, "the token has expired")


async def test_an_expired_token_of_somebody_else_is_only_not_valid(guarded: Served) -> None:
    answer = await guarded.get(ASKED, **bearer(signed("b" * 32, exp=ago(60))))
    assert answer.json()["detail"] == "the token is not valid"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://issuer.example", "aud": "rides"}, IN),
        ({"iss": "https://issuer.example", "aud": ["other", "rides"]}, IN),
        ({"iss": "https://issuer.example"}, 401),
        ({"aud": "rides"}, 401),
        ({}, 401),
        ({"iss": "https://issuer.example", "aud": "other"}, 401),
        ({"iss": "https://issuer.example", "aud": ["other"]}, 401),
        ({"iss": "https://issuer.example/", "aud": "rides"}, 401),
        ({"iss": "https://issuer.example", "aud": {"rides": 1}}, 401),
    ],
)
async def test_issuer_and_audience_where_they_are_set(
    named: Served, changes: dict[str, Any], status: int
) -> None:
    token = forged(HS, claims(**changes))
    assert (await named.get(ASKED, **bearer(token))).status_code == status


@pytest.mark.parametrize("role", ["viewer", "analyst", "admin"])
async def test_each_role_gets_in(guarded: Served, role: str) -> None:
    assert (await guarded.get(ASKED, **bearer(signed(role=role)))).status_code == IN


@pytest.mark.parametrize("role", [None, "", "root", "Admin", "none", 3, True, ["admin"], {"admin": True}])
async def test_a_role_that_is_none_of_ours_allows_nothing(guarded: Served, role: object) -> None:
    answer = await guarded.get(ASKED, **bearer(signed(role=role)))
    assert (answer.status_code, "insufficient_scope" in answer.headers["WWW-Authenticate"]) == (403, True)


async def test_the_role_is_in_the_claim_that_is_set() -> None:
    async with (
        resources(SECRET_ENVIRON | {"JWT_ROLE_CLAIM": "https://rides.example/role"}) as given,
        serving(given) as served,
    ):
        token = signed(role=None, **{"https://rides.example/role": "viewer"})
        assert (await served.get(ASKED, **bearer(token))).status_code == IN


async def test_without_a_token_one_is_asked_for(guarded: Served) -> None:
    answer = await guarded.get(ASKED)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="openride-analytics"',
    )


@pytest.mark.parametrize("value", ["", "Bearer", "Basic dTpw", signed()])
async def test_another_kind_of_authorization_is_none(guarded: Served, value: str) -> None:
    assert (await guarded.get(ASKED, Authorization=value)).status_code == 401


async def test_two_tokens_are_none(guarded: Served) -> None:
    headers = [("Authorization", f"Bearer {signed()}"), ("Authorization", f"Bearer {signed(role='admin')}")]
    assert (await guarded.client.get(ASKED, headers=headers)).status_code == 401


async def test_a_token_anywhere_else_is_none(guarded: Served) -> None:
    token = signed()
    answer = await guarded.get(f"{ASKED}&access_token={token}", Cookie=f"token={token}")
    assert answer.status_code == 401


async def test_the_scheme_may_be_written_as_one_likes(guarded: Served) -> None:
    assert (await guarded.get(ASKED, Authorization=f"bEARER  {signed()}")).status_code == IN


async def test_without_access_control_nobody_is_asked() -> None:
    async with resources({}) as given, serving(given) as served:
        assert (await served.get(ASKED)).status_code == IN


async def test_who_calls_is_in_no_log_and_no_metric(
    guarded: Served, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = (signed(), signed(role="root"), signed(exp=ago(60)), signed("b" * 32))
    with caplog.at_level(logging.DEBUG):
        said = [(await guarded.get(ASKED, **bearer(token))).text for token in tokens]
    metrics = (await guarded.get("/metrics")).text
    everything = "\n".join(
        [
            *said,
            metrics,
            *(str(vars(record)) for record in caplog.records if record.name.startswith("openride")),
        ]
    )
    assert [word for word in (SUBJECT, *tokens) if word in everything] == []


def test_a_caller_prints_without_the_subject() -> None:
    assert SUBJECT not in repr(Caller(SUBJECT, Role.VIEWER))
